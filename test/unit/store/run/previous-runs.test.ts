/** The turn at which a linked unit is read again. */
import fc from "fast-check";
import { expect, test } from "vitest";
import { unreadRuns } from "../../../../lib/store/run/previous-runs.ts";

test("of any runs that link a unit every n-th reads it, and the first comes within n", () => {
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 12 }), fc.string({ minLength: 1 }), (every, directory) => {
      let unread: number | undefined;
      const read: number[] = [];
      for (let run = 1; run <= 4 * every; run++) {
        unread = unreadRuns(unread, directory, every);
        if (unread === 0) read.push(run);
      }
      expect(read[0]).toBeLessThanOrEqual(every);
      expect(read.slice(1).map((run, index) => run - (read[index] ?? 0))).toEqual(read.slice(1).map(() => every));
      expect(read.length).toBeGreaterThanOrEqual(4);
    }),
  );
});

test("units that were built together do not come together", () => {
  const first = Array.from({ length: 100 }, (_none, id) => unreadRuns(undefined, `legacy_zips/${id}`, 10) === 0);
  const due = first.filter(Boolean).length;
  expect(due).toBeGreaterThan(2);
  expect(due).toBeLessThan(30);
});
