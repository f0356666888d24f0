/** Opens one sealed file that the operator names. */
import path from "node:path";
import { privateDirectory } from "../../database/access/private-directory.ts";
import { HoldfastError } from "../../errors.ts";
import { sealOf, withoutSeal } from "../../store/seal/names.ts";
import { readIdentities, type IdentitySource } from "./identity.ts";
import { openerFor } from "./opener.ts";

/** Returns the path of the opened file, which lasts until `signal` aborts or the process ends; a plain file's own. */
export async function openFile(file: string, source: IdentitySource, signal: AbortSignal): Promise<string> {
  const program = sealOf(file);
  if (program === undefined) return file;
  const identities = await readIdentities(source, signal);
  if (identities === undefined) throw new HoldfastError("E_KEY", `${file} is sealed, and no identity is given`);
  const opened = path.join(privateDirectory(signal).path, withoutSeal(path.basename(file)));
  const opener = await openerFor(program, identities, signal);
  try {
    await opener.open(file, opened);
  } finally {
    opener.close();
  }
  return opened;
}
