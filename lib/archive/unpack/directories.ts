/** Sets owners, modes and times of unpacked directories when everything in them is written. */
import { chmodSync, chownSync, utimesSync } from "node:fs";
import type { BytePath, EntryAttributes } from "../entry.ts";
import { floorNs } from "../fingerprint.ts";
import { toBuffer } from "../path.ts";
import type { SafeDirectories } from "./safe-directories.ts";

/** Directories that other archives write into as well. */
export interface SharedRequest {
  /** Targets of other archives: their parent directories are shared. */
  readonly places: readonly BytePath[];
  /** Other archives are unpacked into the same place: every directory is shared. */
  readonly all: boolean;
}

/** The shared directories of an archive: the caller sets their attributes when all archives are unpacked. */
export interface SharedDirectories {
  readonly described: readonly DescribedDirectory[];
  /** Made on the way to an entry, and described by no entry of this archive. */
  readonly made: readonly BytePath[];
}

export interface DescribedDirectory {
  readonly absolute: BytePath;
  readonly attributes: EntryAttributes;
}

/** Paths with more components first. */
export const deepestFirst = (a: BytePath, b: BytePath): number => b.split("/").length - a.split("/").length;

export class UnpackedDirectories {
  readonly #described: DescribedDirectory[] = [];
  readonly #isShared: (directory: BytePath) => boolean;

  /** `targets` are the archive's own places: what leads there is shared too. */
  constructor(targets: readonly BytePath[], shared: SharedRequest | undefined) {
    const leading = new Set<BytePath>();
    for (const place of shared === undefined ? [] : [...targets, ...shared.places])
      for (let at = place; at !== "" && !leading.has(at); at = at.slice(0, at.lastIndexOf("/"))) leading.add(at);
    this.#isShared = (directory) => shared?.all === true || leading.has(directory);
  }

  add(absolute: BytePath, attributes: EntryAttributes): void {
    this.#described.push({ absolute, attributes });
  }

  /**
   * Sets the attributes of those that are not shared, the deepest first: writing into a directory changes its times.
   */
  finish(
    solids: Iterable<SafeDirectories>,
    ownerOf: (attributes: EntryAttributes) => { uid: number; gid: number } | undefined,
  ): SharedDirectories {
    const own = this.#described.filter(({ absolute }) => !this.#isShared(absolute));
    for (const { absolute, attributes } of own.toSorted((a, b) => deepestFirst(a.absolute, b.absolute))) {
      const bytes = toBuffer(absolute);
      const owner = ownerOf(attributes);
      if (owner !== undefined) chownSync(bytes, owner.uid, owner.gid);
      const time = fileTime(attributes.mtimeNs);
      utimesSync(bytes, time, time);
      chmodSync(bytes, attributes.mode);
    }
    const known = new Set(this.#described.map(({ absolute }) => absolute));
    const made: BytePath[] = [];
    for (const solid of solids)
      for (const directory of solid.made) {
        if (known.has(directory)) continue;
        if (this.#isShared(directory)) made.push(directory);
        else chmodSync(toBuffer(directory), PLAIN_MODE);
      }
    return { described: this.#described.filter(({ absolute }) => this.#isShared(absolute)), made };
  }
}

/** The mode of a directory that nothing describes. */
export const PLAIN_MODE = 0o755;

/**
 * A time as `utimes` takes it: microseconds, rounded down, since rounded up a time just before a full second would
 * become the next one. Node takes a negative number for now: a Date of whole seconds gets past that.
 */
export function fileTime(ns: bigint): number | Date {
  return ns < 0n ? new Date(Number(floorNs(ns, 1_000_000_000n)) * 1000) : Number(ns / 1000n) / 1e6;
}
