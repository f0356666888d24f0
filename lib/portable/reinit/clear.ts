/** Clears tables by a plan, inside the connection's transaction, which the caller ends. */
import { HoldfastError } from "../../errors.ts";
import type { Connection } from "../engine/connection.ts";
import { checkForeignKeys, disableTriggers } from "../import/constraints.ts";
import type { ForeignKey, Table } from "../schema/tables.ts";
import { rowsOf } from "../engine/sql-names.ts";
import { countCleared, planReinit, type ReinitPlan, type ReinitRules, type ReinitTable } from "./plan.ts";
import { plural } from "../../report/format.ts";

export interface Cleared {
  /** The plan made in the transaction, with the numbers of cleared and kept rows. */
  readonly plan: ReinitPlan;
  readonly warnings: readonly string[];
}

export interface ClearHooks {
  readonly signal: AbortSignal;
  /** Called with the final plan, before anything is cleared. */
  readonly before?: (plan: ReinitPlan) => Promise<void>;
}

/**
 * Plans again, with writers locked out as far as the engine can, and clears. Throws `E_TARGET` for kept rows that refer
 * to rows to clear, and database errors; the caller then rolls back. Sequences are rolled back with the transaction;
 * counters that are not are left to `resetCounters`.
 */
export async function clearTables(
  connection: Connection,
  rules: ReinitRules,
  { signal, before }: ClearHooks,
): Promise<Cleared> {
  const { constraints, sequences } = connection.engine;
  if (constraints.lockTables !== undefined)
    await constraints.lockTables(connection, tablesOf(await planReinit(connection, rules)));
  const plan = await planReinit(connection, rules);
  assertNothingStranded(plan);
  await before?.(plan);
  const cleared = plan.tables.filter(({ clears }) => clears > 0);
  const links = cyclicForeignKeys(plan);
  const guards = await constraints.suspendForeignKeys(
    connection,
    links.filter(({ how }) => how === "deferred-check"),
  );
  const triggers = await disableTriggers(
    connection,
    cleared.map(({ table }) => table),
  );
  if (constraints.checksEachStatement)
    for (const { table, link, how } of links)
      if (how === "null-then-update") await setNull(connection, plan, table, link);
  for (const one of cleared.toReversed()) {
    signal.throwIfAborted();
    await connection.run(
      `delete from ${rowsOf(connection, one.table)} where (${one.kept.sql("")}) is not true`,
      one.kept.parameters,
    );
  }
  await checkForeignKeys(
    connection,
    plan.schema,
    cleared.map(({ table }) => table),
  );
  await guards.restore();
  await triggers.restore();
  await checkRest(connection, plan);
  for (const { table } of plan.tables.filter(isEmptied)) await sequences.restart(connection, table);
  return { plan, warnings: triggers.warnings };
}

/** Throws `E_TARGET` that lists the plan's problems. */
export function assertNothingStranded({ problems }: ReinitPlan): void {
  if (problems.length === 0) return;
  throw new HoldfastError("E_TARGET", problems.join("; "), {
    hint: "nothing was changed: keep those rows as well, under portable.reinit.keep or keep_rows, or keep neither",
  });
}

/**
 * Resets counters that no transaction can reset, as in MySQL, so call it after the commit. Returns a message for
 * each table where it failed.
 */
export async function resetCounters(connection: Connection, plan: ReinitPlan): Promise<string[]> {
  const failed: string[] = [];
  const { restartAfterCommit } = connection.engine.sequences;
  if (restartAfterCommit === undefined) return failed;
  for (const { table } of plan.tables.filter(isEmptied)) {
    try {
      await restartAfterCommit(connection, table);
    } catch (error) {
      failed.push(
        `${table.id}: the auto_increment counter was not reset: ` +
          (error instanceof Error ? error.message : String(error)),
      );
    }
  }
  return failed;
}

const isEmptied = ({ action }: ReinitTable): boolean => action === "clear";

const tablesOf = ({ tables }: ReinitPlan): Table[] => tables.map(({ table }) => table);

/** Returns the foreign keys that close a cycle among the cleared tables. */
function cyclicForeignKeys({ deferred, tables }: ReinitPlan) {
  const byId = new Map(tables.map((one) => [one.table.id, one]));
  return deferred.flatMap(({ table: id, foreignKey, how }) => {
    const one = byId.get(id);
    const link = one?.table.foreignKeys.find(({ name }) => name === foreignKey);
    // One statement deletes all rows of a table, even if they refer to each other.
    if (one === undefined || link === undefined || link.target === id || link.declared === true) return [];
    return one.clears === 0 || byId.get(link.target)?.clears === 0 ? [] : [{ table: one.table, link, how }];
  });
}

async function setNull(connection: Connection, { tables }: ReinitPlan, table: Table, link: ForeignKey): Promise<void> {
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

/** Throws `E_IMPORT` if rows to clear remain, or kept rows are gone, as by a trigger or a cascade. */
async function checkRest(connection: Connection, { tables }: ReinitPlan): Promise<void> {
  for (const one of tables) {
    const { table, keeps } = one;
    const left = await countCleared(connection, one);
    if (left > 0)
      throw new HoldfastError("E_IMPORT", `${table.id}: ${plural(left, "row was", "rows were")} not cleared`);
    const [row] = await connection.rows(`select count(*) from ${rowsOf(connection, table)}`);
    if (Number(row?.[0] ?? 0) < keeps)
      throw new HoldfastError(
        "E_IMPORT",
        `${table.id}: ${plural(keeps - Number(row?.[0] ?? 0), "row")} that must be kept would be deleted`,
        {
          hint: "nothing was changed: a trigger or a cascade of the database deletes them",
        },
      );
  }
}
