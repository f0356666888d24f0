/** Tells before a run begins that all of it is to be built again, because it is sealed to others than before. */
import type { Report } from "../../model/event.ts";
import { formatBytes, plural } from "../../report/format.ts";
import { listRuns, runDirectory } from "../../store/files/layout.ts";
import { readManifestHead } from "../../store/run/manifest.ts";
import type { Seal } from "../../model/seal.ts";
import { isSealedFor } from "../../store/seal/names.ts";

/** Reports how much is built again where the newest run is sealed to other recipients, or not. */
export function noteResealing(store: string, seal: Seal | undefined, report: Report): void {
  const newest = listRuns(store).at(-1);
  if (newest === undefined) return;
  const head = readManifestHead(runDirectory(store, newest));
  if (isSealedFor(seal, head)) return;
  const { units, size_bytes } = head.totals;
  const why =
    seal === undefined
      ? "is sealed, and the config has no encryption any more"
      : head.sealed_to === undefined
        ? "is not sealed"
        : "is sealed to other recipients";
  const text = `the run ${newest} ${why}: ${plural(units, "unit")} with ${formatBytes(size_bytes)} are built again`;
  report({ type: "note", level: "warning", text });
}
