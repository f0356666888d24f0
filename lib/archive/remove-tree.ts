/** Removes trees, those of an ordinary user that have directories without the right to write included. */
import { chmodSync, lstatSync, readdirSync, rmSync } from "node:fs";
import { systemCode } from "../errors.ts";
import type { BytePath } from "./entry.ts";
import { join, toBuffer } from "./path.ts";

/** A process that is ending may still write into the tree. */
const OPTIONS = { recursive: true, force: true, maxRetries: 5 } as const;

/** Removes a file or a tree; nothing happens if it does not exist. No link is followed. */
export function removeTree(path: BytePath): void {
  try {
    rmSync(toBuffer(path), OPTIONS);
  } catch (error) {
    if (!["EACCES", "EPERM"].includes(systemCode(error) ?? "")) throw error;
    unlock(path);
    rmSync(toBuffer(path), OPTIONS);
  }
}

/** Gives the owner every right to the directories of a tree. What belongs to another user stays and makes the removal fail. */
function unlock(root: BytePath): void {
  const left = [root];
  for (let at = left.pop(); at !== undefined; at = left.pop()) {
    const stats = lstatSync(toBuffer(at), { throwIfNoEntry: false });
    if (stats?.isDirectory() !== true || stats.uid !== process.getuid?.()) continue;
    chmodSync(toBuffer(at), 0o700);
    for (const entry of readdirSync(toBuffer(at), { withFileTypes: true, encoding: "latin1" }))
      if (entry.isDirectory()) left.push(join(at, entry.name));
  }
}
