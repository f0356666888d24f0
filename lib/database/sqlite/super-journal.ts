/**
 * Super-journals: the end of a journal may name a file, which SQLite **removes** when it has rolled the journal back. A
 * user who can write beside a database could have root remove any file. See https://www.sqlite.org/atomiccommit.html,
 * "The Super-Journal File", and readSuperJournal in SQLite's pager.c.
 */
import { closeSync, constants, existsSync, fstatSync, openSync, readSync, rmSync, writeSync } from "node:fs";
import { HoldfastError, systemCode } from "../../errors.ts";

const MAGIC = Buffer.from("d9d505f920a163d7", "hex");
/** Length of the name, its checksum, and the magic bytes. */
const TAIL = 16;
const LONGEST_NAME = 4096;
const NAMED = constants.O_NOFOLLOW | constants.O_NONBLOCK;

/** Makes the journal of a copy one that names no other file: what it would roll back stays the same. */
export function forgetSuperJournal(journal: string): void {
  const name = superJournalOf(journal);
  if (name === undefined) return;
  if (!existsSync(name)) return rmSync(journal); // the transaction of several databases is committed
  const fd = openSync(journal, constants.O_RDWR | NAMED);
  try {
    writeSync(fd, Buffer.alloc(MAGIC.length), 0, MAGIC.length, fstatSync(fd).size - MAGIC.length);
  } finally {
    closeSync(fd);
  }
}

/** Throws `E_SQLITE` for a database whose journal names another file: to open it for writing would remove that one. */
export function assertNoSuperJournal(database: string): void {
  const name = superJournalOf(`${database}-journal`);
  if (name === undefined) return;
  throw new HoldfastError("E_SQLITE", `${database}-journal belongs to an interrupted transaction and names ${name}`, {
    hint: "let the application finish it: open the database as its owner with sqlite3",
  });
}

/** Returns the name at the end of a journal; undefined without one. */
export function superJournalOf(journal: string): string | undefined {
  let fd: number;
  try {
    fd = openSync(journal, constants.O_RDONLY | NAMED);
  } catch (error) {
    if (["ENOENT", "ELOOP", "ENXIO"].includes(systemCode(error) ?? "")) return undefined;
    throw error;
  }
  try {
    const { size } = fstatSync(fd);
    const tail = Buffer.alloc(TAIL);
    if (size < TAIL || readSync(fd, tail, 0, TAIL, size - TAIL) < TAIL || !tail.subarray(8).equals(MAGIC))
      return undefined;
    const name = Buffer.alloc(Math.min(tail.readUInt32BE(0), LONGEST_NAME, size - TAIL));
    readSync(fd, name, 0, name.length, size - TAIL - name.length);
    return name.toString().split("\0")[0] ?? "";
  } finally {
    closeSync(fd);
  }
}
