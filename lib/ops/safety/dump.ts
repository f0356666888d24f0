/** Dumps databases into a safety run before a command changes anything. */
import type { SiteConfig } from "../../config/load.ts";
import { HoldfastError } from "../../errors.ts";
import type { StoreLocks } from "../../store/lock/store-locks.ts";
import { backup } from "../backup/run.ts";

export interface SafetyDump {
  readonly config: SiteConfig;
  readonly store: string;
  readonly units: readonly string[];
  readonly command: "reinit" | "restore";
  /** Id of that command's restore or reinit. */
  readonly id: string;
  readonly locks: StoreLocks;
  readonly signal: AbortSignal;
}

/**
 * Dumps databases into a run of their own, under the locks that the command holds. Throws `E_SAFETY` if a dump failed,
 * and the errors of a backup.
 */
export async function dumpFirst(request: SafetyDump): Promise<{ readonly run: string; readonly path: string }> {
  const { config, store, units, command, id, locks, signal } = request;
  const { run, path, status, failures } = await backup(
    {
      config: config.file,
      dest: store,
      steps: ["db"],
      only: units,
      skip: [],
      textTypes: [],
      existing: "overwrite",
      checksums: true,
      resume: false,
      dryRun: false,
      name: `before the ${command} ${id}`,
      tags: [],
      breakLock: false,
      newStore: false,
      acceptLoss: false,
      inProcess: true,
      command,
      safety: { locks },
    },
    { signal, report: () => {} },
  );
  if (path === null || status !== "complete")
    throw new HoldfastError("E_SAFETY", failures[0]?.message ?? "the dump failed");
  return { run, path };
}
