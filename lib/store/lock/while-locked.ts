/** Guards a document that several processes of this host read and write anew, for some milliseconds each. */
import { mkdir } from "node:fs/promises";
import path from "node:path";
import lockfile from "proper-lockfile";

/** Runs `work` while no other process does for the same file, whose directory (0700) is made. */
export async function whileLocked<T>(file: string, work: () => Promise<T>): Promise<T> {
  await mkdir(path.dirname(file), { recursive: true, mode: 0o700 });
  const release = await lockfile.lock(file, {
    realpath: false,
    retries: { retries: 20, minTimeout: 20, maxTimeout: 200 },
    onCompromised: () => {}, // it is held for some milliseconds
  });
  try {
    return await work();
  } finally {
    await release();
  }
}
