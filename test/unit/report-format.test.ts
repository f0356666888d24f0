/** Counts with their words. */
import { expect, test } from "vitest";
import { plural, wordFor } from "../../lib/report/format.ts";

test.each([
  [1, "entry", "1 entry"],
  [2, "entry", "2 entries"],
  [0, "index", "0 indices"],
  [1, "reference", "1 reference"],
  [3, "archive", "3 archives"],
])("%i %s is %s", (count, word, text) => expect(plural(count, word)).toBe(text));

test("a phrase agrees with its count", () => {
  expect(plural(1, "row references", "rows reference")).toBe("1 row references");
  expect(plural(2, "row references", "rows reference")).toBe("2 rows reference");
  expect(wordFor(1, "is", "are")).toBe("is");
});
