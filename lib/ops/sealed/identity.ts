/** Identities that open sealed artifacts: files that the operator names, or what a configured command prints. */
import path from "node:path";
import type { SiteConfig } from "../../config/load.ts";
import { HoldfastError } from "../../errors.ts";
import { runCommand } from "../../exec/command.ts";

export interface Identities {
  readonly files: readonly string[];
  /** Identities that a command printed; never written to a file. */
  readonly text?: string;
}

/** The source of identities: the flags of a command, else the config. */
export interface IdentitySource {
  readonly identities?: readonly string[] | undefined;
  readonly config?: Pick<SiteConfig, "encryption" | "root"> | undefined;
}

/** Returns the identities; undefined if there are none. Throws `E_KEY` when the command fails or prints nothing. */
export async function readIdentities(
  { identities = [], config }: IdentitySource,
  signal: AbortSignal,
): Promise<Identities | undefined> {
  if (identities.length > 0) return { files: identities.map((file) => path.resolve(file)) };
  const command = config?.encryption?.identity_command;
  if (config === undefined || command === undefined) return undefined;
  const { stdout } = await runCommand(command, { signal, cwd: config.root, code: "E_KEY", isSecret: true });
  if (stdout.trim() !== "") return { files: [], text: stdout };
  throw new HoldfastError("E_KEY", "encryption.identity_command printed nothing");
}
