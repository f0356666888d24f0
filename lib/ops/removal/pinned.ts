/** Pins of the operator, `evidence/<run>/pinned.json`: a run with one is removed by no command. */
import { existsSync, rmSync } from "node:fs";
import path from "node:path";
import type { Signing } from "../../config/settings/signing.ts";
import { pinnedSchema, type Pinned } from "../../model/evidence.ts";
import { FORMAT_VERSION } from "../../model/unit.ts";
import { HoldfastError } from "../../errors.ts";
import { storeError } from "../../store/files/atomic.ts";
import { tryReadDocument } from "../../store/files/json-documents.ts";
import { listRuns } from "../../store/files/layout.ts";
import { findStore } from "../../store/open.ts";
import { userName } from "../../store/writable.ts";
import { signatureOf, writeSignedDocument } from "../checks/signed-document.ts";
import { findRun } from "../runs/find-run.ts";

const pinnedFile = (store: string, run: string): string => path.join(store, "evidence", run, "pinned.json");

/** Returns why a run is pinned; undefined if it is not. A damaged document pins as well. */
export function pinOf(store: string, run: string): string | undefined {
  const file = pinnedFile(store, run);
  if (!existsSync(file)) return undefined;
  const pinned = tryReadDocument(file, pinnedSchema);
  if (pinned === undefined) return "pinned.json cannot be read";
  return pinned.reason ?? `by ${pinned.by} on ${pinned.at.slice(0, 10)}`;
}

export interface PinRequest {
  readonly store: string;
  /** An id, `latest` or `last`. */
  readonly run: string;
  readonly reason: string | null;
  /** Signs the pin. */
  readonly signing?: Signing | undefined;
}

/** Pins a run. Throws `E_STORE`, `E_RUN_UNKNOWN`, `E_SIGNING`. */
export async function pin(request: PinRequest, signal: AbortSignal): Promise<Pinned> {
  const { reason, signing } = request;
  const { path: store } = await findStore(request.store);
  const run = findRun(store, request.run);
  const pinned: Pinned = {
    format: "holdfast-pin",
    format_version: FORMAT_VERSION,
    run,
    reason,
    by: userName(),
    at: new Date().toISOString(),
  };
  const file = pinnedFile(store, run);
  try {
    await writeSignedDocument(file, pinned, signing, signal);
  } catch (error) {
    throw storeError(`the run ${run} cannot be pinned`, error);
  }
  // A prune that runs now looks for pins just before it removes a run.
  if (!listRuns(store).includes(run))
    throw new HoldfastError("E_RUN_UNKNOWN", `the run ${run} was removed while it was being pinned`);
  return pinned;
}

/** Removes the pin of a run. Throws `E_STORE`, `E_RUN_UNKNOWN`, `E_USAGE` for a run that is not pinned. */
export async function unpin(dest: string, name: string): Promise<string> {
  const { path: store } = await findStore(dest);
  const run = findRun(store, name);
  const file = pinnedFile(store, run);
  if (!existsSync(file)) throw new HoldfastError("E_USAGE", `the run ${run} is not pinned`);
  try {
    rmSync(file);
    rmSync(signatureOf(file), { force: true });
  } catch (error) {
    throw storeError(`the pin of the run ${run} cannot be removed`, error);
  }
  return run;
}
