/** What is kept of a verification: `<dest>/evidence/<run>/verify-<time>.json`. */
import { mkdirSync } from "node:fs";
import { hostname } from "node:os";
import path from "node:path";
import { asHoldfastError } from "../../errors.ts";
import { FORMAT_VERSION } from "../../model/unit.ts";
import { createFileAtomic } from "../../store/atomic.ts";
import { formatJson } from "../../store/documents.ts";
import { hashFile } from "../../store/hash.ts";
import { SUMS_FILE } from "../../store/sums.ts";
import { VERSION } from "../../version.ts";
import type { Survey } from "./survey.ts";
import type { Check, Verification } from "./verification.ts";

type Result = Pick<Verification, "run" | "ok" | "quick" | "deep" | "live" | "sample" | "checks">;

/**
 * Writes the document, whole or not at all, and gives its path relative to the store; null, with a note for people, where the store cannot be
 * written to: a verification is good without.
 */
export async function writeVerifyEvidence(
  { store, directory }: Pick<Survey, "store" | "directory">,
  started: Date,
  { run, ok, quick, deep, live, sample, checks }: Result,
  signal: AbortSignal,
): Promise<{ readonly evidence: string | null; readonly notes: readonly string[] }> {
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
  };
  const place = path.posix.join("evidence", run);
  try {
    mkdirSync(path.join(store.path, place), { recursive: true, mode: 0o750 });
    for (let time = started.getTime(); ; time++) {
      const name = `verify-${new Date(time).toISOString().replaceAll(/[-:.]/g, "")}.json`;
      const file = path.join(store.path, place, name);
      if (await createFileAtomic(file, formatJson(document), { mode: 0o640 }))
        return { evidence: `${place}/${name}`, notes: [] };
    }
  } catch (error) {
    signal.throwIfAborted();
    return { evidence: null, notes: [`the evidence was not kept: ${asHoldfastError(error).message}`] };
  }
}
