/**
 * Warns of ids that stand in columns without a foreign key while the rows that they mean are not imported. In another
 * installation such an id belongs to another row.
 */
import { peopleTables } from "../../schema/auth-tables.ts";
import {
  declarationOf,
  undeclaredReferences,
  nameOf,
  rawColumns,
  summarizeList,
  type UndeclaredReference,
} from "../../schema/implicit-references.ts";
import { kindGroupOf } from "../../schema/declared-keys.ts";
import { isIdentifiedById } from "../../schema/keys/exported.ts";
import type { Table, TableId } from "../../schema/tables.ts";
import type { Targets } from "../target/resolve.ts";
import { stagingName } from "../staging/staged-table.ts";
import type { StagingTable } from "../staging/table.ts";
import type { Statements } from "../staging/statements.ts";

export interface MissingRows {
  /** A table whose rows the import does not have. */
  readonly target: Table;
  /** The columns, imported unchanged, that hold its ids by their names. */
  readonly columns: readonly UndeclaredReference[];
}

/** Finds columns of imported tables that seem to reference tables which are not imported; `hasRows` selects by id. */
export function referencesToMissingRows(
  { schema, fields, tables }: Targets,
  hasRows: (exported: TableId) => boolean = () => true,
): MissingRows[] {
  const coming = new Set<TableId>(tables.map(({ table }) => table.id));
  const raw = tables.flatMap((one) => (hasRows(one.exported.table) ? [rawColumns(one.table, one.fields)] : []));
  const people = peopleTables(schema);
  return schema.tables.flatMap((target): MissingRows[] => {
    if (coming.has(target.id) || isIdentifiedById(fields.key(target.id), target)) return [];
    const columns = undeclaredReferences({ tables: raw }, target, {
      isPeople: people.includes(target),
      all: schema.tables,
    });
    return columns.length === 0 ? [] : [{ target, columns }];
  });
}

/** Returns a warning for each table that staged rows seem to reference and the import does not have. */
export async function warnOfMissingRows(
  on: Statements,
  targets: Targets,
  stagings: readonly StagingTable[],
  refused: readonly Table[],
): Promise<string[]> {
  const warnings: string[] = [];
  for (const { target, columns } of referencesToMissingRows(targets)) {
    if (refused.includes(target)) continue;
    const used: UndeclaredReference[] = [];
    for (const one of columns) {
      const staging = stagings.find((each) => each.target.table.id === one.table.id);
      if (staging !== undefined && (await holdsIds(on, staging, one))) used.push(one);
    }
    if (used.length > 0) warnings.push(missingRowsText({ target, columns: used }));
  }
  return warnings;
}

/** Checks whether rows have a value in the column. Applications write 0 or NULL for no row. */
async function holdsIds(on: Statements, staging: StagingTable, { column }: UndeclaredReference): Promise<boolean> {
  const value = `s.${on.quote(staging.of(column.name))}`;
  const given = kindGroupOf(column) === "integer" ? `${value} <> 0` : `${value} is not null`;
  const found = await on.connection.rows(
    `select 1 from ${stagingName(on.connection, staging)} as s where ${given} limit 1`,
  );
  return found.length > 0;
}

/** Returns the text of a warning, with the setting that would resolve the ids. */
export const missingRowsText = ({ target, columns }: MissingRows): string =>
  `${target.id}: ${summarizeList(columns.map(nameOf))} seem to reference its rows without a foreign key, and it is not ` +
  "imported: the ids are imported unchanged, and may belong to other rows here. Export again with " +
  `${declarationOf(target, columns)}; a column set to false there, or in the config here, holds no such ids`;
