/** Finds the columns of a database whose exported values have another kind. */
import { migrationTool } from "../../../database/migrations.ts";
import { KIND_GROUPS } from "../../values/kind-conversion.ts";
import type { ExportedField, ExportedTable } from "../../format/documents.ts";
import { matchColumn } from "../../schema/names.ts";
import type { Column, Schema, SourceKind, Table } from "../../schema/tables.ts";

/**
 * Returns the schema with `sourceKind` set in each column that has another kind in the export. `targetOf` maps an
 * exported table to its target.
 */
export function withSourceKinds(
  schema: Schema,
  exported: readonly ExportedTable[],
  targetOf: (table: string) => Table | undefined,
): Schema {
  const isDjango = schema.tables.some(
    ({ name, columns }) =>
      migrationTool(
        name,
        columns.map((column) => column.name.toLowerCase()),
      ) === "Django",
  );
  const sourceKind = new Map<string, Map<string, SourceKind>>();
  for (const { table, fields } of exported)
    for (const { of, name, kind, native } of fields.flatMap((field) => sourceKindsOf(table, field))) {
      const target = targetOf(of);
      const column = target && matchColumn(target, name);
      if (target === undefined || column === undefined || KIND_GROUPS[column.kind] === KIND_GROUPS[kind]) continue;
      const own = sourceKind.get(target.id) ?? new Map<string, SourceKind>();
      sourceKind.set(target.id, own.set(column.name, { kind, native, isDjango }));
    }
  const columnOf = (table: Table, column: Column): Column => {
    const from = sourceKind.get(table.id)?.get(column.name);
    return from === undefined ? column : { ...column, sourceKind: from };
  };
  const tables = schema.tables.map((table) =>
    sourceKind.has(table.id) ? { ...table, columns: table.columns.map((column) => columnOf(table, column)) } : table,
  );
  return { ...schema, tables };
}

interface CarriedColumn extends Pick<SourceKind, "kind" | "native"> {
  readonly of: string;
  readonly name: string;
}

/** Returns the columns whose values a field carries: its own, and for a foreign key those of the referenced row. */
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
