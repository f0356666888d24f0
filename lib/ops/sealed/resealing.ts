/** Tells before a run begins that all of it is to be built again: it is sealed in another way, or its names are lost. */
import { existsSync } from "node:fs";
import path from "node:path";
import type { Report } from "../../model/event.ts";
import type { ManifestHead } from "../../model/run.ts";
import { formatBytes, plural } from "../../report/format.ts";
import { listRuns, runDirectory } from "../../store/files/layout.ts";
import { readManifestHead } from "../../store/run/manifest.ts";
import type { Seal } from "../../model/seal.ts";
import { isSealedFor } from "../../store/seal/names.ts";

/** The seal of the next run, and the directory of this host for what is sealed of the names in runs. */
interface Sealing {
  readonly seal: Seal | undefined;
  readonly names: string | undefined;
}

/** Reports how much is built again where the newest run is sealed in another way, or this host lacks its names. */
export function noteResealing(store: string, sealing: Sealing, report: Report): void {
  const newest = listRuns(store).at(-1);
  if (newest === undefined) return;
  const head = readManifestHead(runDirectory(store, newest));
  const why = reason(head, sealing);
  if (why === undefined) return;
  const { units, size_bytes } = head.totals;
  const text = `the run ${newest} ${why}: ${plural(units, "unit")} with ${formatBytes(size_bytes)} are built again`;
  report({ type: "note", level: "warning", text });
}

function reason(head: ManifestHead, { seal, names }: Sealing): string | undefined {
  if (isSealedFor(seal, head))
    return names === undefined || existsSync(path.join(names, head.run))
      ? undefined
      : `has sealed names that ${names} on this host does not have`;
  if (seal === undefined) return "is sealed, and the config has no encryption any more";
  if (head.sealed_to === undefined) return "is not sealed";
  if ((head.sealed_names !== undefined) !== seal.names) return `has ${seal.names ? "readable" : "sealed"} names`;
  return "is sealed to other recipients";
}
