/** The seal that the config asks for, with its recipients read and checked. */
import { closeSync, fstatSync, readFileSync } from "node:fs";
import path from "node:path";
import { openRegular } from "../../archive/files/regular-file.ts";
import type { SiteConfig } from "../../config/load.ts";
import { isRecipient } from "../../config/settings/encryption.ts";
import { asHoldfastError, HoldfastError } from "../../errors.ts";
import { runCommand } from "../../exec/command.ts";
import type { Seal } from "../../model/seal.ts";
import { sealCommand, sealingError } from "./program.ts";

/** Returns the seal; undefined where artifacts stay plain. Throws `E_CONFIG` for recipients that cannot be used. */
export function configuredSeal({ encryption, root }: Pick<SiteConfig, "encryption" | "root">): Seal | undefined {
  if (encryption === undefined) return undefined;
  const { program, recipients_file: file } = encryption;
  const listed = file === undefined ? [] : linesOf(path.resolve(root, file));
  const recipients = [...new Set([...encryption.recipients, ...listed])];
  const wrong = recipients.find((recipient) => !isRecipient(program, recipient));
  if (wrong !== undefined)
    throw new HoldfastError(
      "E_CONFIG",
      `encryption: ${JSON.stringify(wrong.slice(0, 80))} is not a recipient of ${program}`,
      {
        hint:
          program === "age"
            ? "give public keys: age1…, ssh-ed25519 … or ssh-rsa …"
            : "give the whole fingerprint, as gpg --list-keys prints it, without spaces",
      },
    );
  if (recipients.length > 0) return { program, recipients, names: encryption.metadata === "names" };
  throw new HoldfastError("E_CONFIG", `encryption.recipients_file ${file ?? ""} names no recipient`, {
    hint: "write a public key into it, one a line",
  });
}

/** Reads recipients. Who can write the file chooses who can read the backups: that may be its owner or root alone. */
function linesOf(file: string): string[] {
  let fd: number;
  try {
    fd = openRegular(file, "E_CONFIG");
  } catch (error) {
    const { message } = asHoldfastError(error, "E_CONFIG");
    throw new HoldfastError("E_CONFIG", `encryption.recipients_file cannot be read: ${message}`, { cause: error });
  }
  try {
    const { uid, mode } = fstatSync(fd);
    if ((uid !== 0 && uid !== process.geteuid?.()) || (mode & 0o022) !== 0)
      throw new HoldfastError("E_CONFIG", `others may write encryption.recipients_file ${file}`, {
        hint: `chown root ${file}; chmod go-w ${file}`,
      });
    const lines = readFileSync(fd, "utf8").split("\n");
    return lines.map((line) => line.trim()).filter((line) => line !== "" && !line.startsWith("#"));
  } finally {
    closeSync(fd);
  }
}

/** Seals nothing, to find out whether everything can be sealed. Throws `E_SEAL`. */
export async function trySeal(seal: Seal, signal: AbortSignal): Promise<void> {
  try {
    await runCommand(sealCommand(seal), { signal, input: "", code: "E_SEAL" });
  } catch (error) {
    signal.throwIfAborted();
    throw sealingError(error);
  }
}
