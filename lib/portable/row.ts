/** A row of an answer as what it is on its way. */
import { HoldfastError } from "../errors.ts";
import type { EngineName } from "../database/engine.ts";
import type { Row } from "./connection.ts";
import type { Leaf } from "./fields.ts";
import type { FieldPlace, TableQuery } from "./select.ts";
import { encode, type JsonValue } from "./values.ts";

/** `AlbumId`, `albumid` and `album_id` are one name to those who move between engines. */
export const fold = (name: string): string => name.toLowerCase().replaceAll("_", "");

/** The columns of a link as they were, where no key stands for them: they point to nothing, or are partly NULL. */
export interface RawLink {
  readonly $raw: readonly JsonValue[];
}

/** A value; or the key of another row, nested where that key holds keys. */
export type JsonCell = JsonValue | RawLink | readonly JsonCell[];

export class RowEncoder {
  readonly #engine: EngineName;
  readonly #places: readonly FieldPlace[];
  /** Links that led to no row. */
  dangling = 0;

  constructor(engine: EngineName, { places }: Pick<TableQuery, "places">) {
    this.#engine = engine;
    this.#places = places;
  }

  encode(row: Row): JsonCell[] {
    return this.#places.map((place) => {
      if (place.kind === "value") return encode(this.#engine, place.column, row[place.at] ?? null);
      const { link } = place.field;
      const raw = link.columns.map((_name, index) => row[place.raw + index] ?? null);
      if (raw.every((value) => value === null)) return null;
      const isFound = place.found === undefined || (row[place.found] ?? null) !== null;
      if (!isFound) this.dangling++;
      if (!isFound || raw.includes(null)) return { $raw: raw.map((value) => rawValue(value)) };
      return nest(
        place.leaves.map(({ leaf, at }) => ({ leaf, value: encode(this.#engine, leaf.column, row[at] ?? null) })),
        1,
      );
    });
  }
}

const rawValue = (value: Row[number]): JsonValue =>
  value === null ? null : Buffer.isBuffer(value) ? { $: "bytes", v: value.toString("base64") } : String(value);

/** `[a, [b, c]]`: the values of one key, those of a key within it in brackets of their own. */
export function nest(leaves: readonly { readonly leaf: Leaf; readonly value: JsonValue }[], depth: number): JsonCell[] {
  const cells: JsonCell[] = [];
  for (let at = 0; at < leaves.length;) {
    const one = leaves[at];
    const link = one?.leaf.through[depth];
    if (one === undefined) break;
    if (link === undefined) {
      cells.push(one.value);
      at++;
      continue;
    }
    let end = at + 1;
    while (leaves[end]?.leaf.through[depth] === link) end++;
    cells.push(nest(leaves.slice(at, end), depth + 1));
    at = end;
  }
  return cells;
}

/** The values of a link's key, in a row. Throws `E_PACKAGE` for what is no key. */
export function flatten(cell: JsonCell): JsonValue[] {
  return isKey(cell) ? cell.flatMap((one) => flatten(one)) : [valueOf(cell)];
}

const isKey = (cell: JsonCell): cell is readonly JsonCell[] => Array.isArray(cell);

/** Throws `E_PACKAGE` for a key, where a value belongs. */
export function valueOf(cell: JsonCell): JsonValue {
  if (isValue(cell)) return cell;
  throw new HoldfastError(
    "E_PACKAGE",
    `${JSON.stringify(cell)?.slice(0, 80) ?? "nothing"} stands where a value belongs`,
  );
}

const isValue = (cell: JsonCell): cell is JsonValue =>
  cell === null || ["string", "number", "boolean"].includes(typeof cell) || (typeof cell === "object" && "$" in cell);

export const isRaw = (cell: JsonCell | undefined): cell is RawLink =>
  typeof cell === "object" && cell !== null && "$raw" in cell;

export const nameOf = (place: FieldPlace): string =>
  place.kind === "value" ? place.column.name : place.field.link.columns.join("+");
