/** Each table and each column of an export has a place of its own in a database: where two share one, the rows of the second would replace those of the first. */
import type { ExportedField, ExportedTable } from "../../format/documents.ts";
import type { Table } from "../../schema/tables.ts";
import { matchColumn } from "../../schema/names.ts";

/** Names the tables that would go into one, or links to which would lead into one, and the columns of a table that would go into one. */
export function sharedTargets(
  exported: readonly ExportedTable[],
  homeOf: (table: string) => Table | undefined,
): readonly string[] {
  const named = exported.flatMap(({ table, fields }) => [table, ...fields.flatMap(linkedBy)]);
  const tables = sharedBy(named, (table) => homeOf(table)?.id);
  const columns = exported.flatMap((one) => {
    const home = homeOf(one.table);
    return home === undefined
      ? []
      : sharedBy(one.fields.flatMap(columnsOf), (name) => matchColumn(home, name)?.name).map(
          ([column, names]) => `${names.join(" and ")} of ${one.table} both go into ${home.id}.${column}`,
        );
  });
  return [...tables.map(([home, names]) => `${names.join(" and ")} both go into ${home}`), ...columns];
}

/** Places with more than one name, and these names. */
function sharedBy(
  names: readonly string[],
  placeOf: (name: string) => string | undefined,
): (readonly [place: string, names: readonly string[]])[] {
  const places = new Map<string, Set<string>>();
  for (const name of names) {
    const place = placeOf(name);
    if (place !== undefined) places.set(place, (places.get(place) ?? new Set<string>()).add(name));
  }
  return [...places].flatMap(([place, taken]) => (taken.size > 1 ? [[place, [...taken]] as const] : []));
}

const linkedBy = (field: ExportedField): string[] =>
  field.kind === "link" ? [field.table] : field.kind === "generic" ? field.tables.map(({ table }) => table) : [];

const columnsOf = (field: ExportedField): readonly string[] =>
  field.kind === "link" ? field.columns : [field.column.name];
