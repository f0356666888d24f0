/** The recipients of sealed artifacts, the program that seals them, and what is sealed beside them. */
import * as z from "zod";

export const sealSchema = z.object({
  program: z.enum(["age", "gpg"]),
  /** Public keys as the program takes them: age1…, ssh-ed25519 …, ssh-rsa …, or fingerprints of gpg's keyring. */
  recipients: z.array(z.string()).readonly(),
  /** True if documents are sealed where they name files, projects and people. */
  names: z.boolean(),
});
export type Seal = z.infer<typeof sealSchema>;
export type SealProgram = Seal["program"];
