/** Resolves the tables of an export in a database: the target table, columns and foreign keys of each. */
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
import { neverConverts } from "../../values/kind-conversion.ts";
import type { TargetField, TargetTable } from "./types.ts";
import { knownKeys, linkedKeys, assertKeysTerminate } from "./keys.ts";
import { checkRest } from "./required-columns.ts";

export interface Targets {
  readonly schema: Schema;
  /** The schema with generic relations as foreign keys, which decides the order of tables. */
  readonly ordering: Schema;
  readonly fields: RowLayout;
  readonly tables: readonly TargetTable[];
  /** Conditions by which the exported rows were selected. */
  readonly conditions: Conditions;
  /** Rows of the export that rows of the database replace. */
  readonly maps: KeyMap;
  readonly warnings: readonly string[];
}

/**
 * Resolves each table, column and key of an export. Throws `E_SCHEMA` with all problems: missing tables, columns that
 * are NOT NULL and get no value, foreign keys with another target. Throws `E_CONFIG` for a refinement that names
 * something missing.
 */
export function findTargets(
  schema: Schema,
  exported: readonly ExportedTable[],
  refine: TargetRefinement = {},
): Targets {
  const problems: string[] = [];
  const warnings: string[] = [];
  const targetTables = new Map<string, Table>();
  const renames = renamesOf(exported, refine.rename ?? {});
  for (const one of exported) {
    const renamed = renames.get(one.table);
    const table = renamed === undefined ? findTable(schema, one.table) : findNamed(schema, renamed, "rename");
    if (table === undefined) problems.push(`table ${one.table} does not exist`);
    else targetTables.set(one.table, table);
  }
  problems.push(...sharedTargets(exported, (id) => targetTables.get(id) ?? findTable(schema, id)));
  const declared = withoutReferences(
    withLinks(schema, exported, targetTables),
    noReferences(exported, targetTables, refine),
  );
  const linked = withSourceKinds(declared, exported, (id) => targetTables.get(id) ?? findTable(schema, id));
  for (const [id, own] of targetTables) targetTables.set(id, linked.tables.find((table) => table.id === own.id) ?? own);
  const keys = knownKeys(linked, exported);
  for (const { table, key } of exported) {
    const target = targetTables.get(table);
    if (target === undefined) continue;
    const columns = key.columns.flatMap((name) => matchColumn(target, name) ?? []);
    const computed = columns.find(({ generated }) => generated && refine.readOnly !== true);
    if (columns.length !== key.columns.length)
      problems.push(`${target.id} lacks a column of its key (${key.columns.join(", ")})`);
    else if (computed !== undefined)
      problems.push(`${target.id}.${computed.name} is part of the key, but this database computes it`);
    else keys.set(target.id, { ...key, columns: columns.map(({ name }) => name) });
  }
  for (const [id, key] of linkedKeys(exported, keys, (name) =>
    targetTables.has(name) ? undefined : findTable(linked, name),
  ))
    keys.set(id, key);
  assertKeysTerminate(linked, keys);
  const fields = new RowLayout(linked, keys);
  const isReadOnly = refine.readOnly === true;
  const tables = exported.flatMap((one): TargetTable[] => {
    const table = targetTables.get(one.table);
    if (table === undefined) return [];
    const own = one.fields.map((field) =>
      markReplaced(one, field, findField(field, table, { fields, targetTables, problems, warnings, isReadOnly })),
    );
    const added = addedTo(schema, table, own, refine.defaults ?? {});
    if (!isReadOnly) checkRest({ exported: one, table, fields: own, added }, { problems, warnings });
    return [{ exported: one, table, key: fields.key(table.id), fields: own, added }];
  });
  if (problems.length > 0)
    throw new HoldfastError(
      "E_SCHEMA",
      `the database cannot take this export: ${problems.slice(0, 10).join("; ")}` +
        (problems.length > 10 ? `; and ${problems.length - 10} more` : ""),
      {
        hint: "migrate the database to the schema of the export, or leave tables out with --models",
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

/**
 * Finds a table by its id, else by its name, since schemas may be named differently. A dot separates schema and name,
 * or belongs to the name.
 */
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

/**
 * Returns the schema with the references that only the export knows as foreign keys: the database holds them
 * unenforced.
 */
function withLinks(
  schema: Schema,
  exported: readonly ExportedTable[],
  targetTables: ReadonlyMap<string, Table>,
): Schema {
  const added = new Map<TableId, ForeignKey[]>();
  for (const { table, fields } of exported) {
    const own = targetTables.get(table);
    for (const field of fields) {
      if (own === undefined || field.kind !== "link") continue;
      const target = targetTables.get(field.table) ?? findTable(schema, field.table);
      const columns = field.columns.flatMap((name) => matchColumn(own, name)?.name ?? []);
      const targetColumns = field.target_columns.flatMap((name) => (target && matchColumn(target, name)?.name) ?? []);
      const isWhole = columns.length === field.columns.length && targetColumns.length === columns.length;
      if (target === undefined || !isWhole || linkOf(own, target, columns) !== undefined) continue;
      const name = `${own.name}.${field.name}`;
      const link: ForeignKey = { name, columns, target: target.id, targetColumns, deferrable: false };
      added.set(own.id, [...(added.get(own.id) ?? []), link]);
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
  readonly targetTables: ReadonlyMap<string, Table>;
  readonly problems: string[];
  readonly warnings: string[];
  /** True if nothing is written, so that columns which the database computes can still be compared. */
  readonly isReadOnly: boolean;
}

function findField(field: ExportedField, table: Table, found: Finding): TargetField {
  if (field.kind === "value") {
    const column = matchColumn(table, field.column.name);
    if (column === undefined)
      found.warnings.push(`${table.id} has no column ${field.column.name}: its values are left out`);
    if (column === undefined || isComputed(table, [column], "the export's values", found)) return undefined;
    if (!found.isReadOnly && neverConverts(column))
      found.warnings.push(
        `${table.id}.${column.name} is ${column.native} here, and ${field.column.native} in the export, ` +
          "which does not convert to it: any value but NULL is refused",
      );
    return { kind: "value", column, ...(field.column.kind === "enum" && { isEnum: true }) };
  }
  if (field.kind === "generic") return findGeneric(field, table, found);
  const columns = field.columns.flatMap((name) => matchColumn(table, name) ?? []);
  if (columns.length !== field.columns.length) {
    found.warnings.push(`${table.id} lacks ${field.columns.join(", ")}: its references to ${field.table} are left out`);
    return undefined;
  }
  if (isComputed(table, columns, `its references to ${field.table}`, found)) return undefined;
  const target = found.targetTables.get(field.table) ?? findTable(found.fields.schema, field.table);
  if (target === undefined) {
    found.problems.push(`${table.id}.${field.name} references ${field.table}, which does not exist`);
    return undefined;
  }
  const names = columns.map(({ name }) => name);
  const link = linkOf(table, target, names);
  if (link === undefined) {
    found.problems.push(
      `${table.id}.${field.name} cannot reference ${target.id}, which lacks a column of ` +
        `(${field.target_columns.join(", ")})`,
    );
    return undefined;
  }
  const leaves = findLeaves(field.leaves, link, found);
  if (leaves === undefined) return undefined;
  const direct = leaves.every((leaf) => isDirect(leaf, link));
  return { kind: "link", link, columns, leaves, direct };
}

/** Checks whether the database computes one of the columns, and warns of it unless nothing is written. */
function isComputed(table: Table, columns: readonly Column[], what: string, found: Finding): boolean {
  const warning = found.isReadOnly ? undefined : computedHere(table, columns, what);
  if (warning !== undefined) found.warnings.push(warning);
  return warning !== undefined;
}

/** Returns the key columns of a foreign key, if the export identifies the referenced rows by the same key. */
function findLeaves(
  exported: readonly ExportedLeaf[],
  link: ForeignKey,
  found: Finding,
): readonly KeyColumn[] | undefined {
  const leaves = found.fields.leavesOf(link);
  if (areSame(leaves, exported)) return leaves;
  found.problems.push(
    `rows of ${link.target} are identified by (${leaves.map(leafText).join(", ")}) here, and by ` +
      `(${exported.map(exportedText).join(", ")}) in the export`,
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

/** Returns the name of a key column; for a path, those of its parts. */
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
    const targetTable = found.targetTables.get(as) ?? findTable(found.fields.schema, as);
    const target = targetTable && polymorphicTarget(table, column.name, targetTable, said, as);
    if (target === undefined)
      found.problems.push(`${table.id}.${column.name} references ${as}, which has no single-column primary key here`);
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
