/** The rules of the anomaly guard, each at its limits. */
import { describe, expect, test } from "vitest";
import type { UnitFacts } from "../../../../lib/ops/anomalies/facts.ts";
import { groupFindings, type Found } from "../../../../lib/ops/anomalies/judge/group.ts";
import { judgeContent } from "../../../../lib/ops/anomalies/rules/content.ts";
import { judgeRewrite, rewrittenIn } from "../../../../lib/ops/anomalies/rules/rewrite.ts";
import { judgeSeries } from "../../../../lib/ops/anomalies/rules/series.ts";
import { judgeGone, judgeNothing } from "../../../../lib/ops/anomalies/rules/units.ts";

const flat = (length: number, value = 1000): number[] => Array.from({ length }, () => value);
const codeOf = (now: number, window: readonly number[]): string | undefined => {
  const found = judgeSeries(now, window);
  return found === undefined ? undefined : `${found.level} ${found.code}`;
};

describe("a series", () => {
  test.each([
    ["nothing is known yet", 0, [], undefined],
    ["empty after seven runs", 0, flat(7, 50), "alarm empty"],
    ["empty, and small", 0, flat(7, 49), undefined],
    ["empty, as it was five runs ago", 0, [...flat(5), 0, ...flat(5)], undefined],
    ["empty after two runs", 0, flat(2), "alarm cold"],
    ["a tenth after four runs", 100, flat(4), undefined],
    ["less than a tenth after four runs", 99, flat(4), "alarm cold"],
    ["more than 20 times after four runs", 20_001, flat(4), "alarm cold"],
    ["a quarter lost", 750, flat(5), undefined],
    ["more than a quarter lost", 749, flat(5), "alarm shrank"],
    ["more than a quarter lost, near to what it was once", 700, [770, ...flat(10)], undefined],
    ["three times as much", 3000, flat(5), undefined],
    ["more than three times as much", 3010, flat(5), "notice grew"],
    ["eleven per cent lost after fourteen steps", 889, flat(15), "notice never"],
    ["eleven per cent lost after thirteen steps", 889, flat(14), undefined],
    ["eleven per cent lost, once before", 889, [1030, ...flat(20)], undefined],
    ["a small series that is halved", 24, flat(30, 49), undefined],
  ])("%s", (_, now, window, expected) => {
    expect(codeOf(now, window)).toBe(expected);
  });

  test("whose steps vary much is judged by six of their deviations", () => {
    const swing = Array.from({ length: 35 }, (_, day) => (day % 2 === 0 ? 1000 : 1300));
    expect(codeOf(600, swing)).toBeUndefined();
    expect(codeOf(30, swing)).toBe("alarm shrank");
  });

  test("has the limits of the config", () => {
    expect(judgeSeries(600, flat(10), { shrink: -Math.log(0.5), grow: Math.log(2) })).toBeUndefined();
    expect(judgeSeries(490, flat(10), { shrink: -Math.log(0.5), grow: Math.log(2) })?.code).toBe("shrank");
    expect(judgeSeries(2100, flat(10), { shrink: -Math.log(0.5), grow: Math.log(2) })?.code).toBe("grew");
  });
});

const MIB = 1024 * 1024;
type Content = Parameters<typeof judgeContent>[0];
const content = (extensions: Record<string, number>, saved = 0.6, bytes = 2 * MIB): Content => ({
  bytes,
  files: Object.values(extensions).reduce((sum, count) => sum + count, 0),
  extensions,
  deflate: { bytes, saved_bytes: bytes * saved },
});
const codes = (now: Content, was: Content): string[] => judgeContent(now, was).map(({ code }) => code);

describe("the content of a unit", () => {
  test.each([
    ["a hundred of 199 files are gone", { txt: 99 }, { txt: 199 }, ["deleted"]],
    ["99 of 150 files are gone", { txt: 51 }, { txt: 150 }, []],
    ["half of the files are gone, not more", { txt: 100 }, { txt: 200 }, []],
    ["half of the files got a new extension", { txt: 100, locked: 100 }, { txt: 200 }, ["renamed"]],
    ["fewer than half of them did", { txt: 101, locked: 99 }, { txt: 200 }, []],
    ["new files beside all old ones", { txt: 200, webp: 200 }, { txt: 200 }, []],
    ["files of rare extensions are counted together", { "*": 300 }, { txt: 200 }, []],
    ["a name of JavaScript's own", { txt: 200 }, { constructor: 200, txt: 200 }, ["deleted"]],
  ])("%s", (_, now, was, expected) => {
    expect(codes(content(now), content(was))).toEqual(expected);
  });

  test("that does not shrink any more is encrypted, from a MiB on", () => {
    const files = { txt: 10 };
    expect(codes(content(files, 0.029), content(files, 0.3))).toEqual(["entropy"]);
    expect(codes(content(files, 0.031), content(files, 0.3))).toEqual([]);
    expect(codes(content(files, 0.01), content(files, 0.29))).toEqual([]);
    expect(codes(content(files, 0.01, MIB - 1), content(files, 0.5))).toEqual([]);
    const media = { ...content({ mp3: 10 }), deflate: { bytes: MIB / 10, saved_bytes: 0 } };
    expect(codes(media, content(files))).toEqual(["renamed"]);
  });
});

const unit = (builtIn: string, digest: string, bytes = 100): UnitFacts => ({
  step: "source_exports",
  unit: "1",
  isShard: false,
  builtIn,
  bytes,
  files: 1,
  content: digest,
  isReusable: true,
  extensions: {},
  deflate: { bytes: 0, saved_bytes: 0 },
  tables: new Map(),
  migrations: "null",
});
const units = (count: number, one: (index: number) => UnitFacts): Map<string, UnitFacts> =>
  new Map(Array.from({ length: count }, (_, index) => [String(index), one(index)]));

describe("a step", () => {
  test("of which twenty units with half of the bytes were rewritten", () => {
    const before = units(30, () => unit("a", "old"));
    const now = (count: number) => units(30, (index) => (index < count ? unit("b", "new") : unit("a", "old")));
    const judged = (count: number, window: number[]) => {
      const rewritten = rewrittenIn(now(count), before);
      return rewritten === undefined ? undefined : judgeRewrite(rewritten, window)?.code;
    };
    expect(judged(20, [0.01, 0, 0.02])).toBe("rewrite");
    expect(judged(19, [0.01, 0, 0.02])).toBeUndefined();
    expect(judged(30, [0.1, 0.9, 0.2, 0.8, 0.3])).toBeUndefined();
    expect(
      rewrittenIn(
        units(30, () => unit("b", "old")),
        before,
      ),
    ).toEqual({ units: 0, part: 0 });
    expect(
      rewrittenIn(
        now(30),
        units(30, () => ({ ...unit("a", "old"), isReusable: false })),
      ),
    ).toBeUndefined();
  });

  test("may lose three units, or two per cent", () => {
    const gone = (count: number) => Array.from({ length: count }, (_, index) => `p${index}`);
    expect(judgeGone(gone(3), 20, 17)).toBeUndefined();
    expect(judgeGone(gone(4), 20, 16)?.code).toBe("gone");
    expect(judgeGone(gone(10), 500, 490)).toBeUndefined();
    expect(judgeGone(gone(11), 500, 489)?.rule).toContain("p0, p1, p2, p3, p4 and 6 more");
    expect([judgeNothing(3, 0)?.code, judgeNothing(0, 0), judgeNothing(3, 1)]).toEqual([
      "nothing",
      undefined,
      undefined,
    ]);
  });
});

test("more than ten findings of one kind are one anomaly, alarms come first", () => {
  const found = (index: number, about: Partial<Found> = {}): Found => ({
    level: "alarm",
    code: "shrank",
    was: 100,
    now: 50,
    rule: "bytes: fell",
    step: "trees",
    unit: `u${index}`,
    table: null,
    ...about,
  });
  const many = (count: number, about: Partial<Found> = {}) =>
    Array.from({ length: count }, (_, at) => found(at, about));
  expect(groupFindings(many(10))).toHaveLength(10);
  expect(groupFindings([found(0, { level: "notice", code: "grew" }), ...many(11)])).toEqual([
    expect.objectContaining({ level: "alarm", unit: null, was: null, now: 11 }),
    expect.objectContaining({ level: "notice", unit: "u0" }),
  ]);
  const tables = many(12).map((one, at) => ({ ...one, step: "db" as const, unit: "main", table: `t${at}` }));
  expect(groupFindings(tables)).toEqual([expect.objectContaining({ unit: "main", table: null, now: 12 })]);
});
