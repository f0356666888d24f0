/** The program that seals: encryption to public keys, so that the host that writes an artifact cannot read it again. */
import { asHoldfastError, HoldfastError } from "../../errors.ts";
import type { Seal } from "../../model/seal.ts";

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
