/** Checks the free space for the next run and for a drill, by the sizes of the latest run. */
import { statSync } from "node:fs";
import { statfs } from "node:fs/promises";
import { tmpdir } from "node:os";
import { formatBytes } from "../../report/format.ts";
import { runDirectory } from "../../store/files/layout.ts";
import { findStore } from "../../store/open.ts";
import { readManifestHead } from "../../store/run/manifest.ts";
import { checkDisk } from "../checks/free-space.ts";
import { latestRun } from "../runs/find-run.ts";
import type { DoctorFinding, Installation } from "./check.ts";

/** A drill needs the run as it was archived, and archives hold at least this much more once they are unpacked. */
export async function checkSpace({ store }: Installation): Promise<DoctorFinding | undefined> {
  if (store === undefined) return undefined;
  const { path: place } = await findStore(store);
  const latest = latestRun(place);
  const totals = latest === undefined ? undefined : readManifestHead(runDirectory(place, latest)).totals;
  const disk = await checkDisk(place, totals?.written_bytes ?? 0);
  const figure =
    totals === undefined ? disk.figure : `${disk.figure}; the latest run is ${formatBytes(totals.size_bytes)}`;
  return {
    figure,
    faults: disk.problems,
    warnings: totals === undefined ? [] : await checkSandbox(place, totals),
    hint: "make room, prune old runs (npx tsx scripts/prune.ts --dry-run), or give drills another disk by --sandbox",
  };
}

/** Checks the disk of a drill's sandbox, which may be that of the store. */
async function checkSandbox(
  store: string,
  { size_bytes, written_bytes }: { readonly size_bytes: number; readonly written_bytes: number },
) {
  const sandbox = tmpdir();
  const needed = size_bytes + (statSync(sandbox).dev === statSync(store).dev ? written_bytes : 0);
  const { bavail, bsize } = await statfs(sandbox);
  const free = bavail * bsize;
  if (free >= needed) return [];
  const message = `has ${formatBytes(free)} free, but a drill needs at least ${formatBytes(needed)}`;
  return [{ path: sandbox, message }];
}
