/** Encodes rows as lines of an export, and computes their digest, from the bytes that an engine returns. */
import { createHash, type Hash } from "node:crypto";
import { digestCell, TableDigest } from "../../database/digest/table.ts";
import type { PortableEngine } from "../engine/interface.ts";
import type { ValueRules } from "../engine/value-rules.ts";
import { ByteWriter } from "../bytes/byte-writer.ts";
import { TEXT, type CellBatch } from "../engine/cell-batch.ts";
import { encoderOf, type Encoded, type Encoder } from "../values/encoders.ts";
import type { Replacement } from "../rows/column-rules.ts";
import { isPath, keyPart, pathEncoder, type PathLeaf } from "../rows/tree-path.ts";
import { isRaw, nest, type JsonCell } from "../rows/nested-key.ts";
import { fold } from "../schema/names.ts";
import { genericForm, nameOf, RowEncoder } from "./row-cells.ts";
import { columnOf, type Column, type Table } from "../schema/tables.ts";
import type { FieldPlace, TableQuery } from "../rows/select-query.ts";
import { canonical } from "../values/canonical.ts";
import type { JsonValue } from "../format/value.ts";
import type { Cell, Row } from "../engine/session.ts";

/** Appends a field of the row whose first cell is `first`. Returns false for a field without a form, such as NULL. */
type FieldEncoder = (batch: CellBatch, first: number, to: Encoded) => boolean;
type LinkPlace = Extract<FieldPlace, { kind: "link" }>;
type ValuePlace = Extract<FieldPlace, { kind: "value" }>;
type GenericPlace = Extract<FieldPlace, { kind: "generic" }>;

/** A value exported outside its row. */
export interface BlobCell {
  /** Reads the value, adds it to the row's `hash` if it counts, and returns the cell that replaces it in the line. */
  read(hash: Hash | undefined): Promise<JsonCell>;
}

const REPLACEMENT_CHARACTER = Buffer.from("\ufffd");
const [COMMA, OPEN, CLOSE, NEWLINE, COLON, DASH] = [0x2c, 0x5b, 0x5d, 0x0a, 0x3a, 0x2d];

export class LineEncoder {
  readonly #fields: readonly FieldEncoder[];
  readonly #links: readonly RowEncoder[];
  readonly #digest: TableDigest;
  /** The index of each field that counts, in the order in which they do. */
  readonly #counted: readonly number[];
  /** The column of each field that holds a value. */
  readonly #columns: readonly (string | undefined)[];
  /** The forms of a row's fields, one after the other; a field begins at its start and ends at its end. */
  readonly #forms = new ByteWriter();
  readonly #starts: Int32Array;
  readonly #ends: Int32Array;
  /** A row as it is digested. */
  readonly #row = new ByteWriter();
  /** Columns with a text that contains U+FFFD. */
  readonly columnsWithReplacementChar = new Set<string>();

  /** Generated ids of rows that have another key do not count for the digest: they may differ between databases. */
  constructor(engine: PortableEngine, table: Table, { places }: TableQuery, counts: (place: FieldPlace) => boolean) {
    const links: RowEncoder[] = [];
    this.#fields = places.map((place) => {
      if (place.kind === "value") {
        if (place.replaced !== undefined) return replacedEncoder(place.replaced);
        const encode = valueEncoder(encoderOf(engine.values, place.column), place.at);
        return engine.values.hasInvalidText
          ? notingReplacementChar(encode, place, this.columnsWithReplacementChar)
          : encode;
      }
      const encoder = new RowEncoder(engine, { places: [place] });
      links.push(encoder);
      if (place.kind === "generic") return genericEncoder(place, encoder);
      const columns = place.field.link.columns.map((name) => columnOf(table, name));
      return linkEncoder(engine, place, { encoder, columns, bytes: bytePlaces(table, place), rules: engine.values });
    });
    this.#links = links;
    const counted = places.flatMap((place, index) => (counts(place) ? [{ index, name: fold(nameOf(place)) }] : []));
    this.#digest = new TableDigest(counted);
    this.#counted = this.#digest.order.flatMap((at) => counted[at]?.index ?? []);
    this.#columns = places.map((place) => (place.kind === "value" ? place.column.name : undefined));
    this.#starts = new Int32Array(places.length);
    this.#ends = new Int32Array(places.length);
  }

  /** Appends a row's line, with its line end, and counts the row in the digest. */
  encode(batch: CellBatch, row: number, line: ByteWriter): void {
    line.byte(OPEN);
    this.#encodeFields(batch, row, line);
    line.byte(CLOSE);
    line.byte(NEWLINE);
    this.#row.length = 0;
    for (const index of this.#counted) this.#writeForm(index, this.#row);
    this.#digest.addBytes(this.#row.written);
  }

  /** Appends the fields of a row, and returns the end of each in the line. */
  #encodeFields(batch: CellBatch, row: number, line: ByteWriter, ends?: number[]): void {
    const first = row * batch.width;
    const forms = this.#forms;
    const to = { line, form: forms };
    forms.length = 0;
    for (let index = 0; index < this.#fields.length; index++) {
      if (index > 0) line.byte(COMMA);
      const start = forms.length;
      const isCounted = this.#fields[index]?.(batch, first, to) === true;
      this.#starts[index] = isCounted ? start : -1;
      this.#ends[index] = forms.length;
      ends?.push(line.length);
    }
  }

  #writeForm(index: number, row: ByteWriter): void {
    const [start = -1, end = 0] = [this.#starts[index], this.#ends[index]];
    if (start < 0) {
      row.byte(DASH);
      return;
    }
    row.ascii(String(end - start));
    row.byte(COLON);
    row.copy(this.#forms.bytes, start, end);
  }

  /** Encodes a row with some columns that are read separately, in the order in which they count. */
  async encodeWithBlobs(batch: CellBatch, apart: ReadonlyMap<string, BlobCell>): Promise<Buffer> {
    const cells = this.#columns.map((column) => (column === undefined ? undefined : apart.get(column)));
    const [line, ends] = [new ByteWriter(), [] as number[]];
    this.#encodeFields(batch, 0, line, ends);
    const json = ends.map((end, index) => line.bytes.subarray(index === 0 ? 0 : (ends[index - 1] ?? 0) + 1, end));
    const read = async (index: number, into?: Hash): Promise<void> => {
      const cell = await cells[index]?.read(into);
      if (cell !== undefined) json[index] = Buffer.from(JSON.stringify(cell));
    };
    const hash = createHash("sha256");
    const forms = this.#counted.map((index) => {
      const form = new ByteWriter();
      this.#writeForm(index, form);
      return Buffer.from(form.written);
    });
    for (const [position, index] of this.#counted.entries()) {
      if (cells[index] === undefined) hash.update(forms[position] ?? "");
      else await read(index, hash);
    }
    for (const index of json.keys()) if (!this.#counted.includes(index)) await read(index);
    this.#digest.addDigest(hash.digest("binary"));
    const comma = Buffer.from(",");
    const fields = json.flatMap((field, index) => (index === 0 ? [field] : [comma, field]));
    return Buffer.concat([Buffer.from("["), ...fields, Buffer.from("]\n")]);
  }

  /** The number of references to missing rows. */
  get dangling(): number {
    return this.#links.reduce((sum, { dangling }) => sum + dangling, 0);
  }

  /** Returns the digest of all rows, in lower-case hex. */
  finish(): string {
    return this.#digest.finish();
  }
}

const valueEncoder =
  (encode: Encoder, at: number): FieldEncoder =>
  (batch, first, to) =>
    encode(batch, first + at, to);

/** Encodes a replacement, which counts in no digest. */
const replacedEncoder =
  (replaced: Replacement): FieldEncoder =>
  (_batch, _first, { line }) => {
    line.text(JSON.stringify(replaced()));
    return false;
  };

const notingReplacementChar =
  (encode: FieldEncoder, { column, at }: ValuePlace, columnsWithReplacementChar: Set<string>): FieldEncoder =>
  (batch, first, to) => {
    const cell = first + at;
    if (
      batch.types[cell] === TEXT &&
      batch.bytes.subarray(batch.starts[cell], batch.ends[cell]).includes(REPLACEMENT_CHARACTER)
    )
      columnsWithReplacementChar.add(column.name);
    return encode(batch, first, to);
  };

/** Returns the cells of the row whose first cell is `first`. */
const rowAt = (batch: CellBatch, first: number): Cell[] => batch.row(first / batch.width);

const genericEncoder =
  (place: GenericPlace, encoder: RowEncoder): FieldEncoder =>
  (batch, first, { line, form }) => {
    const [cell = null] = encoder.encode(rowAt(batch, first));
    line.text(JSON.stringify(cell));
    const own = cell === null ? null : genericForm(place, cell);
    if (own !== null) form.copy(own, 0, own.length);
    return own !== null;
  };

/** The encoding of a foreign key that references a missing row, or is partly NULL. */
interface Unusual {
  readonly encoder: RowEncoder;
  /** The columns of the foreign key. */
  readonly columns: readonly Column[];
  /** The positions of bytes, which may have the engine's own notation. */
  readonly bytes: ReadonlySet<number>;
  readonly rules: ValueRules;
}

const bytePlaces = ({ columns }: Table, { raw, field }: LinkPlace): Set<number> =>
  new Set(
    field.link.columns.flatMap((name, index) =>
      columns.find((column) => column.name === name)?.kind === "bytes" ? [raw + index] : [],
    ),
  );

/** Encodes references to existing rows by a pattern, such as `[0,[1,2]]`, and all others by `unusual`. */
function linkEncoder(engine: PortableEngine, { raw, found, field, leaves }: LinkPlace, unusual: Unusual): FieldEncoder {
  const pattern = JSON.stringify(
    nest(
      leaves.map(({ leaf }, value) => ({ leaf, value })),
      1,
    ),
  ).split(/\d+/);
  const last = pattern.at(-1) ?? "";
  const encoders = leaves.map(({ leaf, at }, index) => ({
    at,
    before: pattern[index] ?? "",
    encode: isPath(leaf) ? pathOf(engine, leaf) : keyPart(encoderOf(engine.values, leaf.column)),
  }));
  /** The cells that are not NULL if the reference is usual. */
  const needed = [
    ...(found === undefined ? [] : [found]),
    ...field.link.columns.map((_name, index) => raw + index),
    ...leaves.flatMap(({ leaf, at }) => (isPath(leaf) ? [at] : [])),
  ];
  return (batch, first, to) => {
    for (const at of needed) if (batch.isNull(first + at)) return encodeFallback(rowAt(batch, first), to, unusual);
    to.form.ascii("k");
    for (const { at, before, encode } of encoders) {
      to.line.ascii(before);
      encode(batch, first + at, to);
    }
    to.line.ascii(last);
    return true;
  };
}

function pathOf(engine: PortableEngine, leaf: PathLeaf): Encoder {
  const encode = pathEncoder(engine, leaf);
  return (batch, cell, to) => {
    encode(String(batch.cell(cell)), to);
    return true;
  };
}

function encodeFallback(row: Row, { line, form }: Encoded, { encoder, columns, bytes, rules }: Unusual): boolean {
  const [cell = null] = encoder.encode(row.map((one, at) => (bytes.has(at) ? rules.bytesOf(one) : one)));
  line.text(JSON.stringify(cell));
  if (!isRaw(cell)) return false;
  const formOf = (value: JsonValue, column: Column | undefined): string =>
    digestCell(column === undefined ? null : (canonical(column, value)?.toString("latin1") ?? null));
  form.latin1(`r${cell.$raw.map((value, at) => formOf(value, columns[at])).join("")}`);
  return true;
}
