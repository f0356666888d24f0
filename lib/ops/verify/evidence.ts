/** The evidence of a verification, `evidence/<run>/verify-<time>.json`. */
import { hostname } from "node:os";
import path from "node:path";
import type { Signing } from "../../config/settings/signing.ts";
import { FORMAT_VERSION } from "../../model/unit.ts";
import { hashFile } from "../../store/files/hash.ts";
import { SUMS_FILE } from "../../store/run/checksums.ts";
import { VERSION } from "../../version.ts";
import { keepEvidence, type KeptEvidence } from "../checks/evidence.ts";
import { provedArtifacts } from "../checks/kept-evidence.ts";
import type { RunInventory } from "./inventory/run-inventory.ts";
import type { Check, Verification } from "../checks/check.ts";

type Result = Pick<Verification, "run" | "ok" | "quick" | "deep" | "live" | "sample" | "checks">;

interface EvidenceOptions {
  /** The operator's own directory for it. */
  readonly evidence: string | undefined;
  /** The units whose artifacts were read to their end. */
  readonly unitsRead: RunInventory["units"];
  readonly signing: Signing | undefined;
}

/** Writes the evidence of a verification, and signs it with a key. */
export async function writeVerifyEvidence(
  { store, directory }: Pick<RunInventory, "store" | "directory">,
  started: Date,
  { run, ok, quick, deep, live, sample, checks }: Result,
  { evidence, unitsRead, signing }: EvidenceOptions,
  signal: AbortSignal,
): Promise<KeptEvidence> {
  const sums = await hashFile(path.join(directory, SUMS_FILE), signal).catch(() => undefined);
  const document = {
    format: "holdfast-verify",
    format_version: FORMAT_VERSION,
    run,
    host: hostname(),
    versions: { holdfast: VERSION, node: process.version },
    started_at: started.toISOString(),
    finished_at: new Date().toISOString(),
    ok,
    not_proved: checks.filter(({ state }: Check) => state === "not proved").map(({ id }) => id),
    quick,
    deep,
    live,
    sample,
    sums_sha256: sums?.sha256 ?? null,
    checks,
    artifacts: ok && deep ? provedArtifacts(unitsRead) : [],
  };
  const place = { store: store.path, run, kind: "verify", started, directory: evidence, signing, signal } as const;
  return await keepEvidence(place, document);
}
