/** Reads the extended attributes of trees with getfattr, since Node cannot see them. */
import { appendFileSync, closeSync, constants, fstatSync, openSync } from "node:fs";
import path from "node:path";
import { startCommand } from "../../exec/command.ts";
import type { BytePath, Xattrs } from "../entry.ts";
import { consume } from "../files/consume-stream.ts";
import { display, toBuffer } from "../path.ts";
import { atTrusted, O_PATH } from "../tree/trusted-path.ts";
import { dumpBlock, DumpParser } from "./dump.ts";
import { isKept } from "./names.ts";

/** Roots that are held open and read at once. */
const AT_ONCE = 100;
/** More bytes of attributes than an entry of a tar archive should carry in its header. */
const MOST_BYTES = 256 * 1024;
/** Text that is collected before it is written. */
const PIECE = 64 * 1024;
/** The walk reports these by itself, or there is nothing to keep. */
const EXPECTED = /: (No such file or directory|Permission denied|Operation not supported|Not a directory)$/;

/** The attributes of a tree that has any. */
export interface TreeXattrs {
  readonly root: BytePath;
  /** A dump with paths relative to the root. */
  readonly file: string;
  /** Names of attributes that are not kept. */
  readonly dropped: readonly string[];
}

export interface ReadOptions {
  readonly signal: AbortSignal;
  /** Called with what could not be read. */
  readonly warn: (text: string) => void;
}

/**
 * Reads the attributes of all entries of the trees into new files below `directory`, and returns the trees that have
 * any. Throws `E_COMMAND` if getfattr is not installed.
 */
export async function readXattrs(
  roots: readonly BytePath[],
  directory: string,
  options: ReadOptions,
): Promise<TreeXattrs[]> {
  const found: TreeXattrs[] = [];
  for (let at = 0; at < roots.length; at += AT_ONCE) {
    const batch = new Batch(roots.slice(at, at + AT_ONCE), (index) => path.join(directory, `${at + index}.xattrs`));
    try {
      await batch.read(options);
      found.push(...batch.found());
    } finally {
      batch.close();
    }
  }
  return found;
}

/** Returns the attributes of a file as they are now; `location` is not followed if it is a link. */
export async function readOne(location: BytePath, signal: AbortSignal): Promise<Xattrs> {
  const handle = openSync(toBuffer(location), O_PATH | constants.O_NOFOLLOW);
  try {
    let xattrs: Xattrs = new Map();
    await getfattr([], [placeOf(handle)], (_, found) => (xattrs = kept(found)), signal);
    return xattrs;
  } finally {
    closeSync(handle);
  }
}

interface OpenRoot {
  readonly root: BytePath;
  readonly file: string;
  readonly handle: number;
  readonly isDirectory: boolean;
  readonly dropped: Set<string>;
  /** Part of the dump that is not written yet. */
  pending: string;
  found: boolean;
}

/** Trees that are read together. */
class Batch {
  readonly #roots = new Map<string, OpenRoot>();

  constructor(roots: readonly BytePath[], fileFor: (index: number) => string) {
    for (const [index, root] of roots.entries()) {
      try {
        const handle = atTrusted(root, (at) => openSync(toBuffer(at), O_PATH | constants.O_NOFOLLOW));
        const isDirectory = fstatSync(handle).isDirectory();
        const file = fileFor(index);
        const dropped = new Set<string>();
        this.#roots.set(placeOf(handle), { root, file, handle, isDirectory, dropped, pending: "", found: false });
      } catch {
        // the walk reports a tree that cannot be reached
      }
    }
  }

  async read({ signal, warn }: ReadOptions): Promise<void> {
    // A tree is printed below the name that it was given by, however many others it is part of.
    const take = (file: BytePath, xattrs: Xattrs): void => {
      const [place = ""] = PLACE.exec(file) ?? [];
      const root = this.#roots.get(place);
      if (root !== undefined) add(root, file.slice(place.length).replace(/^\/\.\/?/, ""), xattrs);
    };
    const [trees, files] = [[...this.#roots].filter(isTree), [...this.#roots].filter((one) => !isTree(one))];
    const complaints = [
      ...(await getfattr(
        ["-R", "-h", "-P"],
        trees.map(([place]) => `${place}/.`),
        take,
        signal,
      )),
      ...(await getfattr(
        [],
        files.map(([place]) => place),
        take,
        signal,
      )),
    ];
    if (complaints[0] !== undefined) warn(`extended attributes could not be read: ${display(complaints[0])}`);
    for (const { file, pending } of this.#roots.values()) if (pending !== "") appendFileSync(file, pending);
  }

  found(): TreeXattrs[] {
    return [...this.#roots.values()]
      .filter(({ found }) => found)
      .map(({ root, file, dropped }) => ({ root, file, dropped: [...dropped].toSorted() }));
  }

  close(): void {
    for (const { handle } of this.#roots.values()) closeSync(handle);
  }
}

const isTree = ([, { isDirectory }]: readonly [string, OpenRoot]): boolean => isDirectory;

function add(to: OpenRoot, below: BytePath, all: Xattrs): void {
  const keep = kept(all);
  to.found = true;
  for (const name of all.keys()) if (!keep.has(name)) to.dropped.add(name);
  to.pending += dumpBlock(below, keep);
  if (to.pending.length < PIECE) return;
  appendFileSync(to.file, to.pending);
  to.pending = "";
}

/** Returns a path by which another program finds a handle of this process. */
const placeOf = (handle: number): string => `/proc/${process.pid}/fd/${handle}`;
const PLACE = /^\/proc\/\d+\/fd\/\d+/;

/** Returns the attributes that are kept; none where they are longer than an archive should carry. */
function kept(all: Xattrs): Xattrs {
  const keep = [...all].filter(([name]) => isKept(name)).toSorted(([a], [b]) => (a < b ? -1 : 1));
  const size = keep.reduce((sum, [name, value]) => sum + name.length + value.length, 0);
  return new Map(size > MOST_BYTES ? [] : keep);
}

/** Runs getfattr and returns its complaints, except those that the walk makes as well. */
async function getfattr(
  flags: readonly string[],
  paths: readonly string[],
  take: (file: BytePath, xattrs: Xattrs) => void,
  signal: AbortSignal,
): Promise<string[]> {
  if (paths.length === 0) return [];
  const parser = new DumpParser(take);
  const { stdin, stdout, done } = startCommand(
    ["getfattr", ...flags, "-d", "-m", "-", "-e", "hex", "--absolute-names", "--", ...paths],
    { signal, env: { LC_ALL: "C" }, okExitCodes: [0, 1] },
  );
  stdin.end();
  let rest = "";
  const split = (chunk: Buffer): void => {
    const lines = (rest + chunk.toString("latin1")).split("\n");
    rest = lines.pop() ?? "";
    for (const line of lines) parser.line(line);
  };
  await consume(stdout, null, split, signal);
  parser.end();
  const { stderr } = await done;
  return stderr.split("\n").filter((line) => line !== "" && !EXPECTED.test(line));
}
