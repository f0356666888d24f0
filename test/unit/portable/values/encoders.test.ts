/** The encoders chosen for each column make of every value what `encode` and `canonical` make of it; JSON has the canonical form that it has everywhere. */
import * as fc from "fast-check";
import { expect, test } from "vitest";
import { canonicalJson } from "../../../../lib/database/digest/canonical.ts";
import { ByteWriter } from "../../../../lib/portable/bytes/byte-writer.ts";
import { canonicalJsonBytes } from "../../../../lib/portable/bytes/canonical-json.ts";
import { writeJsonString } from "../../../../lib/portable/bytes/json-string.ts";
import { CellBatch } from "../../../../lib/portable/engine/cell-batch.ts";
import type { Cell } from "../../../../lib/portable/engine/session.ts";
import { CopyReader } from "../../../../lib/portable/engines/postgres/copy-format.ts";
import { encoderOf } from "../../../../lib/portable/values/encoders.ts";
import type { Column, Kind } from "../../../../lib/portable/schema/tables.ts";
import { canonical } from "../../../../lib/portable/values/canonical.ts";
import { encode } from "../../../../lib/portable/values/encode.ts";
import { rowsOf } from "../../../support/cell-batch.ts";
import type { EngineName } from "../../../../lib/database/snapshot.ts";
import { portableEngine } from "../../../../lib/portable/engines/registry.ts";

const KINDS: readonly Kind[] = [
  "integer",
  "decimal",
  "float4",
  "float8",
  "boolean",
  "bits",
  "text",
  "bytes",
  "json",
  "date",
  "time",
  "timestamp",
  "timestamptz",
  "array",
];
const ENGINES = ["postgresql", "mariadb", "sqlite"] as const;

const column = (kind: Kind): Column => ({
  name: "c",
  kind,
  native: kind,
  nullable: true,
  generated: false,
  hasDefault: false,
});

/** Both forms of a cell, which is not the first of its batch; the digest's form has a character for each byte. */
function encoded(engine: EngineName, kind: Kind, cell: Cell): { json: string; form: string | null } {
  const to = { line: new ByteWriter(Buffer.alloc(1)), form: new ByteWriter(Buffer.alloc(1)) };
  const hasForm = encoderOf(portableEngine(engine).values, column(kind))(CellBatch.of([["5+00", cell]]), 1, to);
  return { json: to.line.toString(), form: hasForm ? to.form.bytes.toString("latin1", 0, to.form.length) : null };
}

const digits = fc.stringMatching(/^-?\d{1,20}(\.\d{1,12})?(e[+-]?\d{1,2})?$/);
const times = fc.stringMatching(/^\d{4}-\d\d-\d\d( \d\d:\d\d:\d\d(\.\d{1,6})?(\+00|Z)?)?$/);
const words = fc.constantFrom(
  "0",
  "-0",
  "00.10",
  "1e3",
  "NaN",
  "Infinity",
  "-infinity",
  "t",
  "f",
  "true",
  "1",
  "24:00:00",
  "0044-03-15 BC",
  "",
);
const json = fc.json().map((text) => text);
const values = fc.oneof(digits, times, words, json, fc.string({ unit: "binary" }), fc.string({ unit: "grapheme" }));

test("every engine and kind", () => {
  fc.assert(
    fc.property(fc.constantFrom(...ENGINES), fc.constantFrom(...KINDS), values, (engine, kind, text) => {
      const value = encode(portableEngine(engine).values, column(kind), text);
      const form = canonical(column(kind), value);
      expect(encoded(engine, kind, text)).toEqual({
        json: JSON.stringify(value),
        form: form?.toString("latin1") ?? null,
      });
    }),
    { numRuns: 10_000 },
  );
});

test("NULL, and SQLite's own types", () => {
  const made = (kind: Kind, cell: Cell) => encoded("sqlite", kind, cell);
  expect(made("text", null)).toEqual({ json: "null", form: null });
  expect(made("integer", 2n ** 60n)).toEqual({ json: '"1152921504606846976"', form: "n1152921504606846976" });
  expect(made("integer", -5n)).toEqual({ json: "-5", form: "n-5" });
  expect(made("text", 5n)).toEqual({ json: '{"$":"integer","v":"5"}', form: "n5" });
  expect(made("float8", 0.1)).toEqual({ json: "0.1", form: "n0.1" });
  expect(made("float8", 1e300)).toEqual({ json: "1e+300", form: `n1${"0".repeat(300)}` });
  expect(made("decimal", 7n)).toEqual({ json: '"7"', form: "n7" });
  expect(made("bytes", Buffer.from([0, 255]))).toEqual({ json: '"AP8="', form: "x\0\u00ff" });
});

test("a batch gives back the rows that it was made of", () => {
  const cell = fc.oneof(
    fc.constant(null),
    fc.string({ unit: "grapheme" }),
    fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }),
    fc.double({ noNaN: true }).filter((value) => !Object.is(value, -0)),
    fc.uint8Array().map((bytes) => Buffer.from(bytes)),
  );
  fc.assert(
    fc.property(fc.array(fc.tuple(cell, cell, cell)), (rows) => {
      const batch = CellBatch.of(rows);
      expect(Array.from({ length: batch.rows }, (_, row) => batch.row(row))).toEqual(rows);
    }),
  );
});

test("PostgreSQL's bytes", () => {
  expect(encoded("postgresql", "bytes", "\\x00ff")).toEqual({ json: '"AP8="', form: "x\0\u00ff" });
});

const blanks = fc.array(fc.constantFrom(" ", "\n", "\t", "\r"), { maxLength: 2 }).map((all) => all.join(""));
const odd = fc.constantFrom(
  '{"b": 1, "a": 2, "b": 3}',
  '{"ab": 1, "a": 2, "a!": 3, "a b": 4, "": 5}',
  '{"é": 1, "z": 2, "𝄞": 3, "\uffff": 4}',
  '{"a\\"b": "\\u00e9\\n\\/", "c": "\\\\"}',
  '["\\u0041", "é\\u00e9", "\\ud83d\\ude00"]',
  '{"__proto__": {"x": 1}, "2": 0, "10": 0, "1": 0}',
  "[1.0, 1.50, 1e3, 1E-2, -0, -0.0, 0.10, 123456789012345678901234567890.10]",
  "[01]",
  "[1,]",
  '{"a" 1}',
  '"unended',
  "nul",
  "",
  "\u00a01",
  `${"[".repeat(500)}${"]".repeat(500)}`,
);

test("JSON", () => {
  fc.assert(
    fc.property(
      fc.oneof(
        fc.json(),
        odd,
        fc.json({ noUnicodeString: false }).map((text) => text.replaceAll(",", ", ")),
      ),
      blanks,
      (text, blank) => {
        const all = blank + text + blank;
        expect(canonicalJsonBytes(Buffer.from(all)).toString()).toBe(canonicalJson(all));
      },
    ),
    { numRuns: 3000 },
  );
});

test("strings of JSON", () => {
  fc.assert(
    fc.property(fc.string({ unit: "binary" }), fc.nat({ max: 3 }), (text, times) => {
      const all = text.repeat(10 ** times);
      const [bytes, line] = [Buffer.from(`"${all}"`), new ByteWriter()];
      writeJsonString(bytes, 1, bytes.length - 1, line);
      expect(line.toString()).toBe(JSON.stringify(all));
    }),
  );
});

test("COPY's text, cut anywhere", () => {
  const text = Buffer.from("a\\tb\t\\N\té\n\\\\N\t\\\\x0a\t\\n\\\\n\n\t\t\n");
  const rows = [
    ["a\tb", null, "é"],
    ["\\N", "\\x0a", "\n\\n"],
    ["", "", ""],
  ];
  for (let at = 0; at <= text.length; at++) {
    const reader = new CopyReader();
    const bytes = Buffer.from(text);
    const found = [bytes.subarray(0, at), bytes.subarray(at)].flatMap((piece) => rowsOf(reader.rows(piece)));
    expect(found).toEqual(rows);
  }
});
