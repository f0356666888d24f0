/** Finds the columns of a database whose values an export has as another kind. */
import { migrationTool } from "../../../database/migrations.ts";
import { KIND_GROUPS } from "../../values/kind-conversion.ts";
import type { ExportedField, ExportedTable } from "../../format/documents.ts";
import { matchColumn } from "../../schema/names.ts";
import type { Column, Schema, SourceKind, Table } from "../../schema/tables.ts";

/** The schema with `sent` in each column that an export has as another sort; `homeOf` finds the table that a table of the export goes into. */
export function withSourceKinds(
  schema: Schema,
  exported: readonly ExportedTable[],
  homeOf: (table: string) => Table | undefined,
): Schema {
  const isDjango = schema.tables.some(
    ({ name, columns }) =>
      migrationTool(
        name,
        columns.map((column) => column.name.toLowerCase()),
      ) === "Django",
  );
  const sent = new Map<string, Map<string, SourceKind>>();
  for (const { table, fields } of exported)
    for (const { of, name, kind, native } of fields.flatMap((field) => sourceKindsOf(table, field))) {
      const home = homeOf(of);
      const column = home && matchColumn(home, name);
      if (home === undefined || column === undefined || KIND_GROUPS[column.kind] === KIND_GROUPS[kind]) continue;
      const own = sent.get(home.id) ?? new Map<string, SourceKind>();
      sent.set(home.id, own.set(column.name, { kind, native, isDjango }));
    }
  const columnOf = (table: Table, column: Column): Column => {
    const from = sent.get(table.id)?.get(column.name);
    return from === undefined ? column : { ...column, sent: from };
  };
  const tables = schema.tables.map((table) =>
    sent.has(table.id) ? { ...table, columns: table.columns.map((column) => columnOf(table, column)) } : table,
  );
  return { ...schema, tables };
}

interface CarriedColumn extends Pick<SourceKind, "kind" | "native"> {
  readonly of: string;
  readonly name: string;
}

/** The columns that a field carries values of: its own, of a link those that it carries as they are, and those of the row that it leads to. */
function sourceKindsOf(table: string, field: ExportedField): CarriedColumn[] {
  if (field.kind === "value") return [{ ...field.column, of: table }];
  if (field.kind === "generic") return [];
  const at = `${field.columns.join("+")}.`;
  return field.leaves.flatMap(({ path, column, parts }): CarriedColumn[] => {
    const name = path.slice(at.length);
    if (!path.startsWith(at) || name !== column.name || parts !== undefined) return [];
    const own = field.columns[field.target_columns.indexOf(name)];
    const there = { ...column, of: field.table };
    return own === undefined ? [there] : [there, { ...column, of: table, name: own }];
  });
}
