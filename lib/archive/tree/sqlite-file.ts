/** Recognizes SQLite databases by their files, without opening them. https://www.sqlite.org/fileformat2.html */
import { closeSync, constants, lstatSync, openSync, readSync } from "node:fs";
import type { BytePath } from "../entry.ts";
import { toBuffer } from "../path.ts";

const MAGIC = Buffer.from("SQLite format 3\0", "latin1");
/** Changes not yet in the database file; those of the second kind are undone by the next reader. */
const PENDING = ["-wal", "-journal"];
/** An index into the WAL that any reader may rewrite and that holds no data. */
const SHARED_MEMORY = "-shm";

/** Files beside a database that are part of it and go where it goes. */
export const SIDECARS = [...PENDING, SHARED_MEMORY];

/** Checks whether the first 16 bytes of a file are those of a database. */
export function isSqlite(head: Uint8Array): boolean {
  return MAGIC.equals(head.subarray(0, MAGIC.length));
}

/** Checks whether a WAL or journal that is not empty lies next to the database. */
export function hasPendingChanges(database: BytePath): boolean {
  return PENDING.some((suffix) => {
    try {
      const stats = lstatSync(toBuffer(database + suffix));
      return stats.isFile() && stats.size > 0;
    } catch {
      return false; // not there, or the name would be too long to be there
    }
  });
}

/** Checks whether a path is the shared memory of a database next to it. */
export const isSharedMemory = (file: BytePath): boolean =>
  file.endsWith(SHARED_MEMORY) && databaseBeside(file) !== undefined;

/** Returns the database of a WAL, a journal or a shared memory file; undefined if there is none. */
export function databaseBeside(file: BytePath): BytePath | undefined {
  const suffix = SIDECARS.find((one) => file.endsWith(one));
  if (suffix === undefined) return undefined;
  const database = file.slice(0, -suffix.length);
  return beginsAsDatabase(database) ? database : undefined;
}

function beginsAsDatabase(file: BytePath): boolean {
  try {
    const fd = openSync(toBuffer(file), constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
    try {
      const head = Buffer.alloc(MAGIC.length);
      readSync(fd, head, 0, head.length, 0);
      return isSqlite(head);
    } finally {
      closeSync(fd);
    }
  } catch {
    return false; // no database there, or one that can't be read, which the archive will tell
  }
}
