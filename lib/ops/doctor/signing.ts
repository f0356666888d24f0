/** Checks that the key signs, that what it signs counts, and that no run lacks its signature. */
import { privateDirectory } from "../../database/access/private-directory.ts";
import { findStore } from "../../store/open.ts";
import { openSigning } from "../../store/signing/open.ts";
import { signatureProblems } from "../signing/store-problems.ts";
import { tryKey } from "../signing/try-key.ts";
import type { DoctorFinding, Installation } from "./check.ts";

/** Tries the key. Throws `E_SIGNING` for one that cannot be used, `E_CONFIG` for untrusted allowed signers. */
export async function checkSigning({ config, store, now, signal }: Installation): Promise<DoctorFinding | undefined> {
  if (config.signing === undefined) return undefined;
  const place = store === undefined ? undefined : await findStore(store);
  const signing = openSigning(config.signing, place?.path ?? config.root) ?? config.signing;
  const directory = privateDirectory();
  try {
    const principal = await tryKey(signing, { directory: directory.path, at: now }, signal);
    const faults = place === undefined ? [] : await signatureProblems(place, signing, signal);
    return { figure: `signs as ${principal}`, faults, hint: "docs/signing.md says what each of these means" };
  } finally {
    directory.remove();
  }
}
