/** The settings that refine an import: renamed tables, values for new columns, and the rows that are compared. */
import type { SiteConfig } from "../../../config/load.ts";
import type {
  ForeignKeySettings,
  KeyMapSetting,
  PlainValue,
  ReplacementSetting,
} from "../../../config/settings/refinement.ts";
import { HoldfastError } from "../../../errors.ts";
import { settingOf } from "../../rows/column-rules.ts";
import type { Conditions } from "../../rows/row-filter.ts";
import type { ExportedTable } from "../../format/documents.ts";
import { findColumn as findNamedColumn, findTable as findNamed, matchColumn } from "../../schema/names.ts";
import type { Schema, Table } from "../../schema/tables.ts";
import type { AddedColumn, TargetField, TargetTable } from "./types.ts";

/** The setting for users that rows refer to and that do not exist: their table, and the values of placeholder rows. */
export interface MissingSetting {
  readonly table: string;
  readonly create_missing: boolean;
  /** Values of the placeholder rows beside their keys, by column. */
  readonly disabled: Readonly<Record<string, ReplacementSetting>>;
}

export interface TargetRefinement {
  /** Values for columns that the export lacks, by table and column. */
  readonly defaults?: Readonly<Record<string, Readonly<Record<string, PlainValue>>>>;
  /** The target table of each renamed table of the export. */
  readonly rename?: Readonly<Record<string, string>>;
  /** The table of users, and the values of placeholders for missing ones. */
  readonly users?: MissingSetting;
  /** Columns that hold references without a foreign key in the database, or that hold none (`false`). */
  readonly foreignKeys?: ForeignKeySettings;
  /** Rows of the export, by table and key, and the rows of the database that replace them. */
  readonly map?: Readonly<Record<string, KeyMapSetting>>;
  /** Set if nothing will be written, so that columns which new rows would need do not matter. */
  readonly readOnly?: boolean;
}

/** Returns the settings by which an import of the site's own export refines its target. */
export function ownRefinementOf(settings: SiteConfig["portable"]): TargetRefinement {
  const { defaults = {}, users, foreign_keys: foreignKeys = {} } = settings ?? {};
  return { defaults, foreignKeys, ...(users && { users }) };
}

/** Returns the target name of each renamed table. Throws `E_CONFIG` for a table that the export does not have. */
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

/** Returns a predicate for columns that hold no reference, by the config of the export or the one here. */
export function noReferences(
  exported: readonly ExportedTable[],
  targetTables: ReadonlyMap<string, Table>,
  { foreignKeys = {} }: TargetRefinement,
): (table: Table, column: string) => boolean {
  const excluded = new Set(
    exported.flatMap(({ table, not_foreign_keys: names = [] }) => {
      const target = targetTables.get(table);
      return target === undefined ? [] : names.map((name) => `${target.id}.${matchColumn(target, name)?.name ?? ""}`);
    }),
  );
  return ({ id, name }, column) =>
    excluded.has(`${id}.${column}`) || [id, name].some((one) => foreignKeys[one]?.[column] === false);
}

/** Returns the conditions by which the exported rows were selected, without columns that the target lacks. */
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

/** Returns the columns that the export lacks and the config has a value for. */
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

/** Returns the columns that the export fills. */
export const givenBy = (fields: readonly TargetField[]): Set<string> =>
  new Set(
    fields.flatMap((field) =>
      field === undefined ? [] : field.kind === "link" ? field.columns.map(({ name }) => name) : [field.column.name],
    ),
  );
