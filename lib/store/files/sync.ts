/** Makes files durable: everything below a directory, or all of a file system. */
import { readdirSync } from "node:fs";
import { open, statfs } from "node:fs/promises";
import path from "node:path";
import { asHoldfastError, HoldfastError, type ErrorCode } from "../../errors.ts";
import { runCommand } from "../../exec/command.ts";
import { fsyncDirectory } from "./atomic.ts";

/** The type of file systems in user space, which syncfs(2) does not reach (linux/magic.h). */
const FUSE = 0x65735546;

/**
 * Syncs the file system of a directory, once for all files and directories below it: each fsync of a directory costs a
 * flush of the disk. On a file system that syncfs(2) does not reach, every file and directory is synced by itself. Throws
 * `E_NO_SPACE` or `E_STORE`.
 */
export async function syncTree(directory: string, signal: AbortSignal): Promise<void> {
  const { type } = await statfs(directory);
  if (type === FUSE) await syncEach(directory);
  else await syncFileSystem(directory, signal, "E_STORE");
}

/** Syncs the file system of a directory. Throws `E_NO_SPACE`, or `code`. */
export async function syncFileSystem(directory: string, signal: AbortSignal, code: ErrorCode): Promise<void> {
  try {
    await runCommand(["sync", "-f", directory], { signal, env: { LC_ALL: "C" }, code });
  } catch (error) {
    const { message } = asHoldfastError(error);
    if (!/No space left|quota exceeded/i.test(message)) throw error;
    throw new HoldfastError("E_NO_SPACE", message, { cause: error });
  }
}

/** Syncs files first, then directories from the bottom up. */
async function syncEach(directory: string): Promise<void> {
  for (const entry of readdirSync(directory, { withFileTypes: true })) {
    const inner = path.join(directory, entry.name);
    if (entry.isDirectory()) await syncEach(inner);
    else await syncFile(inner);
  }
  await fsyncDirectory(directory);
}

async function syncFile(file: string): Promise<void> {
  const handle = await open(file, "r");
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}
