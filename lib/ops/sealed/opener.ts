/** Opens sealed files by the program that sealed them. */
import path from "node:path";
import { privateDirectory } from "../../database/access/private-directory.ts";
import { asHoldfastError, HoldfastError } from "../../errors.ts";
import { runCommand } from "../../exec/command.ts";
import type { SealProgram } from "../../model/seal.ts";
import type { Identities } from "./identity.ts";

/** Opens the file `from` into the new file `to`. Throws `E_KEY` if no identity fits, `E_ARCHIVE` for a damaged file. */
export interface Opener {
  open(from: string, to: string): Promise<void>;
  close(): void;
}

/** Returns an opener for files that `program` has sealed. Of gpg, keys are imported into a keyring of its own. */
export async function openerFor(program: SealProgram, identities: Identities, signal: AbortSignal): Promise<Opener> {
  if (program === "age") return ageOpener(identities, signal);
  return await gpgOpener(identities, signal);
}

function ageOpener({ files, text }: Identities, signal: AbortSignal): Opener {
  const keys = [...files, ...(text === undefined ? [] : ["-"])].flatMap((file) => ["--identity", file]);
  return {
    open: async (from, to) =>
      await attempt(["age", "--decrypt", ...keys, "--output", to, "--", from], { signal, input: text ?? "" }),
    close: () => {},
  };
}

async function gpgOpener({ files, text }: Identities, signal: AbortSignal): Promise<Opener> {
  const home = privateDirectory(signal);
  const gpg = ["gpg", "--homedir", home.path, "--batch", "--no-tty", "--quiet"];
  const close = (): void => home.remove();
  try {
    for (const file of files) await runCommand([...gpg, "--import", "--", file], { signal, code: "E_KEY" });
    if (text !== undefined) await runCommand([...gpg, "--import"], { signal, code: "E_KEY", input: text });
  } catch (error) {
    close();
    throw error;
  }
  return {
    open: async (from, to) => await attempt([...gpg, "--output", to, "--decrypt", "--", from], { signal }),
    close: () => {
      runCommand(["gpgconf", "--homedir", home.path, "--kill", "gpg-agent"], { signal: AbortSignal.timeout(5000) })
        .catch(() => {}) // an agent without a home ends by itself
        .finally(close);
    },
  };
}

const NO_KEY = /no identity matched|identity file|identities|passphrase|no secret key|no such file|permission denied/i;

async function attempt(argv: readonly string[], options: { signal: AbortSignal; input?: string }): Promise<void> {
  try {
    await runCommand(argv, { ...options, code: "E_ARCHIVE" });
  } catch (error) {
    options.signal.throwIfAborted();
    const { message } = asHoldfastError(error);
    const file = path.basename(argv.at(-1) ?? "");
    if (/no space left|disk quota/i.test(message)) throw new HoldfastError("E_NO_SPACE", message, { cause: error });
    if (/not installed/.test(message)) throw new HoldfastError("E_SEAL", message, { cause: error });
    if (NO_KEY.test(message))
      throw new HoldfastError("E_KEY", `the identity does not open ${file}: ${message}`, { cause: error });
    throw new HoldfastError("E_ARCHIVE", `${file} cannot be opened: ${message}`, { cause: error });
  }
}
