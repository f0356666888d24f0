/** Encodes rows as lines of an export, and computes their digest, from the bytes that an engine returns. */
import { createHash, type Hash } from "node:crypto";
import { digestCell, TableDigest } from "../../database/digest/table.ts";
import type { PortableEngine } from "../engine/interface.ts";
import type { ValueRules } from "../engine/value-rules.ts";
import { fromBytes, toBytes, type ByteRow } from "../values/binary-string.ts";
import { encoderOf, type Encoded, type Encoder } from "../values/encoders.ts";
import type { Replacement } from "../rows/column-rules.ts";
import { isPath, pathEncoder, type PathLeaf } from "../rows/tree-path.ts";
import { isRaw, nest, type JsonCell } from "../rows/nested-key.ts";
import { fold } from "../schema/names.ts";
import { genericForm, nameOf, RowEncoder } from "./row-cells.ts";
import { columnOf, type Column, type Table } from "../schema/tables.ts";
import type { FieldPlace, TableQuery } from "../rows/select-query.ts";
import { canonical } from "../values/canonical.ts";
import type { JsonValue } from "../format/value.ts";

/** Encodes a field of a row into `to`. */
type FieldEncoder = (row: ByteRow, to: Encoded) => void;
type LinkPlace = Extract<FieldPlace, { kind: "link" }>;
type ValuePlace = Extract<FieldPlace, { kind: "value" }>;
type GenericPlace = Extract<FieldPlace, { kind: "generic" }>;

/** A value exported outside its row. */
export interface BlobCell {
  /** Reads the value, adds it to the row's `hash` if it counts, and returns the cell that replaces it in the line. */
  read(hash: Hash | undefined): Promise<JsonCell>;
}

/** U+FFFD, as bytes. */
const REPLACEMENT_CHARACTER = toBytes("\ufffd");

export class LineEncoder {
  readonly #fields: readonly FieldEncoder[];
  readonly #links: readonly RowEncoder[];
  readonly #digest: TableDigest;
  /** The position of each field among those that count; -1 for one that does not. */
  readonly #counted: readonly number[];
  readonly #cells: string[];
  /** The column of each field that holds a value. */
  readonly #columns: readonly (string | undefined)[];
  readonly #to: Encoded = { json: "", form: null };
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
    const counted = places.filter(counts);
    this.#digest = new TableDigest(counted.map((place) => ({ name: fold(nameOf(place)) })));
    const positions = new Map(this.#digest.order.map((index, position) => [counted[index], position]));
    this.#counted = places.map((place) => positions.get(place) ?? -1);
    this.#cells = counted.map(() => "");
    this.#columns = places.map((place) => (place.kind === "value" ? place.column.name : undefined));
  }

  /** Returns a row's line with its line end, as bytes. */
  encode(row: ByteRow): string {
    const to = this.#to;
    let line = "";
    for (let index = 0; index < this.#fields.length; index++) {
      this.#fields[index]?.(row, to);
      line += index === 0 ? `[${to.json}` : `,${to.json}`;
      const position = this.#counted[index] ?? -1;
      if (position >= 0) this.#cells[position] = digestCell(to.form);
    }
    this.#digest.addBytes(this.#cells.join(""));
    return line === "" ? "[]\n" : `${line}]\n`;
  }

  /** Encodes a row with some columns that are read separately, in the order in which they count. */
  async encodeWithBlobs(row: ByteRow, apart: ReadonlyMap<string, BlobCell>): Promise<string> {
    const to = this.#to;
    const cells = this.#columns.map((column) => (column === undefined ? undefined : apart.get(column)));
    const json = this.#fields.map((encode, index) => {
      encode(row, to);
      const position = this.#counted[index] ?? -1;
      if (position >= 0) this.#cells[position] = digestCell(to.form);
      return to.json;
    });
    const read = async (index: number, into?: Hash): Promise<void> => {
      const cell = await cells[index]?.read(into);
      if (cell !== undefined) json[index] = toBytes(JSON.stringify(cell));
    };
    const hash = createHash("sha256");
    for (const [position, form] of [...this.#cells].entries()) {
      const index = this.#counted.indexOf(position);
      if (cells[index] === undefined) hash.update(form, "latin1");
      else await read(index, hash);
    }
    for (const [index, position] of this.#counted.entries()) if (position < 0) await read(index);
    this.#digest.addDigest(hash.digest("binary"));
    return `[${json.join(",")}]\n`;
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
  (row, to) =>
    encode(row[at] ?? null, to);

/** Encodes a replacement, which counts in no digest. */
const replacedEncoder =
  (replaced: Replacement): FieldEncoder =>
  (_row, to) => {
    to.json = toBytes(JSON.stringify(replaced()));
    to.form = null;
  };

const notingReplacementChar =
  (encode: FieldEncoder, { column, at }: ValuePlace, columnsWithReplacementChar: Set<string>): FieldEncoder =>
  (row, to) => {
    const cell = row[at];
    if (typeof cell === "string" && cell.includes(REPLACEMENT_CHARACTER)) columnsWithReplacementChar.add(column.name);
    encode(row, to);
  };

const genericEncoder =
  (place: GenericPlace, encoder: RowEncoder): FieldEncoder =>
  (row, to) => {
    const [cell = null] = encoder.encode(row.map((one) => (typeof one === "string" ? fromBytes(one) : one)));
    to.json = toBytes(JSON.stringify(cell));
    to.form = cell === null ? null : (genericForm(place, cell)?.toString("latin1") ?? null);
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
  const width = field.link.columns.length;
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
  const paths = leaves.filter(({ leaf }) => isPath(leaf)).map(({ at }) => at);
  return (row, to) => {
    let isUsual = found === undefined || (row[found] ?? null) !== null;
    for (let at = raw; at < raw + width; at++) isUsual &&= (row[at] ?? null) !== null;
    for (const at of paths) isUsual &&= (row[at] ?? null) !== null;
    if (!isUsual) return encodeFallback(row, to, unusual);
    let [json, form] = ["", "k"];
    for (const { at, before, encode } of encoders) {
      encode(row[at] ?? null, to);
      json += before + to.json;
      form += to.form;
    }
    to.json = json + last;
    to.form = form;
  };
}

/** Wraps an encoder so that `form` has its length in front, as the digest of a key needs it. */
const keyPart =
  (encode: Encoder): Encoder =>
  (cell, to) => {
    encode(cell, to);
    to.form = digestCell(to.form);
  };

function pathOf(engine: PortableEngine, leaf: PathLeaf): Encoder {
  const encode = pathEncoder(engine, leaf);
  return (cell, to) => encode(String(cell), to);
}

function encodeFallback(row: ByteRow, to: Encoded, { encoder, columns, bytes, rules }: Unusual): void {
  const texts = row.map((cell, at) => {
    const own = bytes.has(at) ? rules.bytesOf(cell) : cell;
    return typeof own === "string" ? fromBytes(own) : own;
  });
  const [cell = null] = encoder.encode(texts);
  to.json = toBytes(JSON.stringify(cell));
  const formOf = (value: JsonValue, column: Column | undefined): string =>
    digestCell(column === undefined ? null : (canonical(column, value)?.toString("latin1") ?? null));
  to.form = isRaw(cell) ? `r${cell.$raw.map((value, at) => formOf(value, columns[at])).join("")}` : null;
}
