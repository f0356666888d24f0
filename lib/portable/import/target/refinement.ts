/** How the config refines the way of an export into a database: other tables, values for columns that are new, and the rows that are compared. */
import type {
  ForeignKeySettings,
  KeyMapSetting,
  PlainValue,
  ReplacementSetting,
} from "../../../config/portable-refinement.ts";
import { HoldfastError } from "../../../errors.ts";
import { settingOf } from "../../rows/column-rules.ts";
import type { Conditions } from "../../rows/row-filter.ts";
import type { ExportedTable } from "../../format/documents.ts";
import { findColumn as findNamedColumn, findTable as findNamed, matchColumn } from "../../schema/names.ts";
import type { Schema, Table } from "../../schema/tables.ts";
import type { AddedColumn, TargetField, TargetTable } from "./types.ts";

/** Users that rows refer to and that do not exist: their table, and the values of the rows that are created. */
export interface MissingSetting {
  readonly table: string;
  readonly create_missing: boolean;
  /** What the rows have beside their keys, by column. */
  readonly disabled: Readonly<Record<string, ReplacementSetting>>;
}

/** How the config refines the way into a database. */
export interface TargetRefinement {
  /** By table and column. */
  readonly defaults?: Readonly<Record<string, Readonly<Record<string, PlainValue>>>>;
  /** Into which tables those of the export go, where that is not the one of the same name. */
  readonly rename?: Readonly<Record<string, string>>;
  /** Rows that links name and that are nowhere: the table, and what they get. */
  readonly users?: MissingSetting;
  /** Columns that hold keys of rows without a foreign key of the database, and columns that hold none. */
  readonly foreignKeys?: ForeignKeySettings;
  /** By table: rows of the export, by their keys, and the rows of the database that stand for them. */
  readonly map?: Readonly<Record<string, KeyMapSetting>>;
  /** Nothing will be written: what new rows would need does not matter. */
  readonly readOnly?: boolean;
}

/** The new name of each table that has one. Throws `E_CONFIG` for a table that the export does not have. */
export function renamesOf(
  exported: readonly ExportedTable[],
  rename: Readonly<Record<string, string>>,
): Map<string, string> {
  return new Map(
    Object.entries(rename).map(([from, to]) => {
      const found = exported.find(({ table }) => table === from || table.endsWith(`.${from}`));
      if (found !== undefined) return [found.table, to];
      throw new HoldfastError("E_CONFIG", `rename: the export has no table ${from}`);
    }),
  );
}

/** Columns that hold no key of a row by the config of the export, or by the one here. */
export function noReferences(
  exported: readonly ExportedTable[],
  homes: ReadonlyMap<string, Table>,
  { foreignKeys = {} }: TargetRefinement,
): (table: Table, column: string) => boolean {
  const there = new Set(
    exported.flatMap(({ table, not_foreign_keys: names = [] }) => {
      const home = homes.get(table);
      return home === undefined ? [] : names.map((name) => `${home.id}.${matchColumn(home, name)?.name ?? ""}`);
    }),
  );
  return ({ id, name }, column) =>
    there.has(`${id}.${column}`) || [id, name].some((one) => foreignKeys[one]?.[column] === false);
}

/** By which rows were taken; where a column is not there any more, the tables differ by that alone. */
export const conditionsIn = (tables: readonly TargetTable[]): Conditions =>
  new Map(
    tables.flatMap(({ exported: { where = [] }, table }) => {
      const here = where.flatMap((one) => {
        const column = matchColumn(table, one.column);
        return column === undefined ? [] : [{ ...one, column: column.name }];
      });
      return here.length === 0 ? [] : [[table.id, here] as const];
    }),
  );

/** What the config gives to columns that the export does not know. */
export function addedTo(
  schema: Schema,
  table: Table,
  fields: readonly TargetField[],
  defaults: NonNullable<TargetRefinement["defaults"]>,
): AddedColumn[] {
  const given = givenBy(fields);
  return Object.entries(defaults).flatMap(([name, values]) =>
    findNamed(schema, name, "defaults").id !== table.id
      ? []
      : Object.entries(values).flatMap(([one, value]): AddedColumn[] => {
          const where = `defaults.${name}.${one}`;
          const column = findNamedColumn(table, one, `defaults.${name}`);
          return given.has(column.name) ? [] : [{ column, value: settingOf(schema, column, value, where) }];
        }),
  );
}

/** The columns that get something from the export. */
export const givenBy = (fields: readonly TargetField[]): Set<string> =>
  new Set(
    fields.flatMap((field) =>
      field === undefined ? [] : field.kind === "link" ? field.columns.map(({ name }) => name) : [field.column.name],
    ),
  );
