import { expect, test } from "vitest";
import { firstDifference, mergeCounts, withDumped, withinBudget } from "../../../lib/database/row-counts.ts";

const table = (key: string, estimate: number): { key: string; estimate: number } => ({ key, estimate });

test("the smallest tables are counted until the budget is used up", () => {
  const tables = [table("large", 900), table("small", 10), table("empty", 0), table("middle", 90)];
  expect(withinBudget(tables, 100).map(({ key }) => key)).toEqual(["empty", "small", "middle"]);
  expect(withinBudget(tables, 99).map(({ key }) => key)).toEqual(["empty", "small"]);
  expect(withinBudget(tables, 0).map(({ key }) => key)).toEqual(["empty"]);
});

test("partitions add up under their table, which is exact only when all of them are", () => {
  const [one, two, other] = [table("t", 5), table("t", 7), table("u", 1)];
  expect(
    Object.fromEntries(
      mergeCounts(
        [one, two, other],
        new Map([
          [one, 4],
          [other, 2],
        ]),
      ),
    ),
  ).toEqual({
    t: { rows: 11, exact: false },
    u: { rows: 2, exact: true },
  });
});

test("success reported for nothing: a missing table, a missing row and a row too many are all named", () => {
  const counts = new Map([
    ["a", { rows: 2, exact: true }],
    ["b", { rows: 100, exact: false }],
  ]);
  expect(
    firstDifference(
      counts,
      new Map([
        ["a", 2],
        ["b", 90],
      ]),
    ),
  ).toBeUndefined();
  expect(firstDifference(counts, new Map([["a", 2]]))).toBe("the dump lacks the table b");
  expect(
    firstDifference(
      counts,
      new Map([
        ["a", 1],
        ["b", 1],
      ]),
    ),
  ).toBe("the dump holds 1 row of the table a, the database 2");
  expect(
    firstDifference(
      counts,
      new Map([
        ["a", 3],
        ["b", 1],
      ]),
    ),
  ).toContain("a");
});

test("after a dump its rows take the place of estimates, and of nothing else", () => {
  const counts = new Map([
    ["a", { rows: 2, exact: true }],
    ["b", { rows: 100, exact: false }],
    ["c", { rows: 7, exact: false }],
  ]);
  expect(
    withDumped(
      counts,
      new Map([
        ["a", 9],
        ["b", 90],
      ]),
    ),
  ).toEqual({
    a: { rows: 2, exact: true },
    b: { rows: 90, exact: true },
    c: { rows: 7, exact: false },
  });
});
