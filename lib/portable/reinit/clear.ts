/** Empties what a plan says, inside the connection's transaction: the caller ends that. */
import { HoldfastError } from "../../errors.ts";
import type { Connection } from "../connection.ts";
import { checkForeignKeys, disableTriggers, suspendForeignKeys } from "../import/constraints.ts";
import type { ForeignKey, Table } from "../schema/tables.ts";
import { rowsOf, tableName } from "../schema/sql-names.ts";
import { countCleared, planReinit, type ReinitPlan, type ReinitRules, type ReinitTable } from "./plan.ts";

export interface Cleared {
  /** As it was in the transaction, with what went and what stayed. */
  readonly plan: ReinitPlan;
  readonly warnings: readonly string[];
}

export interface ClearHooks {
  readonly signal: AbortSignal;
  /** Once it is known what goes, and before anything does. */
  readonly before?: (plan: ReinitPlan) => Promise<void>;
}

/**
 * Plans again, with writers kept out as far as the engine can, and clears. Throws `E_TARGET` for rows that stay and lead to rows that go, and whatever the
 * database says; the caller rolls back then. Sequences go back with the transaction; MySQL's counters are `resetCounters`'.
 */
export async function clearTables(
  connection: Connection,
  rules: ReinitRules,
  { signal, before }: ClearHooks,
): Promise<Cleared> {
  if (connection.engine === "postgresql") await lock(connection, await planReinit(connection, rules));
  const plan = await planReinit(connection, rules);
  refuseStranded(plan);
  await before?.(plan);
  const going = plan.tables.filter(({ clears }) => clears > 0);
  const links = deferredLinks(plan);
  const guards = await suspendForeignKeys(
    connection,
    links.filter(({ how }) => how === "deferred-check"),
  );
  const triggers = await disableTriggers(
    connection,
    going.map(({ table }) => table),
  );
  if (connection.engine === "postgresql")
    for (const { table, link, how } of links)
      if (how === "null-then-update") await unlink(connection, plan, table, link);
  for (const one of going.toReversed()) {
    signal.throwIfAborted();
    await connection.run(
      `delete from ${rowsOf(connection, one.table)} where (${one.kept.sql("")}) is not true`,
      one.kept.parameters,
    );
  }
  await checkForeignKeys(
    connection,
    plan.schema,
    going.map(({ table }) => table),
  );
  await guards.restore();
  await triggers.restore();
  await checkRest(connection, plan);
  for (const { table } of plan.tables.filter(isEmptied)) await restartNumbers(connection, table);
  return { plan, warnings: triggers.warnings };
}

/** Throws `E_TARGET` that names them. */
export function refuseStranded({ problems }: ReinitPlan): void {
  if (problems.length === 0) return;
  throw new HoldfastError("E_TARGET", problems.join("; "), {
    hint: "nothing was changed: keep those rows as well, under portable.reinit.keep or keep_rows, or keep neither",
  });
}

/** MySQL's ALTER TABLE ends a transaction, so this comes after the commit. Gives a line for each table that it could not be done for. */
export async function resetCounters(connection: Connection, plan: ReinitPlan): Promise<string[]> {
  const failed: string[] = [];
  if (connection.engine !== "mysql" && connection.engine !== "mariadb") return failed;
  for (const { table } of plan.tables.filter(isEmptied)) {
    if (!table.columns.some(({ identity }) => identity !== undefined)) continue;
    try {
      await connection.run(`alter table ${tableName(connection, table)} auto_increment = 1`);
    } catch (error) {
      failed.push(
        `${table.id} goes on with its old numbers: ${error instanceof Error ? error.message : String(error)}`,
      );
    }
  }
  return failed;
}

const isEmptied = ({ action }: ReinitTable): boolean => action === "clear";

async function lock(connection: Connection, { tables }: ReinitPlan): Promise<void> {
  const names = tables.map(({ table }) => tableName(connection, table));
  if (names.length > 0) await connection.run(`lock table ${names.join(", ")} in share row exclusive mode`);
}

/** Foreign keys that close a circle among what is cleared. */
function deferredLinks({ deferred, tables }: ReinitPlan) {
  const byId = new Map(tables.map((one) => [one.table.id, one]));
  return deferred.flatMap(({ table: id, foreignKey, how }) => {
    const one = byId.get(id);
    const link = one?.table.foreignKeys.find(({ name }) => name === foreignKey);
    // One statement takes all rows of a table, whatever they say of each other.
    if (one === undefined || link === undefined || link.target === id || link.declared === true) return [];
    return one.clears === 0 || byId.get(link.target)?.clears === 0 ? [] : [{ table: one.table, link, how }];
  });
}

async function unlink(connection: Connection, { tables }: ReinitPlan, table: Table, link: ForeignKey): Promise<void> {
  const one = tables.find((other) => other.table === table);
  if (one === undefined) return;
  const set = link.columns
    .filter((name) => table.columns.some((column) => column.name === name && column.nullable))
    .map((name) => `${connection.quote(name)} = null`);
  await connection.run(
    `update ${rowsOf(connection, table)} set ${set.join(", ")} where (${one.kept.sql("")}) is not true`,
    one.kept.parameters,
  );
}

/** What was to go is gone, and nothing else: a trigger or a cascade may have thought otherwise. */
async function checkRest(connection: Connection, { tables }: ReinitPlan): Promise<void> {
  for (const one of tables) {
    const { table, keeps } = one;
    const left = await countCleared(connection, one);
    if (left > 0) throw new HoldfastError("E_IMPORT", `${left} rows of ${table.id} are still there`);
    const [row] = await connection.rows(`select count(*) from ${rowsOf(connection, table)}`);
    if (Number(row?.[0] ?? 0) < keeps)
      throw new HoldfastError(
        "E_IMPORT",
        `${keeps - Number(row?.[0] ?? 0)} rows of ${table.id} that were to stay would go`,
        {
          hint: "nothing was changed: a trigger or a cascade of the database takes them",
        },
      );
  }
}

/** Goes back with the transaction. */
async function restartNumbers(connection: Connection, { name, columns }: Table): Promise<void> {
  if (connection.engine === "postgresql")
    for (const { sequence } of columns)
      if (sequence !== undefined) await connection.run(`alter sequence ${sequence} restart`);
  if (connection.engine !== "sqlite") return;
  const known = await connection.rows("select 1 from sqlite_master where name = 'sqlite_sequence'");
  if (known.length > 0) await connection.run("delete from sqlite_sequence where name = ?", [name]);
}
