/** Merges duplicate rows of a table, in one transaction: what led to any of them leads to the one that stays. */
import { HoldfastError } from "../../errors.ts";
import type { Connection } from "../connection.ts";
import { dialectOf } from "../engines/shared/dialect.ts";
import { checkForeignKeys, suspendForeignKeys } from "../import/constraints.ts";
import { lockTables, RowMerge, type Merged } from "./merge.ts";
import { reach } from "./references.ts";
import { planReconcile, type ReconcilePlan, type ReconcileRequest } from "./plan.ts";

export { planReconcile, type ReconcilePlan, type ReconcileRequest } from "./plan.ts";

export interface ReconcileResult {
  /** By table, the merged one among them. */
  readonly counts: ReadonlyMap<string, Readonly<Merged>>;
  readonly committed: boolean;
}

/**
 * Does what `plan` says, and takes it back where `dryRun` is set. The connection is one for writing, and its transaction is over afterwards. Throws `E_TARGET`
 * where the rows are others than when it was planned, or some of them cannot become one; the database is as it was then.
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
    await connection.run("rollback").catch(() => {}); // what went wrong is worth more than what came of that
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
  await lockTables(connection, tables);
  const plan = await planReconcile(connection, request);
  const { schema, generics, table, columns, groups } = plan;
  if (formOf(plan) !== formOf(planned))
    throw new HoldfastError(
      "E_TARGET",
      `the rows of ${table.id}, or what leads to them, are others than when it was planned`,
      {
        // prettier-ignore
        hint: "nothing was changed: look at the plan again",
      },
    );
  const guards = await suspendForeignKeys(connection, late);
  const merge = new RowMerge(dialectOf(connection), { schema, generics }, signal);
  const identity = table.primaryKey?.columns ?? columns;
  const pairs = groups.flatMap(({ stays, others }) =>
    others.map(({ values }) => ({ goes: values, stays: stays.values })),
  );
  if (pairs.length > 0) await merge.merge(table, identity, pairs);
  const touched = [...merge.counts].filter(([, { moved, removed }]) => moved + removed > 0);
  await checkForeignKeys(connection, schema, tables.filter(({ id }) => touched.some(([one]) => one === id))); // prettier-ignore
  await guards.restore();
  return new Map(touched);
}

/** What a person has seen of it. */
const formOf = ({ groups, links }: ReconcilePlan): string =>
  JSON.stringify([
    groups.map(({ stays, others }) => [stays, ...others].map(({ values, said, references }) => [values.map(String), said, references])), // prettier-ignore
    links,
  ]);
