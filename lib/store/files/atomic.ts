/**
 * Writes files atomically, also against a power cut: next to their path, fsynced, renamed, and the directory fsynced.
 */
import { randomUUID } from "node:crypto";
import { chmod, link, mkdir, open, rename, rm } from "node:fs/promises";
import path from "node:path";
import { HoldfastError, asHoldfastError, systemCode } from "../../errors.ts";

/** Matches the names of files that an interrupted write leaves behind. */
export const LEFTOVER = /^\.[^/]+\.[0-9a-f-]{36}\.new$/;

/** Errors of file systems without links or modes, such as exFAT and some FUSE and CIFS mounts. */
const NOT_OFFERED = ["EPERM", "ENOTSUP", "EOPNOTSUPP", "ENOSYS", "EMLINK"];

/** Writes or replaces a file by way of `tmp`, a directory on the same disk; the file's own directory when absent. */
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

/** Creates a file; returns false if it exists. Of several processes at once exactly one gets true. */
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

/** Creates a directory with exactly this mode, if the file system has modes; an existing one stays as it is. */
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

/** Converts an error of a system call to `E_STORE` or `E_NO_SPACE`; returns a HoldfastError as it is. */
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
