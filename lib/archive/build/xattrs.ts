/** The extended attributes of an archive that is being built: known before, written beside a zip. */
import type { BytePath, Entry, Xattrs } from "../entry.ts";
import type { ArchiveOutput } from "../output.ts";
import { display } from "../path.ts";
import { loadXattrs, type KnownXattrs } from "../xattrs/known.ts";
import { CAPABILITY } from "../xattrs/names.ts";
import { readOne } from "../xattrs/read.ts";
import { SidecarWriter, sidecarOf } from "../xattrs/sidecar.ts";
import type { Selected } from "./select-entries.ts";

/** The time in which the attributes of one file are read. */
const READ_ONE_MS = 10_000;

interface BuiltArchive {
  readonly format: "zip" | "tgz";
  readonly output: string;
  readonly xattrs?: KnownXattrs;
}

export class ArchiveXattrs {
  readonly #known: KnownXattrs | undefined;
  readonly #byPath: ReadonlyMap<BytePath, Xattrs>;
  readonly #sidecar: SidecarWriter | undefined;
  #entries = 0;

  /** `open` creates the file beside a zip. */
  constructor({ format, output, xattrs }: BuiltArchive, open: (path: string) => ArchiveOutput) {
    this.#known = xattrs;
    this.#byPath = xattrs === undefined ? new Map() : loadXattrs(xattrs);
    this.#sidecar = format === "zip" ? new SidecarWriter(() => open(sidecarOf(output))) : undefined;
  }

  /** Returns the time from which on a change may be newer than what is known. */
  get readMs(): number {
    return Math.min(Date.now(), this.#known?.readMs ?? Infinity);
  }

  /** The entries that have any. */
  get entries(): number {
    return this.#entries;
  }

  /** The file beside a zip whose entries have any; else null. */
  get sidecar(): string | null {
    return this.#sidecar?.path ?? null;
  }

  /** Returns the entry with its attributes; at once, where the site has none. */
  of(selected: Selected): Selected | Promise<Selected> {
    const xattrs = this.#byPath.get(selected.absolute);
    if (xattrs === undefined) return selected;
    return xattrs.has(CAPABILITY) ? this.#readAgain(selected) : withXattrs(selected, xattrs);
  }

  add({ path, xattrs }: Entry): void {
    if (xattrs === undefined) return;
    this.#entries++;
    this.#sidecar?.add(path, xattrs);
  }

  /** Ends the file beside a zip, and returns warnings. */
  async finish(): Promise<string[]> {
    await this.#sidecar?.close();
    const lost = [...new Set(this.#known?.trees.flatMap(({ dropped }) => dropped))];
    return lost.length === 0 ? [] : [`extended attributes that are not kept: ${lost.map(display).join(", ")}`];
  }

  discard(): void {
    this.#sidecar?.discard();
  }

  /** Reads a capability by handle: a directory that was swapped meanwhile could lend one of another program. */
  async #readAgain(selected: Selected): Promise<Selected> {
    return withXattrs(selected, await readOne(selected.location, AbortSignal.timeout(READ_ONE_MS)));
  }
}

const withXattrs = (selected: Selected, xattrs: Xattrs): Selected =>
  xattrs.size === 0 ? selected : { ...selected, entry: { ...selected.entry, xattrs } };
