/** Tries the key of a config: whether it signs, and whether what it signs counts. */
import { writeFileSync } from "node:fs";
import path from "node:path";
import type { Signing } from "../../config/settings/signing.ts";
import { HoldfastError } from "../../errors.ts";
import { checkSignature, sign } from "../../store/signing/ssh-keygen.ts";

/**
 * Signs something and checks it, by way of a file in `directory`. Returns the principal. Throws `E_SIGNING` if that is
 * no signature that counts for a run.
 */
export async function tryKey(
  signing: Signing,
  { directory, at }: { readonly directory: string; readonly at: Date },
  signal: AbortSignal,
): Promise<string> {
  const content = Buffer.from("Holdfast tries its key\n");
  const [namespace, signature] = ["holdfast-run", path.join(directory, "probe.sig")] as const;
  writeFileSync(signature, await sign(signing, { namespace, content }, signal));
  const { principal } = signing;
  const verdict = await checkSignature(signing, { namespace, content, signature, at, principal }, signal);
  if (verdict.valid) return verdict.principal;
  throw new HoldfastError("E_SIGNING", `what ${signing.key ?? "?"} signs ${verdict.why}`, {
    hint: `add the key to ${signing.allowed_signers}, or give another one`,
  });
}
