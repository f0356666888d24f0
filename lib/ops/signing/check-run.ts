/** Checks the signature of a run: who made it, and that it is this run of this store. */
import { createHash } from "node:crypto";
import path from "node:path";
import { MOST_LIST } from "../../archive/limits.ts";
import { readRegular } from "../../archive/files/regular-file.ts";
import type { Signing } from "../../config/settings/signing.ts";
import { asHoldfastError, HoldfastError } from "../../errors.ts";
import { hashFile } from "../../store/files/hash.ts";
import { runDirectory, timeOfRun } from "../../store/files/layout.ts";
import { readSums, SIGNATURE_FILE, SUMS_FILE } from "../../store/run/checksums.ts";
import { MANIFEST_FILE, readManifestHead } from "../../store/run/manifest.ts";
import { checkSignature } from "../../store/signing/ssh-keygen.ts";
import type { Finding, Problem } from "../checks/check.ts";
import { hasSignature, rememberSigned, signedRuns, type StorePlace } from "./memory.ts";

export interface RunSignature extends Finding {
  /** False if the run has no signature. */
  readonly isSigned: boolean;
}

/**
 * Checks the signature of a run, and remembers a valid one. Returns undefined for a run that is not signed, in a store
 * of which no run is, where nobody expects signatures. Throws `E_SIGNATURE` if `ssh-keygen` is missing.
 */
export async function checkRunSignature(
  store: StorePlace,
  run: string,
  signing: Signing | undefined,
  signal: AbortSignal,
): Promise<RunSignature | undefined> {
  if (!hasSignature(store.path, run)) return await judgeUnsigned(store, run, signing);
  const unchecked = { figure: "signed", problems: [], isSigned: true };
  if (signing === undefined) return { ...unchecked, notProved: "there are no allowed signers to check it against" };
  const directory = runDirectory(store.path, run);
  const at = (message: string): RunSignature => ({
    figure: "signed",
    problems: [{ path: SIGNATURE_FILE, message }],
    isSigned: true,
  });
  let content: Buffer;
  try {
    content = readRegular(path.join(directory, SUMS_FILE), MOST_LIST, "E_VERIFY");
  } catch (error) {
    return at(`the file that it signs cannot be read: ${asHoldfastError(error).message}`);
  }
  const verdict = await checkSignature(
    signing,
    {
      namespace: "holdfast-run",
      content,
      signature: path.join(directory, SIGNATURE_FILE),
      at: timeOfRun(run),
      principal: signing.principal,
    },
    signal,
  );
  if (!verdict.valid) return at(verdict.why);
  const problems = await checkIdentity(store, run, directory, signal);
  if (problems.length === 0) await rememberSigned(store, run, createHash("sha256").update(content).digest("hex"));
  return { figure: `signed by ${verdict.principal}`, problems, isSigned: true };
}

/** The signature covers the manifest, and that names its run and its store: another run's signature is none. */
async function checkIdentity(
  store: StorePlace,
  run: string,
  directory: string,
  signal: AbortSignal,
): Promise<Problem[]> {
  const say = (message: string): Problem[] => [{ path: MANIFEST_FILE, message }];
  try {
    const { sha256 } = await hashFile(path.join(directory, MANIFEST_FILE), signal);
    if (readSums(directory)?.get(MANIFEST_FILE) !== sha256) return say("is not the one that was signed");
    const { run: named, store_id } = readManifestHead(directory);
    if (named !== run) return say(`the signature is that of the run ${named}: this is not ${run}`);
    if (store_id !== store.id)
      return say(`the signature is that of a run of the store ${store_id ?? "?"}, but this is the store ${store.id}`);
    return [];
  } catch (error) {
    signal.throwIfAborted();
    if (error instanceof HoldfastError && error.code === "E_VERSION") throw error;
    return say(asHoldfastError(error, "E_VERIFY").message);
  }
}

async function judgeUnsigned(
  store: StorePlace,
  run: string,
  signing: Signing | undefined,
): Promise<RunSignature | undefined> {
  const { since, isRemembered } = await signedRuns(store);
  if (since === undefined && signing === undefined) return undefined;
  const finding = { figure: "not signed", isSigned: false };
  const isOlder = since !== undefined && run < since && (isRemembered || signing === undefined);
  if (isOlder)
    return { ...finding, problems: [], notProved: `the run is older than ${since}, the first one that was signed` };
  const why = since === undefined || run < since ? "is missing" : `is missing, although runs are signed since ${since}`;
  return { ...finding, problems: [{ path: SIGNATURE_FILE, message: why }] };
}
