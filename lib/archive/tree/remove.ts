/** Removes trees, those of an ordinary user that have directories without the right to write included. */
import { chmodSync, lstatSync, readdirSync, rmdirSync, statSync, unlinkSync } from "node:fs";
import { systemCode } from "../../errors.ts";
import type { BytePath } from "../entry.ts";
import { TreeHandles } from "./handles.ts";
import { basename, dirname, toBuffer } from "../path.ts";
import { pause } from "./pause.ts";

/** A process that is ending may still write into the tree. */
const ATTEMPTS = 5;
const PAUSE_MS = 100;

/**
 * Removes a file or a tree; nothing happens if it does not exist. Never follows a symlink, nor one that replaces a
 * directory meanwhile. Files of other users stay, and make the removal fail.
 */
export function removeTree(path: BytePath): void {
  for (let attempt = 1; ; attempt++) {
    try {
      if (lstatSync(toBuffer(path), { throwIfNoEntry: false }) === undefined) return;
      const handles = new TreeHandles(dirname(path));
      try {
        return remove(handles, basename(path));
      } finally {
        handles.close();
      }
    } catch (error) {
      if (attempt === ATTEMPTS || !["ENOTEMPTY", "EBUSY"].includes(systemCode(error) ?? "")) throw error;
      pause(PAUSE_MS * attempt);
    }
  }
}

/** Removes an entry of the current directory; trees level by level, so that a deep one overflows no stack. */
function remove(handles: TreeHandles, name: BytePath): void {
  if (!isDirectory(handles, name)) return;
  handles.enter(name);
  const levels = [{ name, left: list(handles) }];
  for (let level = levels.at(-1); level !== undefined; level = levels.at(-1)) {
    const next = level.left.pop();
    if (next === undefined) {
      levels.pop();
      handles.leave();
      quietly(() => rmdirSync(toBuffer(handles.at(level.name))));
    } else if (isDirectory(handles, next)) {
      handles.enter(next);
      levels.push({ name: next, left: list(handles) });
    }
  }
}

/** Returns true for a directory; anything else is removed. */
function isDirectory(handles: TreeHandles, name: BytePath): boolean {
  const path = toBuffer(handles.at(name));
  const stats = lstatSync(path, { throwIfNoEntry: false });
  if (stats?.isDirectory() === true) return true;
  quietly(() => unlinkSync(path));
  return false;
}

/** Lists the current directory, which its owner is given every right to. */
function list(handles: TreeHandles): BytePath[] {
  const { mode, uid } = statSync(handles.current);
  if ((mode & 0o700) !== 0o700 && uid === process.geteuid?.()) chmodSync(handles.current, 0o700);
  return readdirSync(handles.current, { encoding: "latin1" });
}

/** Somebody else may have removed it. */
function quietly(act: () => void): void {
  try {
    act();
  } catch (error) {
    if (systemCode(error) !== "ENOENT") throw error;
  }
}
