/** The config section `encryption`: to whom artifacts are sealed, and what opens them again. */
import * as z from "zod";
import { command } from "./fields.ts";

const AGE = /^(?:age1[a-z0-9]{20,}|ssh-(?:ed25519|rsa) [A-Za-z0-9+/=]+(?: .*)?)$/;
const FINGERPRINT = /^(?:0x)?[0-9A-Fa-f]{40}$/;

export const encryptionSchema = z
  .strictObject({
    program: z.enum(["age", "gpg"]).default("age").describe("The program that seals and opens: age or gpg."),
    recipients: z
      .array(z.string().min(1))
      .default([])
      .describe("Public keys: age1…, ssh-ed25519 … or ssh-rsa … of age; fingerprints in the keyring of gpg."),
    recipients_file: z
      .string()
      .min(1)
      .optional()
      .describe("A file of further recipients, one a line; # begins a comment."),
    metadata: z
      .enum(["plain", "names"])
      .default("plain")
      .describe(
        "names seals file lists, paths, and all that is known of a project but its id; plain leaves them readable.",
      ),
    identity_command: command
      .optional()
      .describe(
        "Prints an identity that opens sealed artifacts, where no --identity is given. Not on the site's host.",
      ),
  })
  .refine(
    ({ recipients, recipients_file }) => recipients.length > 0 || recipients_file !== undefined,
    "needs recipients or recipients_file",
  )
  .describe("Seals every artifact to public keys, so that this host cannot read its own backups. Absent: not sealed.");
export type EncryptionSettings = z.infer<typeof encryptionSchema>;

/** Checks whether the program takes this recipient. */
export const isRecipient = (program: EncryptionSettings["program"], recipient: string): boolean =>
  (program === "age" ? AGE : FINGERPRINT).test(recipient);
