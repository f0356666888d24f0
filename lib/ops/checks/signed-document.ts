/** Signs documents of evidence, `<name>.json.sig` beside each, and checks whether one counts. */
import { existsSync, mkdirSync } from "node:fs";
import { rm } from "node:fs/promises";
import path from "node:path";
import { DOCUMENT } from "../../archive/limits.ts";
import { readRegular } from "../../archive/files/regular-file.ts";
import type { Signing } from "../../config/settings/signing.ts";
import { writeFileAtomic } from "../../store/files/atomic.ts";
import { formatJson } from "../../store/files/json-documents.ts";
import { checkSignature, sign } from "../../store/signing/ssh-keygen.ts";

const NAMESPACE = "holdfast-evidence";

export interface SignedDocument {
  readonly text: string;
  /** Undefined without a key. */
  readonly signature: string | undefined;
}

/** Returns the path of the signature of a document. */
export const signatureOf = (file: string): string => `${file}.sig`;

/** Returns the text of a document and, with a key, its signature. Throws `E_SIGNING`. */
export async function signedDocument(
  document: unknown,
  signing: Signing | undefined,
  signal: AbortSignal,
): Promise<SignedDocument> {
  const text = formatJson(document);
  if (signing?.key === undefined) return { text, signature: undefined };
  return { text, signature: await sign(signing, { namespace: NAMESPACE, content: Buffer.from(text) }, signal) };
}

/**
 * Writes or replaces a document atomically (mode 0640) with its signature; an older signature is removed first, so that
 * a crash leaves no document with the signature of another.
 */
export async function writeSignedDocument(
  file: string,
  document: unknown,
  signing: Signing | undefined,
  signal: AbortSignal,
): Promise<void> {
  const { text, signature } = await signedDocument(document, signing, signal);
  mkdirSync(path.dirname(file), { recursive: true, mode: 0o750 });
  await rm(signatureOf(file), { force: true });
  await writeFileAtomic(file, text, { mode: 0o640 });
  if (signature !== undefined) await writeFileAtomic(signatureOf(file), signature, { mode: 0o640 });
}

/**
 * Checks whether a document counts: always where no signers are known, else with a valid signature alone. `at` is when
 * it was written. Throws `E_SIGNATURE` if `ssh-keygen` is missing.
 */
export async function documentCounts(
  file: string,
  at: Date,
  signing: Signing | undefined,
  signal: AbortSignal,
): Promise<boolean> {
  if (signing === undefined) return true;
  const signature = signatureOf(file);
  if (!existsSync(signature)) return false;
  let content: Buffer;
  try {
    content = readRegular(file, DOCUMENT.bytes, "E_VERIFY");
  } catch {
    return false; // it has vanished, or is no document
  }
  return (await checkSignature(signing, { namespace: NAMESPACE, content, signature, at }, signal)).valid;
}
