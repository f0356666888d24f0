/** Evidence of drills and verifications, as their commands write it. */
import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import path from "node:path";
import { writeDocument } from "../../../lib/store/files/json-documents.ts";
import { runDirectory } from "../../../lib/store/files/layout.ts";

export interface MadeEvidence {
  readonly kind?: "drill" | "verify";
  /** When it ended. */
  readonly at?: Date;
  readonly ok?: boolean;
  readonly notProved?: readonly string[];
  /** Of a verification. */
  readonly deep?: boolean;
  readonly sample?: string | null;
  /** Put in place of what follows from the others. */
  readonly document?: Readonly<Record<string, unknown>>;
}

/** Writes evidence of the run as it is; returns its file. */
export function makeEvidence(store: string, run: string, made: MadeEvidence = {}): string {
  const { kind = "drill", at = new Date(), ok = true, notProved = [], deep = true, sample = null, document } = made;
  const sums = readFileSync(path.join(runDirectory(store, run), "SHA256SUMS"));
  const file = path.join(store, "evidence", run, `${kind}-${at.toISOString().replaceAll(/[-:.]/g, "")}.json`);
  writeDocument(file, {
    format: `holdfast-${kind}`,
    format_version: "1.0.0",
    run,
    started_at: new Date(at.getTime() - 41_000).toISOString(),
    finished_at: at.toISOString(),
    ok,
    not_proved: notProved,
    ...(kind === "drill" ? { phases: {}, rto_ms: 41_000 } : { quick: false, deep, live: false, sample }),
    sums_sha256: createHash("sha256").update(sums).digest("hex"),
    checks: [],
    ...document,
  });
  return file;
}
