/** The decoder chosen for a column gives for every value what `decode` gives, errors included; COPY reads what is written for it. */
import * as fc from "fast-check";
import { expect, test } from "vitest";
import { copyLines, CopyReader } from "../../../../lib/portable/engines/postgres/copy-format.ts";
import { decoderOf } from "../../../../lib/portable/values/decode.ts";
import type { Column, Kind } from "../../../../lib/portable/schema/tables.ts";
import type { JsonValue } from "../../../../lib/portable/format/value.ts";
import { portableEngine } from "../../../../lib/portable/engines/registry.ts";
import { decode } from "../../../../lib/portable/values/decode.ts";
import { rowsOf } from "../../../support/cell-batch.ts";

const KINDS: readonly Kind[] = [
  "integer",
  "decimal",
  "float8",
  "boolean",
  "bits",
  "text",
  "set",
  "bytes",
  "json",
  "date",
  "timestamp",
  "array",
];
const columns = fc.record({
  kind: fc.constantFrom(...KINDS),
  length: fc.constantFrom(undefined, 8, 16, 32, 64),
  unsigned: fc.boolean(),
  scale: fc.constantFrom(undefined, -2, 0, 2),
});
const values: fc.Arbitrary<JsonValue> = fc.oneof(
  fc.integer({ min: -(2 ** 33), max: 2 ** 33 }),
  fc.constantFrom(0, -0, 1.5, 2 ** 31, -(2 ** 31), 127, 128, 255, 256, null, true, false),
  fc.double({ noNaN: true, noDefaultInfinity: true }),
  fc.string(),
  fc.stringMatching(/^-?\d{1,20}(\.0)?$/),
  fc.stringMatching(/^-?\d{1,4}(\.\d{1,4})?(e\d)?$/),
  fc.constantFrom("a\0b", "2024-02-29 10:00:00.10", "t", "1"),
  fc.constantFrom<JsonValue>({ $: "nan" }, { $: "inf" }, { $: "text", v: "x" }, { $: "integer", v: "5" }),
);

const outcome = (work: () => unknown): unknown => {
  try {
    return work();
  } catch (error) {
    return error instanceof Error ? error.message : error;
  }
};

test("every engine and kind", () => {
  fc.assert(
    fc.property(
      fc.constantFrom("postgresql", "mariadb", "sqlite"),
      columns,
      values,
      (engine, { kind, length, unsigned, scale }, value) => {
        const rules = portableEngine(engine).values;
        const own = { name: "c", kind, native: kind, nullable: true, generated: false, hasDefault: false, unsigned };
        const column: Column = {
          ...own,
          ...(length !== undefined && { length }),
          ...(scale !== undefined && { scale }),
        };
        expect(outcome(() => decoderOf(rules, column)(value))).toEqual(outcome(() => decode(rules, column, value)));
      },
    ),
    { numRuns: 5000 },
  );
});

test("COPY reads again what was written for it", () => {
  const texts = fc.oneof(
    fc.constant(null),
    fc.string({ unit: "binary" }),
    fc.constantFrom("\\N", "\\.", "\\\\", "\t\r\n", "", "é"),
  );
  fc.assert(
    fc.property(fc.array(fc.tuple(texts, texts), { minLength: 1 }), (rows) => {
      expect(rowsOf(new CopyReader().rows(Buffer.from(copyLines(rows))))).toEqual(rows);
    }),
  );
});
