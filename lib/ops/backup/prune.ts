/** Prunes the store after a backup, under its locks. */
import type { SiteConfig } from "../../config/load.ts";
import { retentionPolicy } from "../../config/settings/retention.ts";
import { requiredTargets } from "../../config/settings/targets/target.ts";
import { asHoldfastError } from "../../errors.ts";
import { formatBytes, plural } from "../../report/format.ts";
import { pruneLocked } from "../retention/run.ts";
import type { BackupOptions } from "./request.ts";
import type { Session } from "./session.ts";

/** Removes the runs that the policy does not keep. The run is published: whatever fails here is a warning. */
export async function pruneAfterBackup(
  { retention, targets }: Pick<SiteConfig, "retention" | "targets">,
  { store, locks }: Pick<Session, "store" | "locks">,
  command: string,
  { report, signal }: BackupOptions,
): Promise<void> {
  const note = (level: "info" | "warning", text: string): void => report({ type: "note", level, text });
  try {
    const policy = retentionPolicy(retention);
    const { decisions, blocked, cap, freed_bytes } = await pruneLocked(
      { store: store.path, policy, required: requiredTargets(targets), command },
      locks,
      signal,
    );
    const gone = decisions.filter(({ keep }) => !keep).length;
    if (gone > 0) note("info", `${plural(gone, "old run was", "old runs were")} removed: ${formatBytes(freed_bytes)}`);
    for (const text of [blocked, cap]) if (text !== null) note("warning", `retention: ${text}`);
  } catch (error) {
    note("warning", `the run is published, but old runs could not be removed: ${asHoldfastError(error).message}`);
  }
}
