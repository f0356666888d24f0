/** The evidence of a drill, `evidence/<run>/drill-<time>.json`. */
import { hostname } from "node:os";
import path from "node:path";
import { FORMAT_VERSION } from "../../model/unit.ts";
import { hashFile } from "../../store/files/hash.ts";
import { runDirectory } from "../../store/files/layout.ts";
import { SUMS_FILE } from "../../store/run/checksums.ts";
import { VERSION } from "../../version.ts";
import { keepEvidence, type EvidencePlace, type KeptEvidence } from "../checks/evidence.ts";
import type { ProvedArtifact } from "../checks/kept-evidence.ts";
import type { DrillCheck } from "../checks/drill-check.ts";
import type { Changes } from "./changed.ts";
import type { RestoredTree } from "./trees.ts";

export interface DrillEvidence {
  readonly format: "holdfast-drill";
  readonly format_version: string;
  readonly run: string;
  readonly host: string;
  /** Versions of Holdfast, of Node, and of the database servers by unit. */
  readonly versions: {
    readonly holdfast: string;
    readonly node: string;
    readonly servers: Readonly<Record<string, string>>;
  };
  readonly started_at: string;
  readonly finished_at: string;
  /** True if nothing failed. */
  readonly ok: boolean;
  /** Ids of the checks that could not be tried, or only in part. */
  readonly not_proved: readonly string[];
  /** The duration of each phase in milliseconds. */
  readonly phases: Readonly<Record<string, number>>;
  /** The recovery time: all phases but the clean-up, in milliseconds. */
  readonly rto_ms: number;
  /** Digest of SHA256SUMS, which lists every file of the run; null if it could not be read. */
  readonly sums_sha256: string | null;
  readonly checks: readonly DrillCheck[];
  readonly trees: readonly RestoredTree[];
  /** The artifacts that were restored and found as recorded. */
  readonly artifacts: readonly ProvedArtifact[];
  /**
   * Of a drill of changes: when the oldest proof ended that stands for units that were left out, null if none was. Absent
   * for a drill of the whole run.
   */
  readonly proved_since?: string | null;
}

interface Results {
  readonly phases: Readonly<Record<string, number>>;
  readonly checks: readonly DrillCheck[];
  readonly trees: readonly RestoredTree[];
  readonly artifacts: readonly ProvedArtifact[];
  readonly changes: Changes | undefined;
  readonly servers: Readonly<Record<string, string>>;
}

export async function writeEvidence(
  { store, run, directory, signing }: Pick<EvidencePlace, "store" | "run" | "directory" | "signing">,
  started: Date,
  { phases, checks, trees, artifacts, changes, servers }: Results,
  signal: AbortSignal,
): Promise<{ readonly evidence: DrillEvidence; readonly kept: KeptEvidence }> {
  const finished = new Date();
  const sums = await hashFile(path.join(runDirectory(store, run), SUMS_FILE), signal).catch(() => undefined);
  const spent = Object.entries(phases).filter(([phase]) => phase !== "clean");
  const evidence: DrillEvidence = {
    format: "holdfast-drill",
    format_version: FORMAT_VERSION,
    run,
    host: hostname(),
    versions: { holdfast: VERSION, node: process.version, servers },
    started_at: started.toISOString(),
    finished_at: finished.toISOString(),
    ok: checks.every(({ state }) => state !== "failed"),
    not_proved: checks.filter(({ state }) => state === "not proved").map(({ id }) => id),
    phases,
    rto_ms: spent.reduce((sum, [, ms]) => sum + ms, 0),
    sums_sha256: sums?.sha256 ?? null,
    checks,
    trees,
    artifacts,
    ...(changes === undefined ? {} : { proved_since: changes.since?.toISOString() ?? null }),
  };
  const kept = await keepEvidence({ store, run, kind: "drill", started, directory, signing, signal }, evidence);
  return { evidence, kept };
}
