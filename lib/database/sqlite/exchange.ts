/**
 * Exchanges SQLite files. The files next to a database (`-wal`, `-journal`, `-shm`) follow it before another file takes
 * its name: no database ever lies next to another's journal, and the names alone show how far an interrupted call came.
 */
import {
  closeSync,
  existsSync,
  fsyncSync,
  lstatSync,
  openSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
} from "node:fs";
import { basename, dirname } from "node:path";
import { fromString, toBuffer } from "../../archive/path.ts";
import { TreeHandles } from "../../archive/tree/handles.ts";
import { HoldfastError } from "../../errors.ts";
import type { SqliteDatabase } from "../../sqlite/database.ts";
import { SqliteError } from "../../sqlite/error.ts";
import { sqliteDriver } from "../../sqlite/open.ts";
import { superJournalOf } from "./super-journal.ts";

/** `-shm` is an index of the WAL that SQLite makes anew. */
const SIDECARS = ["-wal", "-journal", "-shm"];
const BUSY_MS = 5000;

/** The value of `aside` if there was no live file. */
export const NONE = ".none";

export function isPresent(path: string): boolean {
  return lstatSync(path, { throwIfNoEntry: false }) !== undefined;
}

export function removeSqlite(path: string): void {
  for (const end of ["", ...SIDECARS]) rmSync(path + end, { force: true });
}

/** `next` becomes `live`, which becomes `aside`. Throws `E_TARGET` while another process uses the live file. */
export async function exchangeFiles(live: string, next: string, aside: string): Promise<void> {
  await atHandles([live, next, aside], exchangeAt);
}

/** Reverses `exchangeFiles`. Throws as it does. */
export async function exchangeFilesBack(live: string, next: string, aside: string): Promise<void> {
  await atHandles([live, next, aside], exchangeBackAt);
}

type Files = readonly [live: string, next: string, aside: string];

/**
 * Calls `work` with paths by handles of the files' directories: swapping a directory meanwhile has no effect.
 */
async function atHandles(files: Files, work: (...at: Files) => Promise<void>): Promise<void> {
  const held: TreeHandles[] = [];
  const hold = (file: string): string => {
    const directory = new TreeHandles(fromString(dirname(file)));
    held.push(directory);
    return toBuffer(directory.at(fromString(basename(file)))).toString();
  };
  try {
    const at: Files = [hold(files[0]), hold(files[1]), hold(files[2])];
    await work(...at).catch((error: unknown) => {
      if (!(error instanceof HoldfastError)) throw error;
      const message = at.reduce((text, one, index) => text.replaceAll(one, files[index] ?? one), error.message);
      throw new HoldfastError(error.code, message, { hint: error.hint, cause: error.cause });
    });
  } finally {
    for (const one of held) one.close();
  }
}

async function exchangeAt(...[live, next, aside]: Files): Promise<void> {
  if (!isPresent(next)) {
    if (!isPresent(live)) throw new HoldfastError("E_RESTORE", `neither ${live} nor ${next} exists`);
    moveSidecars(next, live);
    return;
  }
  assertSameDisk(next, live);
  if (isPresent(live) && (isPresent(aside) || isPresent(aside + NONE))) {
    // A process connected between the renames: SQLite creates an empty file then.
    if (statSync(live).size > 0) throw new HoldfastError("E_TARGET", `${aside} is in the way`);
    removeSqlite(live);
  }
  if (isPresent(live)) await moveAside(live, aside);
  else if (!isPresent(aside) && !isPresent(aside + NONE)) closeSync(openSync(aside + NONE, "wx", 0o600));
  moveSidecars(live, isPresent(aside) ? aside : undefined);
  renameSync(next, live);
  moveSidecars(next, live);
  syncDirectories(live, next, aside);
}

async function exchangeBackAt(...[live, next, aside]: Files): Promise<void> {
  const none = isPresent(aside + NONE);
  if (!none && !isPresent(aside)) {
    moveSidecars(aside, live);
    return;
  }
  if (isPresent(live) && isPresent(next)) {
    if (statSync(live).size > 0) throw new HoldfastError("E_TARGET", `${next} is in the way`);
    removeSqlite(live);
  }
  if (isPresent(live)) await moveAside(live, next);
  moveSidecars(live, isPresent(next) ? next : undefined);
  if (none) {
    rmSync(aside + NONE);
  } else {
    renameSync(aside, live);
    moveSidecars(aside, live);
  }
  syncDirectories(live, next, aside);
}

/** Renames the live file under an exclusive lock, so that it is complete without a WAL. */
async function moveAside(live: string, to: string): Promise<void> {
  const db = lock(live);
  try {
    renameSync(live, to);
  } finally {
    db?.close();
  }
}

/**
 * Undefined for an empty file, into which SQLite would write; one that is damaged, or names a file to remove, goes
 * without a lock.
 */
function lock(live: string): SqliteDatabase | undefined {
  if (statSync(live).size === 0 || superJournalOf(`${live}-journal`) !== undefined) return undefined;
  const driver = sqliteDriver();
  let db: SqliteDatabase | undefined;
  try {
    db = driver.open(live, { mode: "write", busyTimeout: BUSY_MS });
    // In this mode a WAL database is opened only when no other connection has it.
    db.exec("pragma locking_mode = exclusive; begin exclusive; commit; pragma wal_checkpoint(truncate)");
  } catch (error) {
    if (isBusy(error)) {
      db?.close();
      throw inUse(live, error);
    }
  }
  return db; // closed before its file is moved, it would take the WAL of a damaged one away
}

function isBusy(error: unknown): boolean {
  return error instanceof SqliteError && ["SQLITE_BUSY", "SQLITE_LOCKED"].includes(error.code);
}

function inUse(live: string, cause: unknown): HoldfastError {
  const holders = holdersOf(live);
  const who = holders.length === 0 ? "another process" : holders.join(", ");
  return new HoldfastError("E_TARGET", `${live} is in use by ${who}`, {
    hint: "nothing was changed; stop what uses it (health.service.stop in the config) and start again",
    cause,
  });
}

/** The other processes that have a file open, as far as one may see. */
function holdersOf(path: string): string[] {
  const { dev, ino } = statSync(path);
  const holders: string[] = [];
  for (const pid of readdirSync("/proc").filter((name) => /^\d+$/.test(name) && name !== String(process.pid))) {
    try {
      const open = readdirSync(`/proc/${pid}/fd`).some((fd) => {
        const it = statSync(`/proc/${pid}/fd/${fd}`, { throwIfNoEntry: false });
        return it?.ino === ino && it.dev === dev;
      });
      if (open) holders.push(`${readFileSync(`/proc/${pid}/comm`, "utf8").trim()} (process ${pid})`);
    } catch {
      // It has ended, or is not ours to look into.
    }
  }
  return holders;
}

function assertSameDisk(path: string, live: string): void {
  if (statSync(path).dev === statSync(dirname(live)).dev) return;
  throw new HoldfastError("E_TARGET", `${path} is on another disk than ${live}`);
}

/** Moves the files next to a database; removes them without a `to`. */
function moveSidecars(from: string, to: string | undefined): void {
  for (const end of SIDECARS) {
    if (!existsSync(from + end)) continue;
    const nothing = end === "-shm" || statSync(from + end).size === 0;
    if (to === undefined || nothing) rmSync(from + end);
    else renameSync(from + end, to + end);
  }
}

function syncDirectories(...paths: readonly string[]): void {
  for (const directory of new Set(paths.map((path) => dirname(path)))) {
    const fd = openSync(directory, "r");
    try {
      fsyncSync(fd);
    } finally {
      closeSync(fd);
    }
  }
}
