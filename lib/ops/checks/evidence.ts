/**
 * Keeps the evidence of a verification or a drill: `evidence/<run>/<kind>-<time>.json` of the store or of another
 * directory, and beside it its signature.
 */
import { mkdirSync } from "node:fs";
import path from "node:path";
import type { Signing } from "../../config/settings/signing.ts";
import { asHoldfastError, HoldfastError } from "../../errors.ts";
import { createFileAtomic, writeFileAtomic } from "../../store/files/atomic.ts";
import { stateDirectory } from "../../store/known-stores.ts";
import { signatureOf, signedDocument, type SignedDocument } from "./signed-document.ts";

export interface EvidencePlace {
  readonly store: string;
  readonly run: string;
  readonly kind: "drill" | "verify";
  readonly started: Date;
  /** The operator's own directory, in place of the store. */
  readonly directory?: string | undefined;
  /** Signs the evidence, if it has a key. */
  readonly signing?: Signing | undefined;
  readonly signal: AbortSignal;
}

export interface KeptEvidence {
  /** Relative to the store, or absolute outside it; null if it could not be written anywhere. */
  readonly file: string | null;
  /** Notes for display: why the evidence is not at its usual path. */
  readonly notes: readonly string[];
}

/**
 * Writes the document atomically into the store. If the store is not writable, such as an off-site copy, it is written
 * to the state directory of this host. Throws `E_TARGET` if the operator's own directory is not writable.
 */
export async function keepEvidence(place: EvidencePlace, document: unknown): Promise<KeptEvidence> {
  const { signed, unsigned } = await trySigning(place, document);
  const kept = await keep(place, signed);
  return { ...kept, notes: [...kept.notes, ...unsigned] };
}

/** A key that fails loses no hour of work: what was found is kept, and a note says that it proves nothing. */
async function trySigning(
  { signing, signal }: EvidencePlace,
  document: unknown,
): Promise<{ readonly signed: SignedDocument; readonly unsigned: readonly string[] }> {
  try {
    return { signed: await signedDocument(document, signing, signal), unsigned: [] };
  } catch (error) {
    signal.throwIfAborted();
    const why = asHoldfastError(error).message;
    const signed = await signedDocument(document, undefined, signal);
    return { signed, unsigned: [`the evidence is not signed, and counts for nothing: ${why}`] };
  }
}

async function keep(place: EvidencePlace, signed: SignedDocument): Promise<KeptEvidence> {
  const { store, run, directory } = place;
  if (directory !== undefined) {
    try {
      return { file: await write(path.join(directory, run), place, signed), notes: [] };
    } catch (error) {
      throw new HoldfastError("E_TARGET", `the evidence cannot be written: ${asHoldfastError(error).message}`, {
        hint: "correct --evidence",
        cause: error,
      });
    }
  }
  try {
    const file = await write(path.join(store, "evidence", run), place, signed);
    return { file: path.relative(store, file), notes: [] };
  } catch (error) {
    const why = `the evidence cannot be written to the store (${asHoldfastError(error).message})`;
    try {
      const file = await write(path.join(stateDirectory(), "evidence", run), place, signed);
      return { file, notes: [`${why}: it is in ${file}`] };
    } catch (second) {
      const then = asHoldfastError(second).message;
      return { file: null, notes: [`${why}, nor on this host (${then}): use --evidence DIRECTORY`] };
    }
  }
}

async function write(
  directory: string,
  { kind, started }: EvidencePlace,
  { text, signature }: SignedDocument,
): Promise<string> {
  mkdirSync(directory, { recursive: true, mode: 0o750 });
  for (let time = started.getTime(); ; time++) {
    const file = path.join(directory, `${kind}-${new Date(time).toISOString().replaceAll(/[-:.]/g, "")}.json`);
    if (!(await createFileAtomic(file, text, { mode: 0o640 }))) continue;
    if (signature !== undefined) await writeFileAtomic(signatureOf(file), signature, { mode: 0o640 });
    return file;
  }
}
