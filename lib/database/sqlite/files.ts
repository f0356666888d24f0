/**
 * A SQLite database and its side files, opened through a handle of their directory: a user who may write to that
 * directory can neither redirect a reader to other files nor make it wait for a FIFO.
 */
import { type BigIntStats, closeSync, constants, fstatSync, lstatSync, openSync, readSync, statSync } from "node:fs";
import { copyFile } from "node:fs/promises";
import type { BytePath } from "../../archive/entry.ts";
import { display, fromString, toBuffer } from "../../archive/path.ts";
import { TrustedPath } from "../../archive/tree/trusted-path.ts";
import { HoldfastError, systemCode } from "../../errors.ts";
import { isSame, openFiles, replaced, type FileIdentity } from "./identity.ts";

const READ = constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK;
/** The files copied with a database; `-shm` is made anew. */
export const PENDING = ["-wal", "-journal"] as const;
const SIDECARS = [...PENDING, "-shm"] as const;
type Sidecar = (typeof SIDECARS)[number];

export class SqliteFiles {
  readonly #at: TrustedPath;
  #before: ReadonlyMap<string, FileIdentity> = new Map();

  /**
   * A `BytePath` where such a file exists, else the string itself. Throws as `TrustedPath` does, and the system's error
   * for no file.
   */
  constructor(source: string | BytePath) {
    this.#at = new TrustedPath(asBytePath(source));
    try {
      // Not opened: closing a descriptor would drop the locks that this process may have on the database.
      if (!lstatSync(toBuffer(this.#at.location)).isFile()) throw notRegular(this.#at.name);
    } catch (error) {
      this.close();
      throw error;
    }
  }

  close(): void {
    this.#at.close();
  }

  /** Returns the path under which SQLite opens it, which the database's other users know it by as well. */
  realPath(): Buffer {
    return toBuffer(this.#at.real);
  }

  /**
   * Reads its journal mode from the header (https://www.sqlite.org/fileformat.html). Never call it while this process
   * has a lock on the database: closing any descriptor of a file drops all POSIX locks on it.
   */
  mode(): "wal" | "journal" | "empty" {
    const head = Buffer.alloc(20);
    const fd = this.#descriptor("");
    try {
      if (readSync(fd, head, 0, head.length, 0) === 0) return "empty";
    } finally {
      closeSync(fd);
    }
    if (!head.toString("latin1").startsWith("SQLite format 3\0"))
      throw new HoldfastError("E_SQLITE", "the file is not a SQLite database");
    return head[18] === 2 || head[19] === 2 ? "wal" : "journal";
  }

  /**
   * Returns whether a file lies beside it. Throws `E_SQLITE` for a link, a FIFO or a device, which SQLite would follow
   * or wait for.
   */
  has(end: Sidecar): boolean {
    const stats = this.#stat(end);
    if (stats === undefined) return false;
    if (!stats.isFile()) throw notRegular(this.#at.name + end);
    return true;
  }

  /**
   * Throws as `has` does for any file beside it. Call it before SQLite opens the database, and `checkOpened`
   * afterwards.
   */
  checkSidecars(): void {
    for (const end of SIDECARS) this.has(end);
    this.#before = openFiles();
  }

  /** Throws `E_MISSING` where SQLite, which opens by name, has opened other files than those that are here. */
  checkOpened(mode: "wal" | "journal" | "empty", expected?: FileIdentity): void {
    const all = [...openFiles()];
    const fresh = all.filter(([fd, one]) => !isSame(this.#before.get(fd) ?? NONE, one)).map(([, one]) => one);
    const own = ["", ...SIDECARS].flatMap((end) => this.#stat(end) ?? []);
    // Another connection of this process may have it open: then SQLite may use that descriptor, and opens nothing else.
    const isOpened = (one: FileIdentity): boolean =>
      fresh.some((found) => isSame(found, one)) ||
      (all.some(([, found]) => isSame(found, one)) && fresh.every((found) => own.some((file) => isSame(file, found))));
    const ends = mode === "wal" ? (["", "-wal", "-shm"] as const) : ([""] as const);
    for (const end of ends) {
      const found = this.#stat(end);
      if (found === undefined || !isOpened(found)) throw replaced(this.realPath());
      if (end === "" && expected !== undefined && !isSame(found, expected)) throw replaced(this.realPath());
    }
  }

  /** Copies the database file alone. Throws `E_MISSING` for another file than the expected one. */
  async copyTo(copy: string, expected: FileIdentity | undefined): Promise<void> {
    await this.#copy("", copy, expected);
  }

  /** Copies a file beside it, if there is one. */
  async copyBeside(end: Sidecar, copy: string): Promise<void> {
    if (this.has(end)) await this.#copy(end, copy, undefined).catch(unlessMissing); // a writer may take it away at any time
  }

  /** Returns what tells whether any of the files changed. */
  fingerprint(): string {
    return ["", ...PENDING]
      .map((end) => this.#stat(end))
      .map((it) => (it === undefined ? "-" : `${it.ino}:${it.size}:${it.mtimeNs}:${it.ctimeNs}`))
      .join(" ");
  }

  #stat(end: string): BigIntStats | undefined {
    return lstatSync(toBuffer(this.#at.location + end), { bigint: true, throwIfNoEntry: false });
  }

  async #copy(end: string, copy: string, expected: FileIdentity | undefined): Promise<void> {
    const fd = this.#descriptor(end);
    try {
      if (expected !== undefined && !isSame(fstatSync(fd, { bigint: true }), expected)) throw replaced(this.realPath());
      await copyFile(`/proc/self/fd/${fd}`, copy, constants.COPYFILE_FICLONE);
    } finally {
      closeSync(fd);
    }
  }

  #descriptor(end: string): number {
    let fd: number;
    try {
      fd = openSync(toBuffer(this.#at.location + end), READ);
    } catch (error) {
      if (!["ELOOP", "ENXIO"].includes(systemCode(error) ?? "")) throw error;
      throw notRegular(this.#at.name + end, error);
    }
    if (fstatSync(fd).isFile()) return fd;
    closeSync(fd);
    throw notRegular(this.#at.name + end);
  }
}

/** Is the identity of no file. */
const NONE: FileIdentity = { dev: -1n, ino: -1n };

const notRegular = (name: BytePath, cause?: unknown): HoldfastError =>
  new HoldfastError("E_SQLITE", `${display(name)} is a symlink, a FIFO or a device, not a regular file`, {
    hint: "find out who created it, and remove it",
    cause,
  });

function unlessMissing(error: unknown): void {
  if (systemCode(error) !== "ENOENT") throw error;
}

function asBytePath(source: string | BytePath): BytePath {
  const bytes = Buffer.from(source, "latin1");
  const isBytes = bytes.toString("latin1") === source && statSync(bytes, { throwIfNoEntry: false }) !== undefined;
  return isBytes ? source : fromString(source);
}
