/** Merges duplicate rows of a table in one transaction, redirecting their references to the one that stays. */
import { HoldfastError } from "../../errors.ts";
import type { Connection } from "../engine/connection.ts";
import type { Table } from "../schema/tables.ts";
import { checkForeignKeys } from "../import/constraints.ts";
import { RowMerge, type Merged } from "./merge.ts";
import type { ReferenceRow } from "./groups.ts";
import { reach } from "./references.ts";
import { planReconcile, type ReconcilePlan, type ReconcileRequest } from "./plan.ts";

export { planReconcile, type ReconcilePlan, type ReconcileRequest } from "./plan.ts";

export interface ReconcileResult {
  /** The counts of each table, the merged one included. */
  readonly counts: ReadonlyMap<string, Readonly<Merged>>;
  readonly committed: boolean;
}

/**
 * Carries out `plan`, and rolls back if `dryRun` is set. The connection must be writable, and its transaction is ended.
 * Throws `E_TARGET`, with the database unchanged, if the rows have changed since the plan or cannot be merged.
 */
export async function reconcile(
  connection: Connection,
  plan: ReconcilePlan,
  request: ReconcileRequest,
  { dryRun, signal }: { readonly dryRun: boolean; readonly signal: AbortSignal },
): Promise<ReconcileResult> {
  try {
    const counts = await reconcileInside(connection, plan, request, signal);
    signal.throwIfAborted();
    await connection.run(dryRun ? "rollback" : "commit");
    return { counts, committed: !dryRun };
  } catch (error) {
    await connection.run("rollback").catch(() => {}); // report the first error, not that of the rollback
    throw error;
  }
}

async function reconcileInside(
  connection: Connection,
  planned: ReconcilePlan,
  request: ReconcileRequest,
  signal: AbortSignal,
): Promise<ReadonlyMap<string, Readonly<Merged>>> {
  const { tables, late } = reach(planned.schema, planned.generics, planned.table);
  await connection.engine.constraints.lockTables?.(connection, tables);
  const plan = await planReconcile(connection, request);
  const { schema, generics, table, columns, groups } = plan;
  if (formOf(plan) !== formOf(planned))
    throw new HoldfastError("E_TARGET", `the rows of ${table.id}, or references to them, have changed since the plan`, {
      hint: "nothing was changed: run it again to see the new plan",
    });
  const guards = await connection.engine.constraints.suspendForeignKeys(connection, late);
  const merge = new RowMerge(connection, { schema, generics }, signal);
  const identity = table.primaryKey?.columns ?? columns;
  const pairs = groups.flatMap(({ stays, others }) =>
    others.map(({ values }) => ({ goes: values, stays: stays.values })),
  );
  if (pairs.length > 0) await merge.merge(table, identity, pairs);
  const touched = [...merge.counts].filter(([, { moved, removed }]) => moved + removed > 0);
  const isTouched = ({ id }: Table): boolean => touched.some(([one]) => one === id);
  await checkForeignKeys(connection, schema, tables.filter(isTouched));
  await guards.restore();
  return new Map(touched);
}

const rowForm = ({ values, said, references }: ReferenceRow): unknown[] => [values.map(String), said, references];

/** Returns the part of a plan that its user has confirmed. */
const formOf = ({ groups, links }: ReconcilePlan): string =>
  JSON.stringify([groups.map(({ stays, others }) => [stays, ...others].map(rowForm)), links]);
