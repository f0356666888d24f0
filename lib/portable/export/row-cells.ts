/** Encodes rows of a query result as the cells of an export. */
import type { PortableEngine } from "../engine/interface.ts";
import { digestCell } from "../../database/digest/table.ts";
import { isGeneric, levelsOf, nest, unnest, valueOf, type JsonCell } from "../rows/nested-key.ts";
import type { Row } from "../engine/session.ts";
import type { KeyColumn } from "../rows/fields.ts";
import type { Column } from "../schema/tables.ts";
import { fold } from "../schema/names.ts";
import { isPath, pathCells, widthOf } from "../rows/tree-path.ts";
import type { FieldPlace, TableQuery } from "../rows/select-query.ts";
import { canonical } from "../values/canonical.ts";
import { encode } from "../values/encode.ts";
import type { JsonValue } from "../format/value.ts";

export class RowEncoder {
  readonly #engine: PortableEngine;
  readonly #places: readonly FieldPlace[];
  /** The number of references to missing rows. */
  dangling = 0;
  /** Columns with a text that contains U+FFFD. */
  readonly columnsWithReplacementChar = new Set<string>();

  constructor(engine: PortableEngine, { places }: Pick<TableQuery, "places">) {
    this.#engine = engine;
    this.#places = places;
  }

  encode(row: Row): JsonCell[] {
    return this.#places.map((place) => {
      if (place.kind === "value") {
        if (place.replaced) return place.replaced();
        const value = row[place.at] ?? null;
        if (typeof value === "string" && value.includes("\ufffd"))
          this.columnsWithReplacementChar.add(place.column.name);
        return encode(this.#engine.values, place.column, value);
      }
      if (place.kind === "generic") return this.#generic(row, place);
      const { link } = place.field;
      const raw = link.columns.map((_name, index) => row[place.raw + index] ?? null);
      if (raw.every((value) => value === null)) return null;
      const isFound = place.found === undefined || (row[place.found] ?? null) !== null;
      if (!isFound) this.dangling++;
      const hasPaths = place.leaves.every(({ leaf, at }) => leaf.parts === undefined || (row[at] ?? null) !== null);
      if (!isFound || !hasPaths || raw.includes(null)) return { $raw: raw.map((value) => rawValue(value)) };
      return nest(this.#values(row, place.leaves), 1);
    });
  }

  #generic(row: Row, { column, at, targets }: FieldPlace & { readonly kind: "generic" }): JsonCell {
    const value = row[at] ?? null;
    if (value === null) return null;
    const target = targets.find(({ found }) => (row[found] ?? null) !== null);
    if (target !== undefined) return { $generic: [target.as, ...nest(this.#values(row, target.leaves), 1)] };
    this.dangling++;
    return encode(this.#engine.values, column, value);
  }

  #values(row: Row, leaves: readonly { readonly leaf: KeyColumn; readonly at: number }[]) {
    return leaves.map(({ leaf, at }) => ({
      leaf,
      value: isPath(leaf)
        ? pathCells(this.#engine, leaf, row[at])
        : encode(this.#engine.values, leaf.column, row[at] ?? null),
    }));
  }
}

/** Returns the name of a table for a digest: without the schema, which may have another name elsewhere. */
export const tableForm = (table: string): string => fold(table.slice(table.lastIndexOf(".") + 1));

const rawValue = (value: Row[number]): JsonValue =>
  value === null ? null : Buffer.isBuffer(value) ? { $: "bytes", v: value.toString("base64") } : String(value);

/**
 * Returns the digest form of a generic relation: the table's name and the row's key, or the plain value if it
 * references no row.
 */
export function genericForm(
  { column, targets }: FieldPlace & { readonly kind: "generic" },
  cell: JsonCell,
): Buffer | null {
  if (!isGeneric(cell)) return canonical(column, valueOf(cell));
  const [table, ...key] = cell.$generic;
  const leaves = targets.find(({ as }) => as === table)?.leaves ?? [];
  return Buffer.from(
    `g${tableForm(table)}:${keyForm(
      leaves.map(({ leaf }) => leaf),
      key,
      1,
    )}`,
    "latin1",
  );
}

/** Returns the form of a value, one character a byte; null for NULL. */
export type ValueForm = (column: Column, value: JsonValue) => string | null;

const canonicalForm: ValueForm = (column, value) => canonical(column, value)?.toString("latin1") ?? null;

/** Returns the forms of a key's values, each with its length in front; those of a path level by level. */
export const keyForm = (
  leaves: readonly KeyColumn[],
  key: JsonCell,
  depth: number,
  formOf: ValueForm = canonicalForm,
): string =>
  unnest(leaves, key, depth)
    .map((value, at) => {
      const leaf = leaves[at];
      if (leaf === undefined) return digestCell(null);
      if (!isPath(leaf)) return digestCell(formOf(leaf.column, valueOf(value)));
      return levelsOf(value, widthOf(leaf.parts))
        .map((level) => keyForm(leaf.parts, level, 0, formOf))
        .join("");
    })
    .join("");

export const nameOf = (place: FieldPlace): string =>
  place.kind !== "link" ? place.column.name : place.field.link.columns.join("+");
