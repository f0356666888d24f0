/** How much of a run was restored or read to its end lately, as a part of this run or of another one. */
import { timeBefore, type Duration } from "../../config/duration.ts";
import { isFuture } from "../../store/files/clock.ts";
import { runDirectory } from "../../store/files/layout.ts";
import { readSums } from "../../store/run/checksums.ts";
import { readEvidence, runsWithEvidence, timeOfEvidence } from "../checks/kept-evidence.ts";

/**
 * Returns a function that gives the part of a run's bytes, 0 to 1, in artifacts that evidence not older than `maxAge`
 * lists. An artifact that another run shares, or holds with the same content, is the same bytes.
 */
export function proofCoverage(store: string, maxAge: Duration, now: Date): (run: string, bytes: number) => number {
  const oldest = timeBefore(now, maxAge);
  const proved = new Map<string, number>();
  for (const run of runsWithEvidence(store))
    for (const evidence of readEvidence(store, run)) {
      const time = timeOfEvidence(evidence);
      if (time < oldest || isFuture(time, now)) continue;
      for (const { sha256, size_bytes } of evidence.artifacts) proved.set(sha256, size_bytes);
    }
  return (run, bytes) => {
    if (proved.size === 0 || bytes === 0) return 0;
    const sums = readSums(runDirectory(store, run))?.values() ?? [];
    const covered = Array.from(sums).reduce((sum, sha256) => sum + (proved.get(sha256) ?? 0), 0);
    return Math.min(1, covered / bytes);
  };
}
