/** How much of a run was restored or read to its end lately, as a part of this run or of another one. */
import { timeBefore, type Duration } from "../../config/settings/duration.ts";
import { isFuture } from "../../store/files/clock.ts";
import { runDirectory } from "../../store/files/layout.ts";
import { readSums } from "../../store/run/checksums.ts";
import { readEvidence, runsWithEvidence, timeOfEvidence } from "../checks/kept-evidence.ts";
import { documentCounts } from "../checks/signed-document.ts";
import type { ProofOptions } from "./proof.ts";

/** An artifact that was proved. */
interface ProvedBytes {
  readonly size: number;
  /** When the newest proof of it ended. */
  readonly at: Date;
}

/** Returns the artifacts that evidence not older than `maxAge` lists, by sha256; without `options` unsigned evidence counts. */
export async function provedSince(
  store: string,
  maxAge: Duration,
  now: Date,
  options?: ProofOptions,
): Promise<ReadonlyMap<string, ProvedBytes>> {
  const oldest = timeBefore(now, maxAge);
  const proved = new Map<string, ProvedBytes>();
  for (const run of runsWithEvidence(store))
    for (const { evidence, file } of readEvidence(store, run)) {
      const at = timeOfEvidence(evidence);
      if (at < oldest || isFuture(at, now) || evidence.artifacts.length === 0) continue;
      if (options !== undefined && !(await documentCounts(file, at, options.signing, options.signal))) continue;
      for (const { sha256, size_bytes: size } of evidence.artifacts)
        if (at >= (proved.get(sha256)?.at ?? at)) proved.set(sha256, { size, at });
    }
  return proved;
}

/**
 * Returns a function that gives the part of a run's bytes, 0 to 1, in artifacts that evidence not older than `maxAge`
 * lists. An artifact that another run shares, or holds with the same content, is the same bytes.
 */
export async function proofCoverage(
  store: string,
  maxAge: Duration,
  now: Date,
  options?: ProofOptions,
): Promise<(run: string, bytes: number) => number> {
  const proved = await provedSince(store, maxAge, now, options);
  return (run, bytes) => {
    if (proved.size === 0 || bytes === 0) return 0;
    const sums = readSums(runDirectory(store, run))?.values() ?? [];
    const covered = Array.from(sums).reduce((sum, sha256) => sum + (proved.get(sha256)?.size ?? 0), 0);
    return Math.min(1, covered / bytes);
  };
}
