import { describe, expect, test } from "vitest";
import type { CapturedSettings, Setting } from "../../../../lib/portable/format/settings.ts";
import { compareSettings } from "../../../../lib/portable/compare/settings-diff.ts";

const RULES = { critical: ["DATABASES.*.ENGINE", "SECRET_KEY", "*_ROOT"], warning: ["time_zone", "CACHES*"] };
const of = (values: Record<string, Setting["value"]>, secrets: Record<string, boolean> = {}): CapturedSettings => {
  const about = { type: "string", source: "test", description: null };
  return {
    captured_at: "2026-11-21T00:00:00.000Z",
    settings: Object.fromEntries([
      ...Object.entries(values).map(([name, value]): [string, Setting] => [name, { value, ...about }]),
      ...Object.entries(secrets).map(([name, present]): [string, Setting] => [
        name,
        { value: null, ...about, present },
      ]),
    ]),
  };
};
const told = (there: CapturedSettings, here: CapturedSettings): string[] =>
  compareSettings(there, here, RULES).differences.map(({ severity, name, change }) => `${severity} ${name} ${change}`);

describe("a setting", () => {
  test("that is the same, in whatever order its parts stand, is not a difference", () => {
    const [a, b] = [of({ A: { x: 1, y: [1, "2"] }, B: null }), of({ B: null, A: { y: [1, "2"], x: 1 } })];
    expect(told(a, b)).toEqual([]);
  });

  test("is the same as text and as a number, but not as another number, an empty text or nothing", () => {
    expect(told(of({ A: 1, B: true }), of({ A: "1", B: "true" }))).toEqual([]);
    expect(told(of({ A: 0, B: null, C: "" }), of({ A: "", B: "", C: null }))).toHaveLength(3);
  });

  test("is judged by globs that do not look at capitals and pass dots; the gravest come first", () => {
    const there = of({
      "DATABASES.default.ENGINE": "a",
      a_root: "/a",
      TIME_ZONE: "a",
      "CACHES.default.X": 1,
      Z: 1,
      B: 1,
    });
    expect(told(there, of({ "DATABASES.default.ENGINE": "b", a_root: "/b", TIME_ZONE: "b", Z: 2, B: 2 }))).toEqual([
      "critical DATABASES.default.ENGINE changed",
      "critical a_root changed",
      "warning CACHES.default.X missing here",
      "warning TIME_ZONE changed",
      "info B changed",
      "info Z changed",
    ]);
  });

  test("is meant by the name of what it is in, not by a part of that name", () => {
    const rules = { critical: ["STORAGES"], warning: [] };
    const { differences } = compareSettings(of({ "STORAGES.media.X": 1, STORAGES_OLD: 1 }), of({}), rules);
    expect(differences.map(({ severity, name }) => `${severity} ${name}`)).toEqual([
      "critical STORAGES.media.X",
      "info STORAGES_OLD",
    ]);
  });

  test("in a list has its place", () => {
    expect(told(of({ A: ["x", "y"] }), of({ A: ["y", "x"] }))).toEqual(["info A changed"]);
  });

  test("counts one by one", () => {
    expect(compareSettings(of({ X_ROOT: 1, TIME_ZONE: 1, A: 1, B: 1 }), of({}), RULES).counts).toEqual({
      critical: 1,
      warning: 1,
      info: 2,
    });
  });
});

describe("of a secret", () => {
  test("only whether it is there is compared; one that is empty is not there", () => {
    expect(told(of({}, { SECRET_KEY: true }), of({}, { SECRET_KEY: true }))).toEqual([]);
    expect(told(of({}, { SECRET_KEY: true }), of({ SECRET_KEY: "/run/secrets/key" }))).toEqual([]);
    expect(told(of({}, { SECRET_KEY: true }), of({}, { SECRET_KEY: false }))).toEqual([
      "critical SECRET_KEY missing here",
    ]);
    expect(told(of({}, { SECRET_KEY: true }), of({}))).toEqual(["critical SECRET_KEY missing here"]);
    expect(told(of({}, { SECRET_KEY: false }), of({}))).toEqual([]);
    expect(told(of({}), of({}, { SECRET_KEY: true }))).toEqual(["critical SECRET_KEY missing there"]);
  });

  test("that no config names: its absence here is a warning, and a new one here is not", () => {
    expect(told(of({}, { MAIL_TOKEN: true }), of({}))).toEqual(["warning MAIL_TOKEN missing here"]);
    expect(told(of({}), of({}, { MAIL_TOKEN: true }))).toEqual(["info MAIL_TOKEN missing there"]);
  });
});

test("each difference says what it may lead to", () => {
  const there = of(
    { MEDIA_ROOT: "/a", "DATABASES.default.ENGINE": "a", AUTHENTICATION_BACKENDS: ["a"], X: 1 },
    { KEY: true },
  );
  const impacts = compareSettings(there, of({}), RULES).differences.map(({ name, impact }) => [name, impact]);
  expect(Object.fromEntries(impacts)).toEqual({
    MEDIA_ROOT: expect.stringContaining("files") as string,
    "DATABASES.default.ENGINE": expect.stringContaining("engine") as string,
    AUTHENTICATION_BACKENDS: expect.stringContaining("sign in") as string,
    X: expect.stringContaining("default") as string,
    KEY: expect.stringContaining("signed or encrypted") as string,
  });
});
