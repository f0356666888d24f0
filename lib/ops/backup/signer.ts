/** Signs a run, and decides which earlier runs it may take units from. */
import { createHash } from "node:crypto";
import { writeFileSync } from "node:fs";
import path from "node:path";
import { MOST_LIST } from "../../archive/limits.ts";
import { readRegular } from "../../archive/files/regular-file.ts";
import type { Signing } from "../../config/settings/signing.ts";
import { HoldfastError } from "../../errors.ts";
import type { Report } from "../../model/event.ts";
import { listRuns, runDirectory, timeOfRun } from "../../store/files/layout.ts";
import { SIGNATURE_FILE, SUMS_FILE } from "../../store/run/checksums.ts";
import { LOOK_BACK } from "../../store/run/previous-runs.ts";
import { openSigning } from "../../store/signing/open.ts";
import { sign } from "../../store/signing/ssh-keygen.ts";
import { checkRunSignature } from "../signing/check-run.ts";
import { tryKey } from "../signing/try-key.ts";
import { rememberedOf, rememberSigned, signedRuns } from "../signing/memory.ts";
import { signatureProblems } from "../signing/store-problems.ts";
import type { Session } from "./session.ts";

/** A key that was tried. */
export interface Signer {
  readonly signing: Signing;
  /** The principal of the key in `allowed_signers`. */
  readonly principal: string;
}

interface Options {
  readonly report: Report;
  readonly signal: AbortSignal;
}

/**
 * Tries the key before hours of work are spent, and warns of what the signatures of the store say. Throws `E_CONFIG`
 * for an `allowed_signers` that cannot be trusted, `E_SIGNING` for a key that does not sign or is not allowed to.
 */
export async function prepareSigner(
  settings: Signing | undefined,
  { store, run, scratch }: Pick<Session, "store" | "run" | "scratch">,
  { report, signal }: Options,
): Promise<Signer | undefined> {
  const warn = (text: string): void => report({ type: "note", level: "warning", text });
  const signing = openSigning(settings, store.path);
  for (const { path: file, message } of await signatureProblems(store, signing, signal)) warn(`${file} ${message}`);
  if (signing === undefined) {
    const { since } = await signedRuns(store);
    if (since !== undefined)
      warn(`runs of this store are signed since ${since}, but the config has no key to sign this one with`);
    return undefined;
  }
  return { signing, principal: await tryKey(signing, { directory: scratch, at: timeOfRun(run) }, signal) };
}

/** Signs the SHA256SUMS of a run in its staging directory. Throws `E_SIGNING`. */
export async function signRun({ signing }: Signer, staging: string, signal: AbortSignal): Promise<void> {
  const content = readRegular(path.join(staging, SUMS_FILE), MOST_LIST, "E_IO");
  const signature = await sign(signing, { namespace: "holdfast-run", content }, signal);
  writeFileSync(path.join(staging, SIGNATURE_FILE), signature);
}

/** Remembers a run that was just published and signed. Throws `E_IO` if that cannot be written. */
export async function rememberPublished(store: Session["store"], run: string): Promise<void> {
  const warning = await rememberSigned(store, run, sumsDigest(store.path, run));
  if (warning !== undefined) throw new HoldfastError("E_IO", warning);
}

/**
 * Returns the runs that a run may take units from, the newest first; undefined for all. What an unproved run says of
 * its artifacts would else be signed with this one. Only the first signed run takes over what was never signed.
 */
export async function reusableRuns(
  signer: Signer | undefined,
  { store }: Pick<Session, "store">,
  { report, signal }: Options,
): Promise<string[] | undefined> {
  if (signer === undefined) return undefined;
  const remembered = await rememberedOf(store);
  const { since } = await signedRuns(store);
  if (since === undefined) return undefined;
  const reusable: string[] = [];
  for (const run of listRuns(store.path).toReversed().slice(0, LOOK_BACK)) {
    const known = remembered?.sums[run];
    if (known !== undefined && known === digestOrNothing(store.path, run)) {
      reusable.push(run);
      continue;
    }
    const found = await checkRunSignature(store, run, signer.signing, signal);
    if (found?.isSigned === true && found.problems.length === 0) reusable.push(run);
    else if (run >= since) {
      const [problem] = found?.problems ?? [];
      const text = `nothing of the run ${run} is reused: its ${problem?.path ?? SIGNATURE_FILE} ${problem?.message ?? "is missing"}`;
      report({ type: "note", level: "warning", text });
    }
  }
  return reusable;
}

const sumsDigest = (store: string, run: string): string =>
  createHash("sha256")
    .update(readRegular(path.join(runDirectory(store, run), SUMS_FILE), MOST_LIST, "E_IO"))
    .digest("hex");

function digestOrNothing(store: string, run: string): string | undefined {
  try {
    return sumsDigest(store, run);
  } catch {
    return undefined; // the check of its signature says why
  }
}
