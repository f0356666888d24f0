/** The key that identifies a row in an export: the chosen one, as far as it can be followed. */
import { nestedForeignKeys } from "./natural-key.ts";
import type { TableKey } from "./table-key.ts";
import { parentLink } from "../foreign-keys.ts";
import type { Schema, Table, TableId } from "../tables.ts";

/** The key as in an export's headers. */
export interface ExportedKey {
  readonly kind: "natural" | "reference" | "none";
  /** Empty for `none`. */
  readonly columns: readonly string[];
  /** The reason for the choice, for people. */
  readonly reason: string;
}

export type ExportedKeys = ReadonlyMap<TableId, ExportedKey>;

/**
 * Returns the keys to export. A self-referential key needs one foreign key of one column to the parent; otherwise the
 * primary key replaces it.
 */
export function exportedKeys(schema: Schema, chosen: ReadonlyMap<TableId, TableKey>): Map<TableId, ExportedKey> {
  const isKnown = (id: TableId): boolean => schema.tables.some((table) => table.id === id);
  return new Map(
    schema.tables.map((table) => {
      const key = chosen.get(table.id);
      if (key === undefined || key.kind === "none")
        return [table.id, { kind: "none", columns: [], reason: key?.reason ?? "" }];
      const { kind, columns, reason } = key;
      if (key.kind === "reference" || key.tree !== true || parentLink(table, columns, isKnown) !== undefined)
        return [table.id, { kind, columns, reason }];
      return [table.id, byPrimaryKey(table, `${reason}, which is self-referential without a single parent column`)];
    }),
  );
}

/** Returns the primary key, which replaces a key that cannot be followed. */
export const byPrimaryKey = ({ primaryKey }: Pick<Table, "primaryKey">, reason: string): ExportedKey =>
  primaryKey === null
    ? { kind: "none", columns: [], reason }
    : { kind: "reference", columns: primaryKey.columns, reason };

/** Checks whether a row is identified by the very value that references to it hold: `uid varchar primary key`. */
export const isIdentifiedById = ({ kind, columns }: ExportedKey, { primaryKey }: Pick<Table, "primaryKey">): boolean =>
  kind === "natural" && columns.length === 1 && primaryKey?.columns.join() === columns[0];

/** Converts exported keys into the form that `orderTables` needs. */
export function keysOf(schema: Schema, keys: ExportedKeys): Map<TableId, TableKey> {
  const known = new Set(schema.tables.map(({ id }) => id));
  return new Map(
    schema.tables.map((table): [TableId, TableKey] => {
      const key = keys.get(table.id);
      if (key === undefined || key.kind === "none") return [table.id, { kind: "none", reason: key?.reason ?? "" }];
      const { kind, columns, reason } = key;
      return [
        table.id,
        kind === "reference"
          ? { kind, columns, reason }
          : { kind, columns, reason, nests: nestedForeignKeys(table, columns, known) },
      ];
    }),
  );
}
