/** Plans an export or import of a database: the tables, their keys and their order. Reads only the catalogue. */
import type { ForeignKeySettings, SetSetting } from "../../config/settings/refinement.ts";
import { HoldfastError } from "../../errors.ts";
import { refineColumns, assertKeyNotReplaced, type ColumnsRequest } from "../rows/column-rules.ts";
import { findComponents, type Component } from "../schema/components.ts";
import { RowLayout, type TableLayout } from "../rows/fields.ts";
import { conditionsOf, type Conditions } from "../rows/row-filter.ts";
import { suspectedPolymorphic, withPolymorphic, type PolymorphicRelations } from "../rows/polymorphic.ts";
import type { ReadGenerics } from "./polymorphic-types.ts";
import { chooseKeys, type TreeKeyChecks } from "../schema/keys/choose.ts";
import { detectFrameworkTables } from "../schema/framework-tables.ts";
import { declarationOf, undeclaredReferences, nameOf, summarizeList } from "../schema/implicit-references.ts";
import { idsOfLeftUsers } from "./user-references.ts";
import { nearestName, tablesMeant } from "../schema/names.ts";
import type { DeferredKey } from "./table-order.ts";
import type { Schema, Table, TableId } from "../schema/tables.ts";
import { exportedKeys, type ExportedKey } from "../schema/keys/exported.ts";
import { orderWithTrees } from "./tree-order.ts";
import { peopleTables } from "../schema/auth-tables.ts";

export interface PlanRequest extends ColumnsRequest {
  /** The keys of the config: columns by table. */
  readonly keys: Readonly<Record<string, readonly string[]>>;
  /** The groups of the config: tables by group name. */
  readonly groups: Readonly<Record<string, readonly string[]>>;
  /** Tables to select, by id, name or `app.Model`; all if empty. */
  readonly models: readonly string[];
  /** Components to select, by the names that `plan` shows; all if empty. */
  readonly components: readonly string[];
  /** Foreign keys that the config declares and the database does not. `planDatabase` adds them to the schema. */
  readonly foreignKeys?: ForeignKeySettings | undefined;
  /** Tables of users named by the config, in addition to those that are detected. */
  readonly userTables?: readonly string[];
  /** The generic relations of the config, with the tables that they reference: see `readGenerics`. */
  readonly generics?: ReadGenerics;
  /**
   * The results of checking tree keys: see `verifyTreeKeys`. If absent, only those that the database enforces are
   * followed.
   */
  readonly trees?: TreeKeyChecks;
  /** A set of the config: its name, and the selected rows by table and column. Its tables are in `models`. */
  readonly set?: { readonly name: string; readonly where: SetSetting["where"] };
  /** Tables to omit. */
  readonly exclude: readonly string[];
}

export interface PortablePlan {
  readonly schema: Schema;
  readonly fields: RowLayout;
  /** Parents first. */
  readonly tables: readonly TableLayout[];
  readonly deferred: readonly DeferredKey[];
  readonly components: readonly Component[];
  readonly conditions: Conditions;
  readonly set?: string;
  readonly leftOut: ReadonlyMap<TableId, string>;
  /** Tables of users. */
  readonly people: readonly Table[];
  readonly warnings: readonly string[];
}

/** Plans an export. Throws `E_USAGE` for an unknown table, `E_CONFIG` for an invalid key, and `E_CYCLE`. */
export function planPortable(whole: Schema, request: PlanRequest): PortablePlan {
  const { keys: configured, groups: named, models, components, exclude } = request;
  const refined = refineColumns(whole, request);
  const { schema } = refined;
  const recognised = detectFrameworkTables(schema);
  const groups = findComponents(schema, named);
  const chosen = new Set([
    ...models.flatMap((name) => tablesNamed(schema, name)),
    ...components.flatMap((name) => tablesOf(groups, name)),
  ]);
  const excluded = new Set(exclude.flatMap((name) => tablesNamed(schema, name)));
  const out = new Map<TableId, string>();
  for (const { id } of schema.tables) {
    const found = recognised.get(id);
    if (excluded.has(id)) out.set(id, "excluded");
    else if (models.length + components.length > 0 && !chosen.has(id)) out.set(id, "not chosen");
    else if (found?.default === "left out" && !chosen.has(id)) out.set(id, `${found.role}, ${found.by}`);
  }
  const generics: PolymorphicRelations = request.generics?.relations ?? new Map();
  const linked = withPolymorphic(schema, generics);
  const keys = exportedKeys(schema, chooseKeys(schema, { keys: configured, trees: request.trees ?? new Map() }));
  const loose = replacePolymorphicKeys(linked, keys, generics);
  const { order, deferred } = orderWithTrees(linked, keys);
  const fields = new RowLayout(schema, keys, refined, generics);
  const tables = order.filter((id) => !out.has(id)).map((id) => fields.of(id));
  const people = peopleTables(
    schema,
    (request.userTables ?? []).flatMap((name) => tablesMeant(schema.tables, name).map(({ id }) => id)),
  );
  for (const { table, key } of tables) assertKeyNotReplaced(table.id, key.columns, refined);
  const warnings = [
    ...(schema.notes ?? []),
    ...tables.flatMap((one) => [
      ...warningsOf(one),
      ...(refined.warnings.get(one.table.id) ?? []),
      ...suspectedPolymorphic(schema, one.table, generics),
      ...suspectedNumbers(schema, one, people),
      ...fields
        .unfollowed(one.table.id)
        .map(
          ({ columns, target }) =>
            `${one.table.id}: (${columns.join(", ")}) to ${target} shares columns with its key ` +
            `and is exported unchanged: import it only where the rows of ${target} have the same ids`,
        ),
    ]),
    ...loose,
    ...idsOfLeftUsers({ fields, tables, people, leftOut: out }),
    ...(request.generics?.warnings ?? []),
  ];
  const conditions = conditionsOf(schema, request.set?.where ?? {});
  return {
    schema,
    fields,
    tables,
    deferred,
    components: groups,
    conditions,
    ...(request.set && { set: request.set.name }),
    leftOut: out,
    people,
    warnings,
  };
}

/**
 * Replaces keys that contain a generic relation by the primary key if other tables reference them. Returns warnings.
 */
function replacePolymorphicKeys(
  schema: Schema,
  keys: Map<TableId, ExportedKey>,
  generics: PolymorphicRelations,
): string[] {
  const pointed = new Set(schema.tables.flatMap(({ foreignKeys }) => foreignKeys.map(({ target }) => target)));
  return schema.tables.flatMap(({ id, primaryKey }): string[] => {
    const key = keys.get(id);
    const held = generics.get(id)?.some(({ column }) => key?.columns.includes(column) === true) ?? false;
    if (key?.kind !== "natural" || !held || !pointed.has(id) || primaryKey === null) return [];
    keys.set(id, {
      kind: "reference",
      columns: primaryKey.columns,
      reason: "primary key: its key contains a generic relation",
    });
    return [`${id}: references to it cannot use (${key.columns.join(", ")}), which contains a generic relation`];
  });
}

function tablesOf(components: readonly Component[], wanted: string): readonly TableId[] {
  const found = components.find(({ name }) => name === wanted);
  if (found !== undefined) return found.tables;
  throw new HoldfastError("E_USAGE", `there is no component ${wanted}`, {
    hint: `use one of ${components.map(({ name }) => name).join(", ")}`,
  });
}

function tablesNamed({ tables }: Schema, wanted: string): TableId[] {
  const found = tablesMeant(tables, wanted);
  if (found.length > 0) return found.map(({ id }) => id);
  const nearest = nearestName(
    wanted,
    tables.map(({ name }) => name),
  );
  throw new HoldfastError("E_USAGE", `there is no table ${wanted}`, {
    hint: nearest === undefined ? "run plan to list the tables" : `did you mean ${nearest}?`,
  });
}

/** Returns warnings about apparent references to rows that an import may renumber. */
function suspectedNumbers(schema: Schema, { table, key }: TableLayout, people: readonly Table[]): string[] {
  const [number = ""] = table.primaryKey?.columns ?? [];
  const isPeople = people.includes(table);
  const loose =
    key.kind !== "natural" || key.columns.includes(number) ? [] : undeclaredReferences(schema, table, { isPeople });
  if (loose.length === 0) return [];
  return [
    `${table.id}: ${summarizeList(loose.map(nameOf))} seem to reference its ${number} without a foreign key and are exported ` +
      "unchanged: if the target has its rows under other ids, they would reference other rows. Declare them with " +
      `${declarationOf(table, loose)}, or keep the ids with portable.keys: { ${table.name}: [] }`,
  ];
}

function warningsOf({ table, key }: TableLayout): string[] {
  const warnings = table.notes.map((note) => `${table.id}: ${note}`);
  if (key.kind === "reference")
    warnings.push(
      `${table.id} is identified by its generated ${key.columns.join(", ")}: ` +
        "import it only into its database of origin or an empty table",
    );
  if (key.kind === "none")
    warnings.push(
      `${table.id} has no key: nothing identifies its rows, and it can only be imported into an empty table`,
    );
  return warnings;
}
