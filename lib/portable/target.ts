/** Where the tables of an export go in a database: each with the table, the columns and the links that are to take its rows. */
import { HoldfastError } from "../errors.ts";
import { Fields, type Leaf } from "./fields.ts";
import type { ExportedField, ExportedTable } from "./format.ts";
import { chooseKeys } from "./keys.ts";
import { fold } from "./row.ts";
import type { Column, ForeignKey, Schema, Table, TableId } from "./schema.ts";
import { travelKeys, type TravelKey } from "./travel-key.ts";

/** One place of a row, and what takes it; `undefined` where the database has no such column any more. */
export type TargetField =
  | { readonly kind: "value"; readonly column: Column }
  | {
      readonly kind: "link";
      readonly link: ForeignKey;
      readonly columns: readonly Column[];
      readonly leaves: readonly Leaf[];
      readonly direct: boolean;
    }
  | undefined;

export interface TargetTable {
  readonly exported: ExportedTable;
  readonly table: Table;
  readonly key: TravelKey;
  readonly fields: readonly TargetField[];
}

export interface Targets {
  readonly schema: Schema;
  readonly fields: Fields;
  readonly tables: readonly TargetTable[];
  readonly warnings: readonly string[];
}

/**
 * Finds a place for everything. Keys are those of the export. Throws `E_SCHEMA`, naming all that is in the way: tables that are not there, columns that
 * may not be NULL and get nothing, links that lead elsewhere.
 */
export function findTargets(schema: Schema, exported: readonly ExportedTable[]): Targets {
  const problems: string[] = [];
  const warnings: string[] = [];
  const homes = new Map<string, Table>();
  for (const one of exported) {
    const table = findTable(schema, one.table);
    if (table === undefined) problems.push(`there is no table ${one.table}`);
    else homes.set(one.table, table);
  }
  const linked = withLinks(schema, exported, homes);
  for (const [id, home] of homes) homes.set(id, linked.tables.find((table) => table.id === home.id) ?? home);
  const keys = travelKeys(linked, chooseKeys(linked, { keys: {} }));
  for (const { table, key } of exported) {
    const home = homes.get(table);
    if (home === undefined) continue;
    const columns = key.columns.flatMap((name) => findColumn(home, name)?.name ?? []);
    if (columns.length !== key.columns.length)
      problems.push(`${home.id} lacks a column of its key (${key.columns.join(", ")})`);
    else keys.set(home.id, { ...key, columns });
  }
  const fields = new Fields(linked, keys);
  const tables = exported.flatMap((one): TargetTable[] => {
    const table = homes.get(one.table);
    if (table === undefined) return [];
    const own = one.fields.map((field) => findField(field, table, { fields, homes, problems, warnings }));
    checkRest(table, own, problems);
    return [{ exported: one, table, key: fields.key(table.id), fields: own }];
  });
  if (problems.length > 0)
    throw new HoldfastError(
      "E_SCHEMA",
      `the database cannot take this export: ${problems.slice(0, 10).join("; ")}${problems.length > 10 ? `; and ${problems.length - 10} more` : ""}`,
      {
        hint: "bring the database to the schema that the export was made from, or leave tables out with --models",
      },
    );
  return { schema: linked, fields, tables, warnings };
}

/** By its id, else by its name: schemas have other names elsewhere. A dot may part schema and name, or belong to the name. */
function findTable(schema: Schema, id: string): Table | undefined {
  const names = [id, id.slice(id.indexOf(".") + 1), id.slice(id.lastIndexOf(".") + 1)];
  return (
    schema.tables.find((table) => table.id === id) ??
    first(names, (name) => single(schema.tables.filter((table) => table.name === name))) ??
    first(names, (name) => single(schema.tables.filter((table) => fold(table.name) === fold(name))))
  );
}

function first<T, U>(all: readonly T[], find: (one: T) => U | undefined): U | undefined {
  for (const one of all) {
    const found = find(one);
    if (found !== undefined) return found;
  }
  return undefined;
}

const single = <T>(found: readonly T[]): T | undefined => (found.length === 1 ? found[0] : undefined);

const findColumn = (table: Table, name: string): Column | undefined =>
  table.columns.find((column) => column.name === name) ??
  single(table.columns.filter((column) => fold(column.name) === fold(name)));

/** The schema with the links that only the export knows of: a database that does not guard them holds them all the same. */
function withLinks(schema: Schema, exported: readonly ExportedTable[], homes: ReadonlyMap<string, Table>): Schema {
  const added = new Map<TableId, ForeignKey[]>();
  for (const { table, fields } of exported) {
    const home = homes.get(table);
    for (const field of fields) {
      if (home === undefined || field.kind !== "link") continue;
      const target = homes.get(field.table) ?? findTable(schema, field.table);
      const columns = field.columns.flatMap((name) => findColumn(home, name)?.name ?? []);
      const targetColumns = field.target_columns.flatMap((name) => (target && findColumn(target, name)?.name) ?? []);
      const isWhole = columns.length === field.columns.length && targetColumns.length === columns.length;
      if (target === undefined || !isWhole || linkOf(home, target, columns) !== undefined) continue;
      const name = `${home.name}.${field.name}`;
      const link: ForeignKey = { name, columns, target: target.id, targetColumns, deferrable: false };
      added.set(home.id, [...(added.get(home.id) ?? []), link]);
    }
  }
  const tables = schema.tables.map((table) => ({
    ...table,
    foreignKeys: [...table.foreignKeys, ...(added.get(table.id) ?? [])],
  }));
  return { ...schema, tables };
}

const linkOf = (table: Table, target: Table, columns: readonly string[]): ForeignKey | undefined =>
  table.foreignKeys.find((one) => one.target === target.id && one.columns.join() === columns.join());

interface Finding {
  readonly fields: Fields;
  readonly homes: ReadonlyMap<string, Table>;
  readonly problems: string[];
  readonly warnings: string[];
}

function findField(field: ExportedField, table: Table, found: Finding): TargetField {
  if (field.kind === "value") {
    const column = findColumn(table, field.column.name);
    if (column?.generated === true) return undefined;
    if (column === undefined)
      found.warnings.push(`${table.id} has no column ${field.column.name}: its values are left out`);
    return column === undefined ? undefined : { kind: "value", column };
  }
  const columns = field.columns.flatMap((name) => findColumn(table, name) ?? []);
  if (columns.length !== field.columns.length) {
    found.warnings.push(`${table.id} lacks ${field.columns.join(", ")}: its links to ${field.table} are left out`);
    return undefined;
  }
  const target = found.homes.get(field.table) ?? findTable(found.fields.schema, field.table);
  if (target === undefined) {
    found.problems.push(`${table.id}.${field.name} links to ${field.table}, which is not there`);
    return undefined;
  }
  const names = columns.map(({ name }) => name);
  const link = linkOf(table, target, names);
  if (link === undefined) {
    found.problems.push(`${table.id}.${field.name} cannot link to ${target.id}: it has no such columns`);
    return undefined;
  }
  const leaves = found.fields.leavesOf(link);
  if (
    leaves.length !== field.leaves.length ||
    leaves.some(({ column }, at) => fold(column.name) !== fold(field.leaves[at]?.column.name ?? ""))
  ) {
    found.problems.push(
      `rows of ${target.id} are told apart by (${leaves.map(({ column }) => column.name).join(", ")}) here, and by (${field.leaves.map(({ path }) => path).join(", ")}) in the export`,
    );
    return undefined;
  }
  const direct = leaves.every(
    ({ through, column }) => through.length === 1 && link.targetColumns.includes(column.name),
  );
  return { kind: "link", link, columns, leaves, direct };
}

/** What the export does not know of has to be able to do without. */
function checkRest(table: Table, fields: readonly TargetField[], problems: string[]): void {
  const given = new Set(
    fields.flatMap((field) =>
      field === undefined ? [] : field.kind === "value" ? [field.column.name] : field.columns.map(({ name }) => name),
    ),
  );
  for (const { name, nullable, hasDefault, identity, generated } of table.columns)
    if (!given.has(name) && !nullable && !hasDefault && identity === undefined && !generated)
      problems.push(`${table.id}.${name} may not be NULL, has no default, and the export does not know it`);
}
