/**
 * Dumps databases that cannot be kept beside the restored ones into a safety run, kept until the restore is confirmed.
 */
import path from "node:path";
import type { SiteConfig } from "../../config/load.ts";
import { asHoldfastError, HoldfastError } from "../../errors.ts";
import type { Report } from "../../model/event.ts";
import type { StoreLocks } from "../../store/lock/store-locks.ts";
import { readStepMetadata } from "../../store/run/step-index.ts";
import { dumpFirst } from "../safety/dump.ts";
import type { PlannedDatabase } from "./swap/databases.ts";
import type { Journal } from "../journals/restore-journal.ts";
import type { RestoreRequest } from "./plan/request.ts";

export interface SafetyWork {
  readonly request: RestoreRequest;
  readonly config: SiteConfig;
  readonly databases: readonly PlannedDatabase[];
  readonly locks: StoreLocks;
  readonly options: {
    readonly signal: AbortSignal;
    readonly report: Report;
    readonly onPhase: (phase: string) => void;
  };
}

/**
 * Dumps what `reload` would overwrite. Throws `E_SAFETY` if that fails, unless the operator gave a reason to continue
 * without.
 */
export async function backUpTarget(journal: Journal, work: SafetyWork): Promise<void> {
  const { request, config, databases, options } = work;
  const atRisk = databases.filter(({ restorer, present }) => !restorer.exchanges && (present?.tables ?? 0) > 0);
  if (atRisk.length === 0 || request.withoutSafety !== undefined) return;
  await journal.enter("pre_backup");
  options.onPhase("saving");
  const units = atRisk.map(({ item }) => item.unit);
  try {
    if (request.database !== undefined)
      throw new HoldfastError("E_SAFETY", "the database of --database is not the configured one, and holds tables", {
        hint: "empty it, or use --no-safety --reason TEXT",
      });
    const saved = await dumpFirst({
      config,
      store: request.store,
      units,
      command: "restore",
      id: journal.document.restore,
      locks: work.locks,
      signal: options.signal,
    });
    const dumps = new Map(
      [...readStepMetadata(saved.path, "db")].map(({ unit, artifacts }) => [unit, artifacts[0]?.path] as const),
    );
    const operations = journal.document.operations.map((operation) => {
      const dump = operation.kind === "reload" ? dumps.get(operation.unit) : undefined;
      return operation.kind === "reload" && dump !== undefined
        ? { ...operation, safety: path.join(saved.path, dump) }
        : operation;
    });
    await journal.update({ safety_run: saved.run, operations });
    await journal.enter("restoring");
  } catch (error) {
    options.signal.throwIfAborted();
    const cause = asHoldfastError(error);
    if (cause.code === "E_SAFETY" || cause.code === "E_NO_SPACE" || cause.code === "E_LOCKED") throw cause;
    throw new HoldfastError("E_SAFETY", `the safety dump of ${units.join(", ")} failed: ${cause.message}`, {
      cause: error,
    });
  }
}
