/** Rows as lines of an export, and their digest, both made at once from the bytes that an engine gives. */
import { digestCell, TableDigest } from "../database/multiset.ts";
import type { EngineName } from "../database/engine.ts";
import { fromBytes, toBytes, type ByteRow } from "./bytes.ts";
import { bytesOf, encoderOf, type Encoded, type Encoder } from "./encoders.ts";
import type { Replacement } from "./columns.ts";
import { columnOf } from "./fields.ts";
import { fold, genericForm, isRaw, nameOf, nest, RowEncoder } from "./row.ts";
import type { Column, Table } from "./schema.ts";
import type { FieldPlace, TableQuery } from "./select.ts";
import { canonical, type JsonValue } from "./values.ts";

/** Sets what a field of a row becomes. */
type FieldEncoder = (row: ByteRow, to: Encoded) => void;
type LinkPlace = Extract<FieldPlace, { kind: "link" }>;
type ValuePlace = Extract<FieldPlace, { kind: "value" }>;
type GenericPlace = Extract<FieldPlace, { kind: "generic" }>;

/** U+FFFD, as bytes. */
const REPLACEMENT_CHARACTER = toBytes("\ufffd");

export class LineEncoder {
  readonly #fields: readonly FieldEncoder[];
  readonly #links: readonly RowEncoder[];
  readonly #digest: TableDigest;
  /** For each field, its place among those that count; -1 for one that does not. */
  readonly #counted: readonly number[];
  readonly #cells: string[];
  readonly #to: Encoded = { json: "", form: null };
  /** Columns with a text that holds U+FFFD. */
  readonly suspect = new Set<string>();

  /** The number that a database gave to a row that has a key of its own does not count for the digest: another database may have given another one. */
  constructor(engine: EngineName, table: Table, { places }: TableQuery, counts: (place: FieldPlace) => boolean) {
    const links: RowEncoder[] = [];
    this.#fields = places.map((place) => {
      if (place.kind === "value") {
        if (place.replaced !== undefined) return replacedEncoder(place.replaced);
        const encode = valueEncoder(encoderOf(engine, place.column), place.at);
        return engine === "sqlite" ? suspecting(encode, place, this.suspect) : encode;
      }
      const encoder = new RowEncoder(engine, { places: [place] });
      links.push(encoder);
      if (place.kind === "generic") return genericEncoder(place, encoder);
      const columns = place.field.link.columns.map((name) => columnOf(table, name));
      return linkEncoder(engine, place, { encoder, columns, bytes: bytePlaces(engine, table, place) });
    });
    this.#links = links;
    const counted = places.filter(counts);
    this.#digest = new TableDigest(counted.map((place) => ({ name: fold(nameOf(place)) })));
    const positions = new Map(this.#digest.order.map((index, position) => [counted[index], position]));
    this.#counted = places.map((place) => positions.get(place) ?? -1);
    this.#cells = counted.map(() => "");
  }

  /** The line, as bytes, with its end. */
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

  /** Links that led to no row. */
  get dangling(): number {
    return this.#links.reduce((sum, { dangling }) => sum + dangling, 0);
  }

  /** The digest of all rows, in lower-case hex. */
  finish(): string {
    return this.#digest.finish();
  }
}

const valueEncoder =
  (encode: Encoder, at: number): FieldEncoder =>
  (row, to) =>
    encode(row[at] ?? null, to);

/** What was put in a value's place counts in no digest. */
const replacedEncoder =
  (replaced: Replacement): FieldEncoder =>
  (_row, to) => {
    to.json = toBytes(JSON.stringify(replaced()));
    to.form = null;
  };

const suspecting =
  (encode: FieldEncoder, { column, at }: ValuePlace, suspect: Set<string>): FieldEncoder =>
  (row, to) => {
    const cell = row[at];
    if (typeof cell === "string" && cell.includes(REPLACEMENT_CHARACTER)) suspect.add(column.name);
    encode(row, to);
  };

const genericEncoder =
  (place: GenericPlace, encoder: RowEncoder): FieldEncoder =>
  (row, to) => {
    const [cell = null] = encoder.encode(row.map((one) => (typeof one === "string" ? fromBytes(one) : one)));
    to.json = toBytes(JSON.stringify(cell));
    to.form = cell === null ? null : (genericForm(place, cell)?.toString("latin1") ?? null);
  };

/** What writes a link that leads to no row, or is partly NULL. */
interface Unusual {
  readonly encoder: RowEncoder;
  /** Of the link. */
  readonly columns: readonly Column[];
  /** Places of a row that hold bytes as PostgreSQL prints them. */
  readonly bytes: ReadonlySet<number>;
}

const bytePlaces = (engine: EngineName, { columns }: Table, { raw, field }: LinkPlace): Set<number> =>
  new Set(
    field.link.columns.flatMap((name, index) =>
      engine === "postgresql" && columns.find((column) => column.name === name)?.kind === "bytes" ? [raw + index] : [],
    ),
  );

/** A link that leads somewhere is written into a pattern, such as `[0,[1,2]]`; any other goes through `unusual`. */
function linkEncoder(engine: EngineName, { raw, found, field, leaves }: LinkPlace, unusual: Unusual): FieldEncoder {
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
    encode: encoderOf(engine, leaf.column),
  }));
  return (row, to) => {
    let isUsual = found === undefined || (row[found] ?? null) !== null;
    for (let at = raw; at < raw + width; at++) isUsual &&= (row[at] ?? null) !== null;
    if (!isUsual) return encodeUnusual(row, to, unusual);
    let [json, form] = ["", "k"];
    for (const { at, before, encode } of encoders) {
      encode(row[at] ?? null, to);
      json += before + to.json;
      form += digestCell(to.form);
    }
    to.json = json + last;
    to.form = form;
  };
}

function encodeUnusual(row: ByteRow, to: Encoded, { encoder, columns, bytes }: Unusual): void {
  const texts = row.map((cell, at) =>
    typeof cell !== "string" ? cell : bytes.has(at) ? bytesOf(cell) : fromBytes(cell),
  );
  const [cell = null] = encoder.encode(texts);
  to.json = toBytes(JSON.stringify(cell));
  const formOf = (value: JsonValue, column: Column | undefined): string =>
    digestCell(column === undefined ? null : (canonical(column, value)?.toString("latin1") ?? null));
  to.form = isRaw(cell) ? `r${cell.$raw.map((value, at) => formOf(value, columns[at])).join("")}` : null;
}
