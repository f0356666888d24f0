/**
 * Checks that each exported table and column has a target of its own. If two shared one, the rows of the second would
 * overwrite those of the first.
 */
import type { ExportedField, ExportedTable } from "../../format/documents.ts";
import type { Table } from "../../schema/tables.ts";
import { matchColumn } from "../../schema/names.ts";

/** Returns a problem for each table, referenced table or column that is the target of several. */
export function sharedTargets(
  exported: readonly ExportedTable[],
  targetOf: (table: string) => Table | undefined,
): readonly string[] {
  const named = exported.flatMap(({ table, fields }) => [table, ...fields.flatMap(linkedBy)]);
  const tables = sharedBy(named, (table) => targetOf(table)?.id);
  const columns = exported.flatMap((one) => {
    const target = targetOf(one.table);
    return target === undefined
      ? []
      : sharedBy(one.fields.flatMap(columnsOf), (name) => matchColumn(target, name)?.name).map(
          ([column, names]) => `${names.join(" and ")} of ${one.table} both map to ${target.id}.${column}`,
        );
  });
  return [...tables.map(([target, names]) => `${names.join(" and ")} both map to ${target}`), ...columns];
}

/** Returns the targets that have several names, with these names. */
function sharedBy(
  names: readonly string[],
  targetOf: (name: string) => string | undefined,
): (readonly [target: string, names: readonly string[]])[] {
  const targets = new Map<string, Set<string>>();
  for (const name of names) {
    const target = targetOf(name);
    if (target !== undefined) targets.set(target, (targets.get(target) ?? new Set<string>()).add(name));
  }
  return [...targets].flatMap(([target, sources]) => (sources.size > 1 ? [[target, [...sources]] as const] : []));
}

const linkedBy = (field: ExportedField): string[] =>
  field.kind === "link" ? [field.table] : field.kind === "generic" ? field.tables.map(({ table }) => table) : [];

const columnsOf = (field: ExportedField): readonly string[] =>
  field.kind === "link" ? field.columns : [field.column.name];
