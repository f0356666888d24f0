/** A row of an answer as what it is on its way. */
import { HoldfastError } from "../errors.ts";
import type { EngineName } from "../database/engine.ts";
import { digestCell } from "../database/multiset.ts";
import type { Row } from "./connection.ts";
import type { Leaf } from "./fields.ts";
import type { FieldPlace, TableQuery } from "./select.ts";
import { isLarge, type LargeTag } from "./large/tag.ts";
import { canonical, encode, type JsonValue } from "./values.ts";

/** `AlbumId`, `albumid` and `album_id` are one name to those who move between engines. */
export const fold = (name: string): string => name.toLowerCase().replaceAll("_", "");

/** The columns of a link as they were, where no key stands for them: they point to nothing, or are partly NULL. */
export interface RawLink {
  readonly $raw: readonly JsonValue[];
}

/** A value, or what stands for a large one; or the key of another row, nested where that key holds keys. */
export type JsonCell = JsonValue | LargeTag | RawLink | GenericLink | readonly JsonCell[];

/** Where a generic relation leads: the table, and the key of its row. */
export interface GenericLink {
  readonly $generic: readonly [string, ...JsonCell[]];
}

export class RowEncoder {
  readonly #engine: EngineName;
  readonly #places: readonly FieldPlace[];
  /** Links that led to no row. */
  dangling = 0;
  /** Columns with a text that holds U+FFFD. */
  readonly suspect = new Set<string>();

  constructor(engine: EngineName, { places }: Pick<TableQuery, "places">) {
    this.#engine = engine;
    this.#places = places;
  }

  encode(row: Row): JsonCell[] {
    return this.#places.map((place) => {
      if (place.kind === "value") {
        if (place.replaced) return place.replaced();
        const value = row[place.at] ?? null;
        if (typeof value === "string" && value.includes("\ufffd")) this.suspect.add(place.column.name);
        return encode(this.#engine, place.column, value);
      }
      if (place.kind === "generic") return this.#generic(row, place);
      const { link } = place.field;
      const raw = link.columns.map((_name, index) => row[place.raw + index] ?? null);
      if (raw.every((value) => value === null)) return null;
      const isFound = place.found === undefined || (row[place.found] ?? null) !== null;
      if (!isFound) this.dangling++;
      if (!isFound || raw.includes(null)) return { $raw: raw.map((value) => rawValue(value)) };
      return nest(this.#values(row, place.leaves), 1);
    });
  }

  #generic(row: Row, { column, at, targets }: FieldPlace & { readonly kind: "generic" }): JsonCell {
    const value = row[at] ?? null;
    if (value === null) return null;
    const target = targets.find(({ found }) => (row[found] ?? null) !== null);
    if (target !== undefined) return { $generic: [target.as, ...nest(this.#values(row, target.leaves), 1)] };
    this.dangling++;
    return encode(this.#engine, column, value);
  }

  #values(row: Row, leaves: readonly { readonly leaf: Leaf; readonly at: number }[]) {
    return leaves.map(({ leaf, at }) => ({ leaf, value: encode(this.#engine, leaf.column, row[at] ?? null) }));
  }
}

export const isGeneric = (cell: JsonCell | undefined): cell is GenericLink =>
  typeof cell === "object" && cell !== null && "$generic" in cell;

/** The table's name, by which a digest knows it: schemas have other names elsewhere. */
const tableForm = (table: string): string => fold(table.slice(table.lastIndexOf(".") + 1));

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
  cell === null ||
  ["string", "number", "boolean"].includes(typeof cell) ||
  (typeof cell === "object" && "$" in cell && !isLarge(cell));

export const isRaw = (cell: JsonCell | undefined): cell is RawLink =>
  typeof cell === "object" && cell !== null && "$raw" in cell;

/** What a generic relation is digested as: the table's name and the row's key; a value that leads nowhere is one. */
export function genericForm(
  { column, targets }: FieldPlace & { readonly kind: "generic" },
  cell: JsonCell,
): Buffer | null {
  if (!isGeneric(cell)) return canonical(column, valueOf(cell));
  const [table, ...key] = cell.$generic;
  const leaves = targets.find(({ as }) => as === table)?.leaves ?? [];
  return Buffer.from(`g${tableForm(table)}:${keyForm(leaves, key)}`, "latin1");
}

const keyForm = (leaves: readonly { readonly leaf: Leaf }[], key: JsonCell): string =>
  flatten(key)
    .map((value, at) => {
      const leaf = leaves[at]?.leaf;
      return digestCell(leaf === undefined ? null : (canonical(leaf.column, value)?.toString("latin1") ?? null));
    })
    .join("");

export const nameOf = (place: FieldPlace): string =>
  place.kind !== "link" ? place.column.name : place.field.link.columns.join("+");
