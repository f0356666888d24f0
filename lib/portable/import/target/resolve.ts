/** Where the tables of an export go in a database: each with the table, the columns and the links that are to take its rows. */
import { HoldfastError } from "../../../errors.ts";
import { computedHere } from "../../schema/computed-columns.ts";
import { withSourceKinds } from "./source-kinds.ts";
import { withoutReferences } from "../../schema/declared-keys.ts";
import { RowLayout, isDirect, type KeyColumn } from "../../rows/fields.ts";
import type { ExportedField, ExportedLeaf, ExportedTable } from "../../format/documents.ts";
import type { Conditions } from "../../rows/row-filter.ts";
import { KeyMap } from "./key-map.ts";
import { polymorphicTarget, withPolymorphic, type PolymorphicRelation } from "../../rows/polymorphic.ts";
import { findTable as findNamed, fold, matchColumn, single } from "../../schema/names.ts";
import { sharedTargets } from "./one-place.ts";
import type { Column, ForeignKey, Schema, Table, TableId } from "../../schema/tables.ts";
import { addedTo, conditionsIn, noReferences, renamesOf, type TargetRefinement } from "./refinement.ts";
import type { TargetField, TargetTable } from "./types.ts";
import { knownKeys, linkedKeys, assertKeysTerminate } from "./keys.ts";
import { checkRest } from "./required-columns.ts";

export interface Targets {
  readonly schema: Schema;
  /** The same, with generic relations as if they were foreign keys: what must come first. */
  readonly ordering: Schema;
  readonly fields: RowLayout;
  readonly tables: readonly TargetTable[];
  /** By which rows were taken. */
  readonly conditions: Conditions;
  /** Rows that others of the database stand for. */
  readonly maps: KeyMap;
  readonly warnings: readonly string[];
}

/**
 * Finds a place for everything. Keys are those of the export. Throws `E_SCHEMA`, naming all that is in the way: tables that are not there, columns that
 * may not be NULL and get nothing, links that lead elsewhere. Throws `E_CONFIG` for a refinement that names what is not there.
 */
export function findTargets(
  schema: Schema,
  exported: readonly ExportedTable[],
  refine: TargetRefinement = {},
): Targets {
  const problems: string[] = [];
  const warnings: string[] = [];
  const homes = new Map<string, Table>();
  const renames = renamesOf(exported, refine.rename ?? {});
  for (const one of exported) {
    const renamed = renames.get(one.table);
    const table = renamed === undefined ? findTable(schema, one.table) : findNamed(schema, renamed, "rename");
    if (table === undefined) problems.push(`there is no table ${one.table}`);
    else homes.set(one.table, table);
  }
  problems.push(...sharedTargets(exported, (id) => homes.get(id) ?? findTable(schema, id)));
  const declared = withoutReferences(withLinks(schema, exported, homes), noReferences(exported, homes, refine));
  const linked = withSourceKinds(declared, exported, (id) => homes.get(id) ?? findTable(schema, id));
  for (const [id, home] of homes) homes.set(id, linked.tables.find((table) => table.id === home.id) ?? home);
  const keys = knownKeys(linked, exported);
  for (const { table, key } of exported) {
    const home = homes.get(table);
    if (home === undefined) continue;
    const columns = key.columns.flatMap((name) => matchColumn(home, name) ?? []);
    const computed = columns.find(({ generated }) => generated && refine.readOnly !== true);
    if (columns.length !== key.columns.length)
      problems.push(`${home.id} lacks a column of its key (${key.columns.join(", ")})`);
    else if (computed !== undefined)
      problems.push(`${home.id}.${computed.name} is computed by this database, and rows are told apart by it`);
    else keys.set(home.id, { ...key, columns: columns.map(({ name }) => name) });
  }
  for (const [id, key] of linkedKeys(exported, keys, (name) => (homes.has(name) ? undefined : findTable(linked, name))))
    keys.set(id, key);
  assertKeysTerminate(linked, keys);
  const fields = new RowLayout(linked, keys);
  const isReadOnly = refine.readOnly === true;
  const tables = exported.flatMap((one): TargetTable[] => {
    const table = homes.get(one.table);
    if (table === undefined) return [];
    const own = one.fields.map((field) =>
      markReplaced(one, field, findField(field, table, { fields, homes, problems, warnings, isReadOnly })),
    );
    const added = addedTo(schema, table, own, refine.defaults ?? {});
    if (!isReadOnly) checkRest({ exported: one, table, fields: own, added }, { problems, warnings });
    return [{ exported: one, table, key: fields.key(table.id), fields: own, added }];
  });
  if (problems.length > 0)
    throw new HoldfastError(
      "E_SCHEMA",
      `the database cannot take this export: ${problems.slice(0, 10).join("; ")}${problems.length > 10 ? `; and ${problems.length - 10} more` : ""}`,
      {
        hint: "bring the database to the schema that the export was made from, or leave tables out with --models",
      },
    );
  const generics = new Map(tables.map(({ table, fields: own }) => [table.id, relationsOf(own)]));
  return {
    schema: linked,
    ordering: withPolymorphic(linked, generics),
    fields,
    tables,
    conditions: conditionsIn(tables),
    maps: new KeyMap(linked, fields, refine.map ?? {}),
    warnings,
  };
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

/** The schema with the links that only the export knows of: a database that does not guard them holds them all the same. */
function withLinks(schema: Schema, exported: readonly ExportedTable[], homes: ReadonlyMap<string, Table>): Schema {
  const added = new Map<TableId, ForeignKey[]>();
  for (const { table, fields } of exported) {
    const home = homes.get(table);
    for (const field of fields) {
      if (home === undefined || field.kind !== "link") continue;
      const target = homes.get(field.table) ?? findTable(schema, field.table);
      const columns = field.columns.flatMap((name) => matchColumn(home, name)?.name ?? []);
      const targetColumns = field.target_columns.flatMap((name) => (target && matchColumn(target, name)?.name) ?? []);
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
  readonly fields: RowLayout;
  readonly homes: ReadonlyMap<string, Table>;
  readonly problems: string[];
  readonly warnings: string[];
  /** Columns that the database computes can be compared. */
  readonly isReadOnly: boolean;
}

function findField(field: ExportedField, table: Table, found: Finding): TargetField {
  if (field.kind === "value") {
    const column = matchColumn(table, field.column.name);
    if (column === undefined)
      found.warnings.push(`${table.id} has no column ${field.column.name}: its values are left out`);
    if (column === undefined || isComputed(table, [column], "the export's values", found)) return undefined;
    return { kind: "value", column, ...(field.column.kind === "enum" && { isEnum: true }) };
  }
  if (field.kind === "generic") return findGeneric(field, table, found);
  const columns = field.columns.flatMap((name) => matchColumn(table, name) ?? []);
  if (columns.length !== field.columns.length) {
    found.warnings.push(`${table.id} lacks ${field.columns.join(", ")}: its links to ${field.table} are left out`);
    return undefined;
  }
  if (isComputed(table, columns, `its links to ${field.table}`, found)) return undefined;
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
  const leaves = findLeaves(field.leaves, link, found);
  if (leaves === undefined) return undefined;
  const direct = leaves.every((leaf) => isDirect(leaf, link));
  return { kind: "link", link, columns, leaves, direct };
}

/** Whether the database gives columns values of its own, which is told; they can be read all the same. */
function isComputed(table: Table, columns: readonly Column[], what: string, found: Finding): boolean {
  const told = found.isReadOnly ? undefined : computedHere(table, columns, what);
  if (told !== undefined) found.warnings.push(told);
  return told !== undefined;
}

/** The values of the key by which rows are linked to, where the export knows them by the same. */
function findLeaves(
  exported: readonly ExportedLeaf[],
  link: ForeignKey,
  found: Finding,
): readonly KeyColumn[] | undefined {
  const leaves = found.fields.leavesOf(link);
  if (areSame(leaves, exported)) return leaves;
  found.problems.push(
    `rows of ${link.target} are told apart by (${leaves.map(leafText).join(", ")}) here, and by (${exported.map(exportedText).join(", ")}) in the export`,
  );
  return undefined;
}

const areSame = (leaves: readonly KeyColumn[], exported: readonly ExportedLeaf[]): boolean =>
  leaves.length === exported.length &&
  leaves.every(({ column, parts }, at) => {
    const other = exported[at];
    return (
      fold(column.name) === fold(other?.column.name ?? "") &&
      (parts === undefined) === (other?.parts === undefined) &&
      areSame(parts ?? [], other?.parts ?? [])
    );
  });

/** A value's name; for a path, those of its parts. */
const leafText = ({ column, parts }: KeyColumn): string =>
  parts === undefined ? column.name : `the path of ${parts.map(leafText).join(", ")}`;
const exportedText = ({ path, parts }: ExportedLeaf): string =>
  parts === undefined ? path : `the path of ${parts.map(exportedText).join(", ")}`;

function findGeneric(field: ExportedField & { readonly kind: "generic" }, table: Table, found: Finding): TargetField {
  const [column, type] = [matchColumn(table, field.column.name), matchColumn(table, field.type)];
  if (column === undefined || type === undefined) {
    found.warnings.push(`${table.id} lacks ${field.name} or ${field.type}: its generic relation is left out`);
    return undefined;
  }
  if (isComputed(table, [column, type], "the export's values", found)) return undefined;
  const targets = field.tables.flatMap(({ type: said, table: as, leaves: exported }) => {
    const home = found.homes.get(as) ?? findTable(found.fields.schema, as);
    const target = home && polymorphicTarget(table, column.name, home, said, as);
    if (target === undefined)
      found.problems.push(`${table.id}.${column.name} leads to rows of ${as}, which has no numbers here`);
    const leaves = target && findLeaves(exported, target.link, found);
    return target === undefined || leaves === undefined ? [] : [{ target, leaves }];
  });
  const relation = { column: column.name, type: type.name, targets: targets.map(({ target }) => target) };
  return { kind: "generic", column, relation, targets };
}

const relationsOf = (fields: readonly TargetField[]): PolymorphicRelation[] =>
  fields.flatMap((field) => (field?.kind === "generic" ? [field.relation] : []));

const markReplaced = (
  { columns_replaced: replaced }: ExportedTable,
  field: ExportedField,
  found: TargetField,
): TargetField =>
  found?.kind === "value" && field.kind === "value" && replaced?.includes(field.column.name) === true
    ? { ...found, replaced: () => null }
    : found;
