/** Sealing: encryption to public keys by age or gpg, so that the host that writes an artifact cannot read it again. */
import { createHash } from "node:crypto";
import * as z from "zod";
import { asHoldfastError, HoldfastError } from "../../errors.ts";
import type { Artifact, UnitMetadata } from "../../model/unit.ts";

export const sealSchema = z.object({
  program: z.enum(["age", "gpg"]),
  /** Public keys as the program takes them: age1…, ssh-ed25519 …, ssh-rsa …, or fingerprints of gpg's keyring. */
  recipients: z.array(z.string()).readonly(),
});
export type Seal = z.infer<typeof sealSchema>;
export type SealProgram = Seal["program"];

const SUFFIXES: Readonly<Record<SealProgram, string>> = { age: ".age", gpg: ".gpg" };

/** Returns the name under which a file is stored. */
export const sealedName = (name: string, seal: Pick<Seal, "program"> | undefined): string =>
  seal === undefined ? name : name + SUFFIXES[seal.program];

/** Returns the program that sealed a file of a sealed unit, by its name; undefined for a plain file. */
export const sealOf = (name: string): SealProgram | undefined =>
  name.endsWith(SUFFIXES.age) ? "age" : name.endsWith(SUFFIXES.gpg) ? "gpg" : undefined;

/** Returns the path that an artifact would have without its seal: what its name says of its content. */
export const plainPath = ({ path, plain }: Pick<Artifact, "path" | "plain">): string =>
  plain === undefined ? path : path.replace(/\.(?:age|gpg)$/, "");

/** Returns the digest of a set of recipients, in any order: what is sealed to another set is built again. */
export const recipientsDigest = ({ program, recipients }: Seal): string =>
  createHash("sha256")
    .update([program, ...recipients.map(withoutComment).toSorted()].join("\n"))
    .digest("hex");

/** Returns an SSH public key without its comment, which is no part of the key. */
const withoutComment = (recipient: string): string => recipient.trim().split(/\s+/).slice(0, 2).join(" ");

/** Checks whether a unit is stored as it would be now: sealed to the same recipients, or plain. */
export const isSealedFor = (seal: Seal | undefined, { sealed_to }: Pick<UnitMetadata, "sealed_to">): boolean =>
  sealed_to === (seal === undefined ? undefined : recipientsDigest(seal));

/** Returns the command that seals standard input to standard output. */
export const sealCommand = ({ program, recipients }: Seal): string[] =>
  program === "age"
    ? ["age", ...recipients.flatMap((recipient) => ["-r", recipient])]
    : [...GPG, ...recipients.flatMap((recipient) => ["--recipient", recipient]), "--output", "-", "--encrypt"];

/**
 * Archives are compressed already, and whom the keys belong to is the config's to say. Nothing is written to the keyring,
 * which several processes read at the same time.
 */
const GPG = [
  "gpg",
  "--batch",
  "--no-tty",
  "--quiet",
  "--trust-model",
  "always",
  "--compress-algo",
  "none",
  "--lock-never",
];

/** Returns the error of a program that failed to seal: `E_NO_SPACE` when that is why, else `E_SEAL`. */
export function sealingError(error: unknown): HoldfastError {
  const known = asHoldfastError(error, "E_SEAL");
  return /no space left|disk quota/i.test(known.message)
    ? new HoldfastError("E_NO_SPACE", known.message, { cause: error })
    : known;
}
