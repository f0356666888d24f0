import { expect, test } from "vitest";
import { compareTables } from "../../../lib/database/compare-facts.ts";

const exact = (rows: number) => ({ rows, exact: true });

test("missing, new and short tables are named one by one; estimates are not proved", () => {
  const recorded = { a: exact(1), b: exact(2), c: exact(3), d: { rows: 9, exact: false }, constructor: exact(1) };
  const found = { a: exact(1), b: exact(1), d: exact(10), e: exact(0) };
  expect(compareTables(recorded, found)).toEqual({
    differences: [
      "table b has 1 row, 2 were recorded",
      "table c is missing",
      "table constructor is missing",
      "table e was not in the backup",
    ],
    notCompared: ["rows of d: only an estimate is known"],
  });
  expect(compareTables(found, found)).toEqual({ differences: [], notCompared: [] });
});
