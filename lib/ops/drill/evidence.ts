/** What is kept of a drill: `<dest>/evidence/<run>/drill-<time>.json`. */
import { mkdirSync } from "node:fs";
import { hostname } from "node:os";
import path from "node:path";
import { FORMAT_VERSION } from "../../model/unit.ts";
import { writeFileAtomic } from "../../store/atomic.ts";
import { formatJson } from "../../store/documents.ts";
import { hashFile } from "../../store/hash.ts";
import { runDirectory } from "../../store/layout.ts";
import { SUMS_FILE } from "../../store/sums.ts";
import { VERSION } from "../../version.ts";
import type { DrillCheck } from "./check.ts";
import type { RestoredTree } from "./trees.ts";

export interface DrillEvidence {
  readonly format: "holdfast-drill";
  readonly format_version: string;
  readonly run: string;
  readonly host: string;
  /** Of Holdfast, of Node, and of the database servers by unit. */
  readonly versions: {
    readonly holdfast: string;
    readonly node: string;
    readonly servers: Readonly<Record<string, string>>;
  };
  readonly started_at: string;
  readonly finished_at: string;
  /** Nothing failed. */
  readonly ok: boolean;
  /** Ids of the checks that could not be tried, or only in part. */
  readonly not_proved: readonly string[];
  /** Milliseconds. */
  readonly phases: Readonly<Record<string, number>>;
  /** What it takes until the site is there again: all phases but the clean-up, in milliseconds. */
  readonly rto_ms: number;
  /** Of SHA256SUMS, which is what names every file of the run; null where it could not be read. */
  readonly sums_sha256: string | null;
  readonly checks: readonly DrillCheck[];
  readonly trees: readonly RestoredTree[];
}

interface Results {
  readonly phases: Readonly<Record<string, number>>;
  readonly checks: readonly DrillCheck[];
  readonly trees: readonly RestoredTree[];
  readonly servers: Readonly<Record<string, string>>;
}

export async function writeEvidence(
  { store, run }: { readonly store: string; readonly run: string },
  started: Date,
  { phases, checks, trees, servers }: Results,
  signal: AbortSignal,
): Promise<DrillEvidence> {
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
  };
  const directory = path.join(store, "evidence", run);
  mkdirSync(directory, { recursive: true, mode: 0o750 });
  const time = started.toISOString().replaceAll(/[-:.]/g, "");
  await writeFileAtomic(path.join(directory, `drill-${time}.json`), formatJson(evidence), { mode: 0o640 });
  return evidence;
}
