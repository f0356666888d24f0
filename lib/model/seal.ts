/** The recipients of sealed artifacts, and the program that seals them. */
import * as z from "zod";

export const sealSchema = z.object({
  program: z.enum(["age", "gpg"]),
  /** Public keys as the program takes them: age1…, ssh-ed25519 …, ssh-rsa …, or fingerprints of gpg's keyring. */
  recipients: z.array(z.string()).readonly(),
});
export type Seal = z.infer<typeof sealSchema>;
export type SealProgram = Seal["program"];
