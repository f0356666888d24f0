/**
 * Holds the directories of a tree open while it is read. An entry is reached through the handle of its directory, so
 * that a link put in place of a directory meanwhile does not lead out of the tree. Node has no openat(2); paths of
 * proc(5) do the same.
 */
import { closeSync, constants, fstatSync, lstatSync, openSync, readlinkSync } from "node:fs";
import type { BytePath } from "../entry.ts";
import { toBuffer } from "../path.ts";
import { atTrusted, DIRECTORY_HANDLE } from "./trusted-path.ts";

interface Level {
  readonly name: BytePath;
  /** Undefined while too many others are open. */
  handle: number | undefined;
  readonly dev: bigint;
  readonly ino: bigint;
}

/** Limits the open directories of one tree, so that a deep tree stays below the limit of the process. */
const MOST_OPEN = 128;

/** Reaches the entries of a tree, one directory at a time. */
export class TreeHandles {
  readonly #levels: Level[] = [];
  #oldestOpen = 0;

  /** Opens the top of a tree, an absolute path or a trusted link. Throws as open(2) and `TrustedPath` do. */
  constructor(root: BytePath) {
    const handle = atTrusted(root, (at) => openSync(toBuffer(at), DIRECTORY_HANDLE | constants.O_NOFOLLOW));
    this.#push("", handle);
  }

  /** Returns the number of directories between the root and the current one, this one included. */
  get depth(): number {
    return this.#levels.length - 1;
  }

  /** Returns a path of the current directory, valid as long as it is the current one. */
  get current(): BytePath {
    return `/proc/self/fd/${this.#handle()}`;
  }

  /** Returns the path of an entry of the current directory. */
  at(name: BytePath): BytePath {
    return `${this.current}/${name}`;
  }

  /** Makes a directory in the current one the current one. Throws as open(2) does, `ENOTDIR` for a link. */
  enter(name: BytePath): void {
    this.#push(name, openSync(toBuffer(this.at(name)), DIRECTORY_HANDLE | constants.O_NOFOLLOW));
  }

  /**
   * Goes back to the directory above. Returns false where the one that is left was moved, or replaced, since it was
   * entered. Throws `ESTALE` where the one above cannot be found any more.
   */
  leave(): boolean {
    const left = this.#levels.pop();
    const above = this.#levels.at(-1);
    if (left?.handle === undefined || above === undefined) throw new RangeError("the top of a tree cannot be left");
    try {
      above.handle ??= reopen(`/proc/self/fd/${left.handle}/..`, above);
      this.#oldestOpen = Math.min(this.#oldestOpen, this.depth);
      return isStillAt(this.at(left.name), left, left.handle);
    } finally {
      closeSync(left.handle);
    }
  }

  /**
   * Returns a path of an entry, given by its path below the root, valid until the next call. Throws as `enter` does.
   */
  locate(path: BytePath): BytePath {
    const names = path.split("/");
    const last = names.pop() ?? "";
    let shared = 0;
    while (shared < names.length && this.#levels[shared + 1]?.name === names[shared]) shared++;
    while (this.depth > shared) this.leave();
    for (const name of names.slice(shared)) this.enter(name);
    return this.at(last);
  }

  close(): void {
    for (const { handle } of this.#levels.splice(0)) if (handle !== undefined) closeSync(handle);
  }

  #push(name: BytePath, handle: number): void {
    const { dev, ino } = fstatSync(handle, { bigint: true });
    this.#levels.push({ name, handle, dev, ino });
    if (this.#levels.length - this.#oldestOpen <= MOST_OPEN) return;
    const oldest = this.#levels[this.#oldestOpen++];
    if (oldest?.handle === undefined) return;
    closeSync(oldest.handle);
    oldest.handle = undefined;
  }

  #handle(): number {
    const handle = this.#levels.at(-1)?.handle;
    if (handle === undefined) throw new RangeError("the tree is closed");
    return handle;
  }
}

function reopen(path: string, { dev, ino }: Level): number {
  const handle = openSync(path, DIRECTORY_HANDLE);
  const found = fstatSync(handle, { bigint: true });
  if (found.dev === dev && found.ino === ino) return handle;
  closeSync(handle);
  throw Object.assign(new Error("a directory was moved while it was read"), { code: "ESTALE" });
}

/** A directory that was removed has not moved. */
function isStillAt(path: BytePath, { dev, ino }: Level, handle: number): boolean {
  const found = lstatSync(toBuffer(path), { bigint: true, throwIfNoEntry: false });
  if (found !== undefined) return found.dev === dev && found.ino === ino;
  return readlinkSync(`/proc/self/fd/${handle}`).endsWith(" (deleted)");
}
