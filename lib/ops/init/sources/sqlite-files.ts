/** Finds SQLite files in a directory by their first bytes. */
import { closeSync, constants, fstatSync, openSync, readdirSync, readSync } from "node:fs";
import path from "node:path";
import { isSqlite } from "../../../archive/tree/sqlite-file.ts";

const MAX_ENTRIES = 200_000;
const MAX_FILES = 50;
const HEAD_BYTES = 16;

/** Lists the SQLite files below a directory, relative to it and sorted; links are not followed. */
export function findSqliteFiles(directory: string): { files: string[]; unknown: string[] } {
  const files: string[] = [];
  const unknown: string[] = [];
  const waiting = [""];
  let seen = 0;
  for (let inner = waiting.pop(); inner !== undefined; inner = waiting.pop())
    for (const entry of entriesOf(path.join(directory, inner))) {
      if (++seen > MAX_ENTRIES || files.length > MAX_FILES) {
        unknown.push(`all SQLite files: the search stopped after ${seen} entries and ${files.length} databases`);
        return { files: files.toSorted(), unknown };
      }
      const name = path.join(inner, entry.name);
      if (entry.isDirectory()) waiting.push(name);
      else if (entry.isFile() && beginsAsDatabase(path.join(directory, name))) files.push(name);
    }
  return { files: files.toSorted(), unknown };
}

function entriesOf(directory: string) {
  try {
    return readdirSync(directory, { withFileTypes: true });
  } catch {
    return []; // the dry run reports what cannot be read
  }
}

function beginsAsDatabase(file: string): boolean {
  try {
    const descriptor = openSync(file, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
    try {
      if (!fstatSync(descriptor).isFile()) return false;
      const head = Buffer.alloc(HEAD_BYTES);
      return readSync(descriptor, head, 0, head.length, 0) === head.length && isSqlite(head);
    } finally {
      closeSync(descriptor);
    }
  } catch {
    return false; // also for a name that is not UTF-8, which its tree keeps
  }
}
