import fc from "fast-check";
import { describe, expect, test } from "vitest";
import {
  canonicalDouble,
  canonicalJson,
  canonicalNumber,
  canonicalSingle,
  canonicalTime,
} from "../../../../lib/database/digest/canonical.ts";
import { TableDigest } from "../../../../lib/database/digest/table.ts";

test.each([
  ["0", "0"],
  ["-0", "0"],
  ["-0.00", "0"],
  ["+007.50", "7.5"],
  [".5", "0.5"],
  ["1e3", "1000"],
  ["1.5E-3", "0.0015"],
  ["-12345678901234567890.10", "-12345678901234567890.1"],
  ["1e+22", "10000000000000000000000"],
  ["NaN", "NaN"],
  ["Infinity", "Infinity"],
])("the number %s is %s", (text, canonical) => {
  expect(canonicalNumber(text)).toBe(canonical);
});

test("any double comes back from its canonical form, and has no exponent", () => {
  fc.assert(
    fc.property(fc.double({ noNaN: true, noDefaultInfinity: true }), (value) => {
      expect(Number(canonicalDouble(value))).toBe(value === 0 ? 0 : value);
      expect(canonicalDouble(value)).toMatch(/^-?\d+(?:\.\d*[1-9])?$/);
    }),
  );
});

test("single precision is the same however many digits are printed", () => {
  expect(canonicalSingle("0.10000000149011612")).toBe(canonicalSingle("0.1"));
});

test.each([
  ["2026-01-31T10:00:00.120000Z", "2026-01-31 10:00:00.12"],
  ["2026-01-31 10:00:00+00", "2026-01-31 10:00:00"],
  ["2026-01-31", "2026-01-31"],
  ["10:00", "10:00:00"],
  ["infinity", "infinity"],
  ["", ""],
])("the time %s is %s", (text, canonical) => {
  expect(canonicalTime(text)).toBe(canonical);
});

test.each([
  [`{"b":1.50, "a":[1e2,"1.50"]}`, `{"a":[100,"1.50"],"b":1.5}`],
  ["12345678901234567890123", "12345678901234567890123"],
  [`"\\u0000x"`, `"\\u0000x"`],
  ["no json", "no json"],
])("the JSON %s is %s", (text, canonical) => {
  expect(canonicalJson(text)).toBe(canonical);
});

describe("a multiset of rows", () => {
  const digestOf = (rows: readonly (readonly (string | null)[])[]): string => {
    const digest = new TableDigest([{ name: "a" }, { name: "b" }]);
    for (const row of rows) digest.add(row.map((cell) => (cell === null ? null : Buffer.from(cell))));
    return digest.finish();
  };
  const rows = fc.array(fc.tuple(fc.option(fc.string()), fc.option(fc.string())), { maxLength: 20 });

  test("has one digest in any order", () => {
    fc.assert(
      fc.property(rows, (some) => {
        expect(digestOf(some.toReversed())).toBe(digestOf(some));
      }),
    );
  });

  test("has another with one row more, twice or otherwise", () => {
    fc.assert(
      fc.property(rows, fc.tuple(fc.string(), fc.string()), (some, row) => {
        const digests = [some, [...some, row], [...some, row, row], [...some, [`${row[0]}${row[1]}`, ""]]];
        const different = row[1] === "" ? 3 : 4;
        expect(new Set(digests.map(digestOf)).size).toBe(different);
      }),
    );
  });
});
