import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { nextRunId, timeOfRun } from "../../../lib/store/files/layout.ts";
import { unitDirectories, unitOrder } from "../../../lib/store/run/unit-name.ts";

const bytes = fc.uint8Array({ minLength: 1, maxLength: 255 }).map((array) => Buffer.from(array).toString("latin1"));
const lookalikes = fc.stringMatching(/^[aAbB.%~-]{1,6}$/);

describe("directories of units", () => {
  test("are safe, and differ for different units, also where case does not count", () => {
    fc.assert(
      fc.property(fc.uniqueArray(fc.oneof(bytes, lookalikes), { maxLength: 40 }), (names) => {
        const directories = [...unitDirectories(names).values()];
        for (const directory of directories) expect(directory).toMatch(/^[A-Za-z0-9_%][A-Za-z0-9_.%~-]{0,99}$/);
        expect(new Set(directories.map((directory) => directory.toLowerCase())).size).toBe(names.length);
      }),
      { numRuns: 500 },
    );
  });

  test.each([
    ["12", "12"],
    ["Le_petit_prince_12", "Le_petit_prince_12"],
    ["index.json", "%69ndex.json"],
    [".hidden", "%2Ehidden"],
    ["-rf", "%2Drf"],
    ["..", "%2E."],
    ["a b/c", "a%20b%2Fc"],
    ["~files", "%7Efiles"],
    ["CON", "%43ON"],
  ])("%s becomes %s", (name, directory) => {
    expect(unitDirectories([name]).get(name)).toBe(directory);
  });

  test("names that differ in case alone are told apart by their capitals", () => {
    expect([...unitDirectories(["Foo", "foo", "Bar"]).values()]).toEqual(["%46oo", "foo", "Bar"]);
  });
});

describe("run ids", () => {
  test("are UTC, and always later than the newest", () => {
    const now = new Date("2026-11-20T02:00:00.900Z");
    expect(nextRunId(now, undefined)).toBe("20261120T020000Z");
    expect(nextRunId(now, "20261119T235959Z")).toBe("20261120T020000Z");
    expect(nextRunId(now, "20261120T020000Z")).toBe("20261120T020001Z");
    expect(nextRunId(now, "20261231T235959Z")).toBe("20270101T000000Z");
    expect(timeOfRun("20261120T020000Z").toISOString()).toBe("2026-11-20T02:00:00.000Z");
  });
});

test("numbers in names of units are ordered by value, the rest by byte, and what has no unit comes first", () => {
  const names = ["10", "9", "a10", "a9", "a", "b", "A", "2/x", "2", ""];
  expect(names.toSorted(unitOrder)).toEqual(["", "2", "2/x", "9", "10", "A", "a", "a9", "a10", "b"]);
});
