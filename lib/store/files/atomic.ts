/**
 * Files that are either whole or not there, also after a power cut: written beside their place, fsynced, moved there, and the
 * directory fsynced.
 */
import { randomUUID } from "node:crypto";
import { chmod, link, mkdir, open, rename, rm } from "node:fs/promises";
import path from "node:path";
import { HoldfastError, asHoldfastError, systemCode } from "../../errors.ts";

/** What a write that was cut off may leave behind; never anything else's name. */
export const LEFTOVER = /^\.[^/]+\.[0-9a-f-]{36}\.new$/;

/** File systems without links or modes (exFAT, some FUSE and CIFS mounts) answer with one of these. */
const NOT_OFFERED = ["EPERM", "ENOTSUP", "EOPNOTSUPP", "ENOSYS", "EMLINK"];

/** Writes or replaces a file. `tmp` is where the text is collected first, the file's own directory when absent; it must be on the same disk. */
export async function writeFileAtomic(
  file: string,
  text: string,
  options: { readonly mode: number; readonly tmp?: string },
): Promise<void> {
  const directory = path.dirname(file);
  const draft = await writeDraft(options.tmp ?? directory, path.basename(file), text, options.mode);
  try {
    await rename(draft, file);
  } catch (error) {
    await rm(draft, { force: true });
    throw error;
  }
  await fsyncDirectory(directory);
}

/** Creates a file; false, and nothing changed, when there is one already. Of several at once exactly one gets true. */
export async function createFileAtomic(
  file: string,
  text: string,
  options: { readonly mode: number },
): Promise<boolean> {
  const directory = path.dirname(file);
  const draft = await writeDraft(directory, path.basename(file), text, options.mode);
  try {
    await link(draft, file).catch(async (error: unknown) => {
      if (!NOT_OFFERED.includes(systemCode(error) ?? "")) throw error;
      await writeSynced(file, text, options.mode); // without links a reader may, for a moment, see half of it
    });
  } catch (error) {
    if (systemCode(error) === "EEXIST") return false;
    throw error;
  } finally {
    await rm(draft, { force: true });
  }
  await fsyncDirectory(directory);
  return true;
}

/** Makes a directory with exactly this mode, where modes are to be had; one that is there already stays as it is. */
export async function makeDirectory(directory: string, mode: number): Promise<void> {
  try {
    await mkdir(directory, { mode });
  } catch (error) {
    if (systemCode(error) === "EEXIST") return;
    throw error;
  }
  await chmod(directory, mode).catch(unlessNotOffered);
}

/** Makes the names in a directory durable. */
export async function fsyncDirectory(directory: string | Buffer): Promise<void> {
  const handle = await open(directory, "r");
  try {
    await handle.sync();
  } catch (error) {
    if (systemCode(error) !== "EINVAL") throw error; // a file system on which directories cannot be synced
  } finally {
    await handle.close();
  }
}

/** A store that a system call could not use: `E_STORE` that says why, or `E_NO_SPACE`. A HoldfastError passes as it is. */
export function storeError(what: string, error: unknown): HoldfastError {
  const known = asHoldfastError(error);
  if (error instanceof HoldfastError || known.code === "E_NO_SPACE" || known.code === "E_INTERRUPTED") return known;
  return new HoldfastError("E_STORE", `${what}: ${known.message}`, { cause: error });
}

async function writeDraft(directory: string, name: string, text: string, mode: number): Promise<string> {
  const draft = path.join(directory, `.${name}.${randomUUID()}.new`);
  await writeSynced(draft, text, mode);
  return draft;
}

async function writeSynced(file: string, text: string, mode: number): Promise<void> {
  const handle = await open(file, "wx", mode);
  try {
    await handle.chmod(mode).catch(unlessNotOffered); // what the umask took away
    await handle.writeFile(text);
    await handle.sync();
  } catch (error) {
    await rm(file, { force: true });
    throw error;
  } finally {
    await handle.close();
  }
}

function unlessNotOffered(error: unknown): void {
  if (!NOT_OFFERED.includes(systemCode(error) ?? "")) throw error;
}
