/** Creates directories below a trusted base and guarantees that none is a symbolic link. */
import { lstatSync, mkdirSync } from "node:fs";
import { HoldfastError, systemCode } from "../../errors.ts";
import type { BytePath } from "../entry.ts";
import { display, toBuffer } from "../path.ts";

/**
 * Creates directories below a trusted base and guarantees that none is a symbolic link. Code that follows these rules
 * never turns a directory into a link, so that a checked directory stays valid.
 */
export class SafeDirectories {
  readonly #base: BytePath;
  readonly #known = new Set<BytePath>();
  readonly #made = new Set<BytePath>();

  /** Trusts `base`, and creates it and its parents if missing. */
  constructor(base: BytePath) {
    this.#base = base;
  }

  /** Creates a directory and its parents. Throws `E_ARCHIVE` for a link or another file in the way. */
  make(directory: BytePath): void {
    if (this.#known.has(directory)) return;
    if (directory === this.#base) mkdirSync(toBuffer(directory), { recursive: true, mode: 0o700 });
    else {
      if (!directory.startsWith(`${this.#base}/`))
        throw new HoldfastError("E_INTERNAL", `${display(directory)} is not below ${display(this.#base)}`);
      this.make(directory.slice(0, directory.lastIndexOf("/")));
      try {
        mkdirSync(toBuffer(directory), { mode: 0o700 });
        this.#made.add(directory);
      } catch (error) {
        if (systemCode(error) !== "EEXIST") throw error;
        if (!lstatSync(toBuffer(directory)).isDirectory())
          throw new HoldfastError("E_ARCHIVE", `${display(directory)} must be a directory, but is something else`);
      }
    }
    this.#known.add(directory);
  }

  /** Checks that all parents of a path exist and are real directories. */
  isReal(path: BytePath): boolean {
    const parent = path.slice(0, path.lastIndexOf("/"));
    if (parent === this.#base || this.#known.has(parent)) return true;
    if (!parent.startsWith(`${this.#base}/`) || !this.isReal(parent)) return false;
    if (lstatSync(toBuffer(parent), { throwIfNoEntry: false })?.isDirectory() !== true) return false;
    this.#known.add(parent);
    return true;
  }

  /** The directories that were made here, the base excepted. */
  get made(): ReadonlySet<BytePath> {
    return this.#made;
  }
}
