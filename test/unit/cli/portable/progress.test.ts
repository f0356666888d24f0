import { expect, test } from "vitest";
import { progressText } from "../../../../lib/cli/portable/progress.ts";

const done = { table: "item", phase: "staging", rows: 12_000, done: 20_000, total: 100_000, elapsedMs: 10_000 };

test("rows of the table, the pace of all of it, and what is left", () => {
  expect(progressText(done)).toBe("staging item: 12,000 rows, 2,000 rows/s, 40.0 s left");
  expect(progressText({ ...done, done: 1000, elapsedMs: 500 })).toBe("staging item: 12,000 rows, 2,000 rows/s");
});

test("estimates that are missing or too small", () => {
  expect(progressText({ ...done, total: 0 })).toBe("staging item: 12,000 rows, 2,000 rows/s");
  expect(progressText({ ...done, total: 10_000 })).toBe("staging item: 12,000 rows, 2,000 rows/s, 0.0 s left");
  expect(progressText({ ...done, done: 0, elapsedMs: 0 })).toBe("staging item: 12,000 rows, 0 rows/s");
});
