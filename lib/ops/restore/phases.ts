/** The phases of every restore: its journal, staging, and the rollback. */
import type { SiteConfig } from "../../config/load.ts";
import { HoldfastError } from "../../errors.ts";
import type { Operation } from "../journals/operations.ts";
import { Journal } from "../journals/restore-journal.ts";
import { checkSpace } from "./plan/space.ts";
import type { Prepared } from "./prepare.ts";
import { stage } from "./stage/run.ts";
import { verifyArtifacts } from "./stage/verify-artifacts.ts";
import { loadDatabases, type PlannedDatabase } from "./swap/databases.ts";
import { rollBackFailure } from "./swap/fail.ts";
import type { FindTarget } from "./swap/restorer-pool.ts";
import type { Work } from "./work.ts";

/** Creates the journal. */
export async function beginRestore({ request, store, run, options }: Work): Promise<Journal> {
  const { target, steps, units, path, database, rebuild, migrate: migrates } = request;
  return await Journal.create(
    store.path,
    {
      site: store.site,
      run,
      target: target.kind === "in-place" ? "in-place" : target.directory,
      selection: {
        steps,
        units,
        path: path ?? null,
        database: database === undefined ? null : true,
        rebuild,
        migrate: migrates,
        complete: request.complete === true,
      },
      without_safety: request.withoutSafety ?? null,
    },
    target.kind === "in-place",
    options.onStep,
  );
}

/** Verifies what will be used, stages all of it beside the target, and compares it with the record. */
export async function stageRestore(journal: Journal, work: Work, { plan, databases, units }: Prepared): Promise<void> {
  const { options, request, directory } = work;
  options.onPhase("verifying");
  const used = request.path === undefined ? units : [];
  await verifyArtifacts(directory, used, plan, options.signal, request.content?.partial);
  checkSpace(plan);
  await journal.enter("restoring", { bases: [...plan.targets.bases], by_hand: [...plan.byHand] });
  options.onPhase("unpacking");
  const unset: string[] = [];
  await stage(plan, {
    warn: (text) => unset.push(text),
    signal: options.signal,
    workers: request.workers,
    onBytes: (done) => options.onBytes?.(done, plan.bytes),
  });
  options.onPhase("loading");
  const loads = await loadDatabases(directory, databases, journal, {
    restoreFlags: request.restoreFlags,
    onBytes: () => {},
  });
  const operations: Operation[] = [
    ...loads.filter(({ kind }) => kind === "reload"),
    ...plan.operations,
    ...loads.filter(({ kind }) => kind === "exchange"),
  ];
  const older = request.migrate ? databases.filter(({ schema }) => schema.state === "older") : [];
  const projects = units.filter(({ step }) => step === "source_exports").flatMap(({ project }) => project ?? []);
  await journal.update({
    operations,
    migrate: older.map(({ item }) => item.unit),
    rebuild: request.rebuild ? projects : [],
    warnings: [...unset, ...databases.flatMap((one) => one.warnings)],
  });
}

/** Finds the database of a unit for a pool whose signal outlives the restore's own. */
export const targetOf =
  (databases: readonly PlannedDatabase[]): FindTarget =>
  async (unit) => {
    const found = databases.find(({ item }) => item.unit === unit);
    if (found === undefined) throw new HoldfastError("E_INTERNAL", `the database ${unit} is not open`);
    return found.target;
  };

/** Rolls back a failed restore; returns the error to throw. */
export async function rollBack(
  journal: Journal,
  { options }: Work,
  databases: readonly PlannedDatabase[],
  failure: unknown,
  config?: SiteConfig,
): Promise<unknown> {
  if (journal.document.swap !== "none") options.onPhase("rolling back");
  const error: unknown = options.signal.aborted ? options.signal.reason : failure;
  return await rollBackFailure(journal, targetOf(databases), config, error);
}
