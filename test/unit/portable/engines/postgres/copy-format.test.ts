import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { rowsOf } from "../../../../support/cell-batch.ts";
import { Batch } from "../../../../../lib/portable/engines/shared/row-batches.ts";
import { copyLines, CopyReader } from "../../../../../lib/portable/engines/postgres/copy-format.ts";

describe("COPY's text", () => {
  test("is the same rows again, wherever it is cut", () => {
    const cell = fc.oneof(
      fc.constant(null),
      fc.string({ unit: "binary" }),
      fc.constantFrom("", "\\N", "\\", "\t\n\r\b", "a\\tb"),
    );
    fc.assert(
      fc.property(fc.array(fc.tuple(cell, cell)), fc.array(fc.nat({ max: 40 })), (rows, cuts) => {
        const bytes = Buffer.from(copyLines(rows), "utf8");
        const reader = new CopyReader();
        const read = [];
        let at = 0;
        for (const size of [...cuts, bytes.length]) {
          read.push(...rowsOf(reader.rows(bytes.subarray(at, at + size))));
          at += size;
        }
        expect(read).toEqual(rows);
      }),
    );
  });

  test("of one row in a thousand pieces is put together once", () => {
    const reader = new CopyReader();
    const piece = Buffer.alloc(64 * 1024, "x");
    for (let count = 0; count < 1000; count++) expect(reader.rows(piece).rows).toBe(0);
    const [row] = rowsOf(reader.rows(Buffer.from("y\tz\n")));
    expect(row?.map((cell) => String(cell).length)).toEqual([1000 * piece.length + 1, 1]);
  });
});

test("a batch is full with some hundreds of rows, or with a megabyte of them", () => {
  const batch = new Batch();
  for (let count = 0; count < 500; count++) {
    expect(batch.isFull).toBe(false);
    batch.add(["1"]);
  }
  expect(batch.isFull).toBe(true);
  expect(batch.take()).toHaveLength(500);
  expect(batch.isEmpty).toBe(true);
  batch.add([Buffer.alloc(1024 * 1024)]);
  expect(batch.isFull).toBe(true);
});
