/** Lists the runs of a store. */
import path from "node:path";
import type { Scope } from "../../model/run.ts";
import { listIncomplete, listRuns, runDirectory } from "../../store/files/layout.ts";
import { readOwner } from "../../store/lock/acquire.ts";
import { readManifestHead } from "../../store/run/manifest.ts";
import { findStore, type Store } from "../../store/open.ts";
import { livenessOf } from "../../store/lock/process-owner.ts";
import { PROOF_MAX_AGE } from "../../config/settings/retention.ts";
import { latestRun } from "./find-run.ts";
import { hasSignature } from "../signing/memory.ts";
import { signatureProblems } from "../signing/store-problems.ts";
import { proofCoverage } from "./proof-coverage.ts";

/**
 * The status of a run.
 * `complete` and `partial` are recorded by a published run, `damaged` means that its manifest cannot be read; a
 * `running` run is being written, an `interrupted` one can be resumed with `--resume` or removed.
 */
export type ListedStatus = "complete" | "partial" | "damaged" | "running" | "interrupted";

export interface ListedRun {
  readonly run: string;
  readonly status: ListedStatus;
  /** True if the store's link `latest` names it. */
  readonly latest: boolean;
  readonly kind: "backup" | "safety" | null;
  readonly scope: Scope | null;
  readonly name: string | null;
  readonly description: string | null;
  readonly tags: readonly string[];
  readonly units: number | null;
  readonly failed: number | null;
  readonly size_bytes: number | null;
  readonly written_bytes: number | null;
  /** The part of its bytes, 0 to 1, that a drill or a deep verification proved in the last 35 days. */
  readonly proof_coverage: number | null;
  readonly started_at: string | null;
  readonly finished_at: string | null;
  /** True if it has a signature, which is not checked here; null for a run that is not published. */
  readonly signed: boolean | null;
}

export interface StoreListing {
  readonly store: Store;
  /** Newest first. */
  readonly runs: readonly ListedRun[];
  /** Runs without a signature among signed ones, and a newest run that is gone. */
  readonly warnings: readonly string[];
}

/**
 * Lists the runs of the store at `dest`, all or those that have every one of `tags`. Reads the heads of the manifests
 * only, and the checksums where there is evidence. Throws `E_STORE`.
 */
export async function listStore(dest: string, tags: readonly string[]): Promise<StoreListing> {
  const store = await findStore(dest);
  const latest = latestRun(store.path);
  // Signatures cost a program each: a list shows what evidence says, and which runs have no signature at all.
  const coverageOf = await proofCoverage(store.path, PROOF_MAX_AGE, new Date());
  const published = listRuns(store.path).map((run) => describeRun(store.path, run, run === latest, coverageOf));
  const running = await findRunning(store.path);
  const unpublished = listIncomplete(store.path).map((run): ListedRun => ({
    ...NOTHING,
    run,
    status: run === running ? "running" : "interrupted",
  }));
  const runs = [...published, ...unpublished].filter((run) => tags.every((tag) => run.tags.includes(tag)));
  const problems = await signatureProblems(store, undefined, AbortSignal.any([]));
  const warnings = problems.map(({ path: file, message }) => `${file} ${message}`);
  return { store, runs: runs.toSorted((a, b) => (a.run < b.run ? 1 : -1)), warnings };
}

const NOTHING: Omit<ListedRun, "run" | "status"> = {
  latest: false,
  kind: null,
  scope: null,
  name: null,
  description: null,
  tags: [],
  units: null,
  failed: null,
  size_bytes: null,
  written_bytes: null,
  proof_coverage: null,
  started_at: null,
  finished_at: null,
  signed: null,
};

function describeRun(
  store: string,
  run: string,
  latest: boolean,
  coverageOf: Awaited<ReturnType<typeof proofCoverage>>,
): ListedRun {
  const signed = hasSignature(store, run);
  try {
    const { status, kind, scope, name, description, tags, totals, started_at, finished_at } = readManifestHead(
      runDirectory(store, run),
    );
    const { units, failed, size_bytes, written_bytes } = totals;
    return {
      run,
      status,
      latest,
      kind,
      scope,
      name,
      description,
      tags,
      units,
      failed,
      size_bytes,
      written_bytes,
      proof_coverage: coverageOf(run, size_bytes),
      started_at,
      finished_at,
      signed,
    };
  } catch {
    return { ...NOTHING, run, status: "damaged", latest, signed }; // verify reports the cause
  }
}

/** Returns the id of the unpublished run that a living process may be writing: the newest, while the lock is held. */
export async function findRunning(store: string): Promise<string | undefined> {
  const owner = await readOwner(path.join(store, ".lock")).catch(() => null);
  return owner !== null && livenessOf(owner) !== "dead" ? listIncomplete(store).at(-1) : undefined;
}
