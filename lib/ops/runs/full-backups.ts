/** Reads the full backups of a store. */
import type { ManifestHead } from "../../model/run.ts";
import { listRuns, runDirectory } from "../../store/files/layout.ts";
import { readManifestHead } from "../../store/run/manifest.ts";

/** Yields the heads of all full backups, the newest first. One that cannot be read is left out: verify reports it. */
export function* fullBackups(store: string): Generator<ManifestHead> {
  for (const run of listRuns(store).toReversed()) {
    const head = tryReadHead(runDirectory(store, run));
    if (head?.kind === "backup" && head.scope === "full") yield head;
  }
}

function tryReadHead(directory: string): ManifestHead | undefined {
  try {
    return readManifestHead(directory);
  } catch {
    return undefined;
  }
}
