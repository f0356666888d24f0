/** The config section `signing`. */
import * as z from "zod";

export const signingSchema = z
  .strictObject({
    key: z
      .string()
      .min(1)
      .describe("An SSH private key without a passphrase, or a public key whose private half is in the agent."),
    allowed_signers: z
      .string()
      .min(1)
      .describe("Whose signatures count, in the form of ssh-keygen: a file outside of the store and of the site."),
    principal: z
      .string()
      .min(1)
      .optional()
      .describe("Who signs the runs, as allowed_signers names them; when absent anyone whom it allows to."),
  })
  .describe("Signs runs and evidence with ssh-keygen.");

export type SigningSettings = z.infer<typeof signingSchema>;

/** The signers whose signatures count, and the key that signs; without a key, signatures are only checked. */
export interface Signing extends Omit<SigningSettings, "key"> {
  readonly key?: string | undefined;
}

/** Returns whose signatures count: those of a file that was named, else those of the config. */
export const signingOf = (
  config: { readonly signing?: SigningSettings | undefined } | undefined,
  allowedSigners: string | undefined,
): Signing | undefined =>
  allowedSigners === undefined ? config?.signing : { ...config?.signing, allowed_signers: allowedSigners };
