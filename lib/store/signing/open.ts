/** Decides whether the files that a signature is made and checked with can be trusted. */
import path from "node:path";
import { isWithin } from "../../config/claims.ts";
import type { Signing } from "../../config/settings/signing.ts";
import { HoldfastError } from "../../errors.ts";
import { trustedFile } from "./trusted-file.ts";

/**
 * Returns `signing` with the real path of `allowed_signers`, for a store at a real path; undefined as it is. Throws `E_CONFIG` if that file
 * lies in the store, or can be changed by another user than root and the one of this process.
 */
export function openSigning(signing: Signing | undefined, store: string): Signing | undefined {
  if (signing === undefined) return undefined;
  const allowed_signers = trustedFile(signing.allowed_signers, "allowed_signers");
  const inside = [allowed_signers, ...(signing.key === undefined ? [] : [path.resolve(signing.key)])].find((file) =>
    isWithin(file, store),
  );
  if (inside !== undefined)
    throw new HoldfastError("E_CONFIG", `${inside} lies inside the store ${store}, which it shall not trust`, {
      hint: "keep keys and allowed_signers outside of the store, e.g. in /etc/holdfast",
    });
  return { ...signing, allowed_signers };
}
