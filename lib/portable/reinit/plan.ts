/** Plans what clearing a database deletes and keeps; changes nothing. */
import type { ForeignKeySettings } from "../../config/settings/refinement.ts";
import { HoldfastError } from "../../errors.ts";
import type { Connection } from "../engine/connection.ts";
import { withDeclared } from "../schema/declared-keys.ts";
import { chooseKeys } from "../schema/keys/choose.ts";
import { detectFrameworkTables, type Role } from "../schema/framework-tables.ts";
import { findTable, tablesMeant } from "../schema/names.ts";
import { orderTables, type DeferredKey } from "../plan/table-order.ts";
import { rowsOf } from "../engine/sql-names.ts";
import type { ForeignKey, Schema, Table, TableId } from "../schema/tables.ts";
import { keysOf, exportedKeys, type ExportedKeys } from "../schema/keys/exported.ts";
import { conditionOf, EVERY_ROW, NO_ROW, type Condition, type RowRule } from "./conditions.ts";

export interface ReinitRules {
  /** The keys of the config: columns by table. */
  readonly keys: Readonly<Record<string, readonly string[]>>;
  /** Tables to keep as they are: by id, name, `app.Model`, or all of an app. */
  readonly keep: readonly string[];
  readonly keepRows: Readonly<Record<string, RowRule>>;
  readonly foreignKeys?: ForeignKeySettings;
}

export interface ReinitTable {
  readonly table: Table;
  readonly action: "clear" | "clear rows" | "keep";
  /** The reason for keeping rows; empty for a table that is cleared. */
  readonly why: string;
  readonly kept: Condition;
  readonly clears: number;
  readonly keeps: number;
}

export interface ReinitPlan {
  readonly schema: Schema;
  /** Parents before children. */
  readonly tables: readonly ReinitTable[];
  readonly deferred: readonly DeferredKey[];
  /** Kept rows that refer to rows to clear; nothing is cleared while there are any. */
  readonly problems: readonly string[];
  readonly warnings: readonly string[];
}

/** Tables that the framework fills from the schema and the code, not from users. */
const FRAMEWORK_ROLES: ReadonlySet<Role> = new Set(["migrations", "content-types", "permissions"]);
const SAMPLES = 5;

export const rowsToClear = ({ tables }: Pick<ReinitPlan, "tables">): number =>
  tables.reduce((sum, { clears }) => sum + clears, 0);

/** Throws `E_CONFIG` for an unknown table or column, or an invalid value, and `E_DATABASE`. */
export async function planReinit(connection: Connection, rules: ReinitRules): Promise<ReinitPlan> {
  const schema = withDeclared(await connection.engine.introspect(connection), rules.foreignKeys);
  const keys = exportedKeys(schema, chooseKeys(schema, { keys: rules.keys }));
  const { order, deferred } = orderTables(schema, keysOf(schema, keys));
  const choose = choice(connection, schema, rules);
  const byId = new Map(schema.tables.map((table) => [table.id, table]));
  const tables: ReinitTable[] = [];
  const warnings: string[] = [];
  for (const id of order) {
    const table = byId.get(id);
    if (table === undefined) continue;
    const chosen = choose(table);
    const all = await count(connection, table, "1 = 1", EVERY_ROW);
    const keeps =
      chosen.action === "keep"
        ? all
        : chosen.action === "clear"
          ? 0
          : await count(connection, table, chosen.kept.sql(""), chosen.kept);
    if (chosen.action === "clear rows" && keeps === 0 && all > 0)
      warnings.push(`${id}: no row matches portable.reinit.keep_rows, so all ${all} are cleared`);
    tables.push({ table, ...chosen, clears: all - keeps, keeps });
  }
  for (const note of schema.notes ?? []) warnings.push(`${note}: not cleared`);
  return { schema, tables, deferred, problems: await strandedRows(connection, tables, keys), warnings };
}

function choice(
  connection: Connection,
  schema: Schema,
  { keep, keepRows }: ReinitRules,
): (table: Table) => Pick<ReinitTable, "action" | "why" | "kept"> {
  const kept = new Set(keep.flatMap((name) => meant(schema, name)));
  const recognised = detectFrameworkTables(schema);
  const conditions = new Map(
    Object.entries(keepRows).map(([name, rule]): [TableId, Condition] => {
      const table = findTable(schema, name, "portable.reinit.keep_rows");
      if (kept.has(table.id))
        throw new HoldfastError("E_CONFIG", `portable.reinit lists ${table.id} under both keep and keep_rows`, {
          hint: "list it under one of them",
        });
      return [table.id, conditionOf(connection, table, rule)];
    }),
  );
  return ({ id }) => {
    const condition = conditions.get(id);
    if (condition !== undefined) return { action: "clear rows", why: "portable.reinit.keep_rows", kept: condition };
    if (kept.has(id)) return { action: "keep", why: "portable.reinit.keep", kept: EVERY_ROW };
    const found = recognised.get(id);
    if (found !== undefined && FRAMEWORK_ROLES.has(found.role))
      return { action: "keep", why: `${found.role}, ${found.by}`, kept: EVERY_ROW };
    return { action: "clear", why: "", kept: NO_ROW };
  };
}

function meant({ tables }: Schema, wanted: string): TableId[] {
  const found = tablesMeant(tables, wanted);
  if (found.length === 0)
    throw new HoldfastError("E_CONFIG", `portable.reinit.keep: the database has no table ${wanted}`, {
      hint: "npx tsx scripts/portable.ts plan shows the tables",
    });
  return found.map(({ id }) => id);
}

async function count(connection: Connection, table: Table, where: string, condition: Condition): Promise<number> {
  const [row] = await connection.rows(
    `select count(*) from ${rowsOf(connection, table)} where ${where}`,
    condition.parameters,
  );
  return Number(row?.[0] ?? 0);
}

/** Counts the rows of a table that the plan clears. */
export const countCleared = async (connection: Connection, { table, kept }: ReinitTable): Promise<number> =>
  await count(connection, table, `(${kept.sql("")}) is not true`, kept);

/** Describes kept rows that refer to rows to clear. */
async function strandedRows(
  connection: Connection,
  tables: readonly ReinitTable[],
  keys: ExportedKeys,
): Promise<string[]> {
  const byId = new Map(tables.map((one) => [one.table.id, one]));
  const problems: string[] = [];
  for (const from of tables.filter(({ keeps }) => keeps > 0))
    for (const link of from.table.foreignKeys) {
      const to = byId.get(link.target);
      if (to === undefined || to.clears === 0) continue;
      const found = await stranded(connection, from, link, to, keys.get(from.table.id)?.columns ?? link.columns);
      if (found !== undefined) problems.push(found);
    }
  return problems;
}

async function stranded(
  connection: Connection,
  from: ReinitTable,
  link: ForeignKey,
  to: ReinitTable,
  key: readonly string[],
): Promise<string | undefined> {
  const { quote } = connection;
  const on = link.columns
    .map((name, at) => `p.${quote(link.targetColumns[at] ?? "")} = c.${quote(name)}`)
    .join(" and ");
  const source =
    `from ${rowsOf(connection, from.table)} as c join ${rowsOf(connection, to.table)} as p on ${on} ` +
    `where (${from.kept.sql("c")}) and (${to.kept.sql("p")}) is not true`;
  const parameters = [...from.kept.parameters, ...to.kept.parameters];
  const [total] = await connection.rows(`select count(*) ${source}`, parameters);
  const rows = Number(total?.[0] ?? 0);
  if (rows === 0) return undefined;
  const columns = (key.length === 0 ? link.columns : key).map((name) => `c.${quote(name)}`).join(", ");
  const samples = await connection.rows(`select ${columns} ${source} limit ${SAMPLES}`, parameters);
  const names = samples.map((row) => `(${row.map(String).join(", ")})`).join(", ");
  return (
    `${from.table.id}.${link.columns.join("+")}: ${rows} kept rows reference rows of ${link.target} to be ` +
    `cleared: ${names}${rows > samples.length ? " …" : ""}`
  );
}
