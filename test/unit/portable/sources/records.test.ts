/** The parts that read what other programs wrote. */
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { parseJson, toPythonJson } from "../../../../lib/portable/sources/json/lossless.ts";
import { expandLastMigrations } from "../../../../lib/portable/sources/last-migrations.ts";
import { JsonReader } from "../../../../lib/portable/sources/json/stream.ts";
import { plain } from "../../../../lib/portable/sources/read/record.ts";
import {
  durationText,
  microsecondsOf,
  momentText,
  timeText,
} from "../../../../lib/portable/sources/load/timestamps.ts";
import { valueFor } from "../../../../lib/portable/sources/load/values.ts";
import type { Column, Kind } from "../../../../lib/portable/schema/tables.ts";

/** A text in pieces, cut at these places. */
async function* pieces(text: string, cuts: readonly number[]): AsyncGenerator<string> {
  let from = 0;
  for (const cut of [...cuts.map((one) => one % (text.length + 1)).toSorted((a, b) => a - b), text.length]) {
    await Promise.resolve();
    yield text.slice(from, cut);
    from = cut;
  }
}

describe("JSON", () => {
  test("is what JSON.parse says, and nothing else is", () => {
    fc.assert(
      fc.property(fc.json({ maxDepth: 6 }), (text) => {
        expect(JSON.stringify(plain(parseJson(text)))).toBe(
          JSON.stringify(plain(parseJson(JSON.stringify(JSON.parse(text))))),
        );
        expect(JSON.parse(toPythonJson(parseJson(text)))).toEqual(JSON.parse(text));
      }),
    );
    for (const wrong of ["", "{", "[1,]", '{"a" 1}', "01", "1 2", '"\n"', "nul", '{"a":1,}', "'a'"])
      expect(() => parseJson(wrong)).toThrow(SyntaxError);
  });

  test("numbers keep their digits, members their order", () => {
    const text = '{"2": 1.10, "1": 12345678901234567890, "0": [1e400, NaN, -0.0, 9007199254740993]}';
    expect(toPythonJson(parseJson(text))).toBe(text);
    expect(toPythonJson("ü🎧\n")).toBe(String.raw`"\u00fc\ud83c\udfa7\n"`);
  });

  test("values are found wherever the pieces end, with their lines", async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.jsonValue({ maxDepth: 4 }), { minLength: 1 }),
        fc.array(fc.nat(), { maxLength: 30 }),
        fc.constantFrom(0, 1),
        async (values, cuts, indent) => {
          const text = JSON.stringify(values, null, indent);
          const reader = new JsonReader(pieces(text, cuts));
          expect(await reader.takes("[")).toBe(true);
          const found: unknown[] = [];
          while (!(await reader.takes("]"))) {
            if (found.length > 0) expect(await reader.takes(",")).toBe(true);
            const one = await reader.value();
            found.push(JSON.parse(one?.text ?? ""));
          }
          expect(JSON.stringify(found)).toBe(JSON.stringify(values));
          expect(reader.line).toBe(text.split("\n").length);
          expect(await reader.peek()).toBeUndefined();
        },
      ),
    );
  });

  test("what was cut off is not a value", async () => {
    const text = '{"a": ["]}", {"b": "\\"}"}]}';
    for (let end = 1; end < text.length; end++)
      expect(await new JsonReader(pieces(text.slice(0, end), [3, 7])).value()).toBeUndefined();
    expect(await new JsonReader(pieces(text, [3, 7])).value()).toEqual({ text, line: 1 });
  });

  test("what comes before is passed over wherever the pieces end, and its lines are counted", async () => {
    const text = 'log [x]\nmore\n[{"model": 1}]';
    for (let cut = 0; cut < text.length; cut++) {
      const reader = new JsonReader(pieces(text, [cut]));
      expect(await reader.seek(/\[\s*\{/, 1000)).toBe(true);
      expect(await reader.takes("[")).toBe(true);
      expect(await reader.value()).toEqual({ text: '{"model": 1}', line: 3 });
    }
    expect(await new JsonReader(pieces("x".repeat(100), [10, 50])).seek(/\[/, 20)).toBe(false);
  });
});

const column = (kind: Kind, more: Partial<Column> = {}): Column => ({
  name: "c",
  kind,
  native: kind,
  nullable: true,
  generated: false,
  hasDefault: false,
  ...more,
});

describe("values", () => {
  test.each([
    ["2024-03-31T01:30:00.123+02:00", "2024-03-30 23:30:00.123000"],
    ["2024-02-29T23:59:59Z", "2024-02-29 23:59:59"],
    ["2024-02-29 23:59:59.999999", "2024-02-29 23:59:59.999999"],
    ["0999-01-01T00:30:00+01:00", "0998-12-31 23:30:00"],
    ["2024-02-29", "2024-02-29 00:00:00"],
  ])("the moment %s is %s", (given, wanted) => {
    expect(momentText(given, false)).toBe(wanted);
  });

  test.each([
    ["1 02:03:04.500000", "1 day 02:03:04.5", 93_784_500_000n],
    ["-1 23:59:59.999999", "-1 days +23:59:59.999999", -1n],
    ["P2DT00H00M00S", "2 days", 172_800_000_000n],
    ["-P0DT00H00M01.5S", "-1 days +23:59:58.5", -1_500_000n],
    ["00:00:00", "00:00:00", 0n],
  ])("the duration %s is %s", (given, wanted, microseconds) => {
    expect(durationText(given)).toBe(wanted);
    expect(microsecondsOf(given)).toBe(microseconds);
    expect(valueFor(column("integer"), given)).toBe(Number(microseconds));
  });

  test("each kind takes its own, and says what it does not take", () => {
    expect(timeText("06:30:00.1")).toBe("06:30:00.100000");
    expect(valueFor(column("uuid"), "0B5E1C1E8C8E4F7E9F7C0123456789AB")).toBe("0b5e1c1e-8c8e-4f7e-9f7c-0123456789ab");
    expect(valueFor(column("text", { length: 32 }), "0b5e1c1e-8c8e-4f7e-9f7c-0123456789ab")).toHaveLength(32);
    expect(valueFor(column("array"), '["a", "b \\"c\\"", null, "null"]')).toBe(String.raw`{a,"b \"c\"",NULL,"null"}`);
    expect(valueFor(column("integer"), parseJson("9223372036854775807"))).toBe("9223372036854775807");
    expect(valueFor(column("decimal"), parseJson("1.10"))).toBe("1.10");
    expect(valueFor(column("float8"), parseJson("NaN"))).toEqual({ $: "nan" });
    expect(valueFor(column("json"), parseJson('"text"'))).toBe('"text"');
    for (const [kind, value] of [
      ["integer", "many"],
      ["boolean", "perhaps"],
      ["timestamp", "yesterday"],
      ["uuid", "5"],
      ["decimal", "1,5"],
      ["date", "2024-01"],
    ] as const)
      expect(() => valueFor(column(kind), value)).toThrow(/expects .*, found /);
  });
});

test("the last migration of an app stands for those before it", () => {
  const here = { tool: "Django", applied: ["shop.0001_a", "shop.0002_b", "shop.0003_c", "auth.0001_initial"] };
  expect(expandLastMigrations({ shop: "0002_b" }, here)?.applied).toEqual([
    "shop.0001_a",
    "shop.0002_b",
    "auth.0001_initial",
  ]);
  expect(expandLastMigrations({ shop: "0002" }, here)?.applied).toEqual([
    "shop.0001_a",
    "shop.0002_b",
    "auth.0001_initial",
  ]);
  expect(expandLastMigrations({ shop: "0004_d" }, here)?.applied).toContain("shop.0004_d");
  expect(expandLastMigrations({}, here)).toBeNull();
  expect(expandLastMigrations({ shop: "0001_a" }, null)).toBeNull();
});
