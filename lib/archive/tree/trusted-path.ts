/**
 * Resolves paths of a site through trusted symlinks only. A backup by root reads what the config names: a symlink
 * created by a user of the site could make it read files without permission.
 */
import { closeSync, constants, fstatSync, lstatSync, openSync, readlinkSync, type BigIntStats } from "node:fs";
import { HoldfastError, type ErrorCode } from "../../errors.ts";
import type { BytePath } from "../entry.ts";
import { display, join, toBuffer } from "../path.ts";
import { pause } from "./pause.ts";

/** open(2): a handle that needs no right to list the directory. Node does not name it. */
export const O_PATH = 0o10000000;
export const DIRECTORY_HANDLE = O_PATH | constants.O_DIRECTORY;
/** The limit of Linux for one path. */
export const MOST_LINKS = 40;
/** A time stamp's coarsest tick: a link that was renamed longer ago shows a rename by its ctime. */
const TICK_MS = 20;
const ATTEMPTS = 5;
/** Handles that this process holds: such a path is free of links. */
const HELD = /^\/proc\/self\/fd\/\d+(?=\/|$)/;

/** A name that is still to be looked up, or the owner that what was found last has to have because of a link. */
type Part = BytePath | { readonly link: BytePath; readonly owner: bigint };

/** The last directory of a path, held open, and a name in it that is not a link. */
export class TrustedPath {
  readonly name: BytePath;
  readonly #directory: number;

  /**
   * Follows an absolute path. Throws as lstat(2) does, and `E_LINK` for a link of a user other than root and this one
   * that leads to something its owner does not own.
   */
  constructor(path: BytePath) {
    const [held] = HELD.exec(path) ?? [];
    const walk = new Walk(path, held ?? "/");
    try {
      this.name = walk.toEnd(path.slice((held ?? "").length));
    } catch (error) {
      closeSync(walk.handle);
      throw error;
    }
    this.#directory = walk.handle;
  }

  /** Returns a path to open the entry by, not following links, until this is closed. */
  get location(): BytePath {
    return join(`/proc/self/fd/${this.#directory}`, this.name);
  }

  /** Returns the path without links, as it was when it was followed. */
  get real(): BytePath {
    const directory = readlinkSync(`/proc/self/fd/${this.#directory}`, { encoding: "latin1" });
    return this.name === "." ? directory : join(directory, this.name);
  }

  close(): void {
    closeSync(this.#directory);
  }
}

/** Calls `use` with the location of a path. Throws as `TrustedPath` does. */
export function atTrusted<T>(path: BytePath, use: (location: BytePath) => T): T {
  const at = new TrustedPath(path);
  try {
    return use(at.location);
  } finally {
    at.close();
  }
}

const READ = constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK;

/** Opens the file at a path for reading, without waiting for a FIFO. Throws as open(2) and `TrustedPath` do. */
export const openTrusted = (path: BytePath): number => atTrusted(path, (at) => openSync(toBuffer(at), READ));

class Walk {
  handle: number;
  readonly #path: BytePath;
  #links = 0;

  constructor(path: BytePath, from: BytePath) {
    this.#path = path;
    this.handle = openSync(toBuffer(from), DIRECTORY_HANDLE);
  }

  /** Goes to the directory of the last name, which is returned. */
  toEnd(path: BytePath): BytePath {
    const parts: Part[] = namesOf(path);
    for (let part = parts.shift(); part !== undefined; part = parts.shift()) {
      if (typeof part !== "string") {
        assertTrustedLink(part, fstatSync(this.handle, { bigint: true }).uid);
        continue;
      }
      const at = join(`/proc/self/fd/${this.handle}`, part);
      const found = readEntry(at, this.#path);
      if (found.target !== undefined) {
        parts.unshift(...this.#follow(join(readlinkSync(`/proc/self/fd/${this.handle}`), part), found));
      } else if (parts.some((one) => typeof one === "string")) {
        this.#enter(at);
      } else {
        for (const one of parts) if (typeof one !== "string") assertTrustedLink(one, found.stats.uid);
        return part;
      }
    }
    return ".";
  }

  #enter(at: BytePath): void {
    const next = openSync(toBuffer(at), DIRECTORY_HANDLE | constants.O_NOFOLLOW);
    closeSync(this.handle);
    this.handle = next;
  }

  #follow(link: BytePath, { stats, target = "" }: Found): Part[] {
    if (++this.#links > MOST_LINKS)
      throw Object.assign(new Error(`ELOOP: too many links, open '${display(this.#path)}'`), { code: "ELOOP" });
    if (target.startsWith("/")) this.#enter("/");
    return isTrusted(stats.uid) ? namesOf(target) : [...namesOf(target), { link, owner: stats.uid }];
  }
}

const namesOf = (path: BytePath): BytePath[] => path.split("/").filter((name) => name !== "");

interface Found {
  readonly stats: BigIntStats;
  /** The target of a link. */
  readonly target?: BytePath;
}

/** Reads an entry; the target is that of the very link that was examined, though another may replace it meanwhile. */
function readEntry(at: BytePath, path: BytePath): Found {
  const bytes = toBuffer(at);
  for (let attempt = 1; attempt <= ATTEMPTS; attempt++) {
    const stats = lstatSync(bytes, { bigint: true });
    if (!stats.isSymbolicLink()) return { stats };
    const age = Date.now() - Number(stats.ctimeNs / 1_000_000n);
    if (age >= 0 && age < TICK_MS) {
      pause(TICK_MS - age);
      continue;
    }
    const target = linkText(bytes);
    const after = lstatSync(bytes, { bigint: true });
    if (after.dev === stats.dev && after.ino === stats.ino && after.ctimeNs === stats.ctimeNs && target !== undefined)
      return { stats, target };
  }
  throw new HoldfastError("E_LINK", `${display(path)} keeps changing while it is resolved`);
}

/** Returns the target of a link; undefined if it is no longer a link. */
function linkText(bytes: Buffer): BytePath | undefined {
  try {
    return readlinkSync(bytes, { encoding: "latin1" });
  } catch {
    return undefined;
  }
}

/** Returns whether links of a user may lead anywhere: root's, and those of the user of this process. */
const isTrusted = (uid: bigint): boolean => uid === 0n || uid === BigInt(process.geteuid?.() ?? -1);

/**
 * Throws `code` for a link of a user other than root and this one that points to a file of another owner. Through it
 * a user of the site could make root read, or replace, files without permission.
 */
export function assertTrustedLink(
  { link, owner }: { readonly link: BytePath; readonly owner: bigint },
  target: bigint,
  code: ErrorCode = "E_LINK",
): void {
  if (isTrusted(owner) || owner === target) return;
  throw new HoldfastError(
    code,
    `${display(link)} is a symlink owned by uid ${owner} that points to a file of uid ${target}`,
    {
      hint: "remove the link, or trust it: chown -h root LINK",
    },
  );
}
