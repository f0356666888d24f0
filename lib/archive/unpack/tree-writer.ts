/** Writes the entries of an archive below their targets only. */
import {
  closeSync,
  constants,
  fchmodSync,
  fchownSync,
  fstatSync,
  ftruncateSync,
  futimesSync,
  lchownSync,
  linkSync,
  lutimesSync,
  openSync,
  symlinkSync,
  writeSync,
} from "node:fs";
import { HoldfastError, systemCode } from "../../errors.ts";
import type { BytePath, EntryAttributes, Xattrs } from "../entry.ts";
import { display, join, toBuffer } from "../path.ts";
import { SafeDirectories } from "./safe-directories.ts";
import { fileTime, UnpackedDirectories, type SharedDirectories } from "./directories.ts";
import type { UnpackRequest, UnpackTarget } from "./request.ts";
import { failArchive } from "../errors.ts";
import { mapAcl } from "../xattrs/acl.ts";
import { ACL_ACCESS, ACL_DEFAULT } from "../xattrs/names.ts";

const FLAGS = constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL | constants.O_NOFOLLOW;
const ZEROS = Buffer.alloc(64 * 1024);

/** The largest valid id: chown reads the next one as "unchanged". */
const MAX_ID = 0xffff_fffe;

/** The target of an entry. */
interface Home {
  readonly target: UnpackTarget;
  /** Below the target; empty for the target itself. */
  readonly rest: BytePath;
  readonly absolute: BytePath;
}

export class TreeWriter {
  readonly written = { files: 0, directories: 0, symlinks: 0, bytes: 0 };
  readonly #request: UnpackRequest;
  readonly #targets: readonly UnpackTarget[];
  readonly #skip: ReadonlySet<BytePath>;
  /** Entries so far, by their names in the archive. */
  readonly #seen = new Set<BytePath>();
  /** Safe directories by base. */
  readonly #solid = new Map<BytePath, SafeDirectories>();
  /** Files of this archive by their names in it: the allowed targets of hard links. */
  readonly #made = new Map<BytePath, BytePath>();
  readonly #directories: UnpackedDirectories;
  /** Extended attributes to set, by absolute path, once owners and modes are. */
  readonly xattrs = new Map<BytePath, Xattrs>();
  #total = 0;
  #open: OpenFile | undefined;

  constructor(request: UnpackRequest) {
    this.#request = request;
    this.#targets = request.targets.toSorted((a, b) => b.prefix.length - a.prefix.length);
    this.#skip = new Set(request.skip);
    this.#directories = new UnpackedDirectories(
      request.targets.map(({ into }) => into),
      request.shared,
    );
  }

  /** Checks, counts and normalizes a name. Called for every entry, written or not. */
  admit(name: BytePath): BytePath {
    const { limits } = this.#request;
    this.checkCancelled();
    if (name.startsWith("/")) failArchive(`${display(name)} is an absolute path`);
    const parts = name.split("/").filter((part) => part !== "" && part !== ".");
    if (parts.includes("..")) failArchive(`${display(name)} leads out of the archive`);
    if (parts.length > limits.depth)
      failArchive(`${display(name.slice(0, 100))} … is deeper than ${limits.depth} directories`);
    const path = parts.join("/");
    if (this.#seen.has(path)) failArchive(`two entries are named ${display(path)}`);
    this.#seen.add(path);
    if (this.#seen.size > limits.entries) failArchive(`it holds more than the ${limits.entries} entries that it may`);
    return path;
  }

  /** Counts content before it is unpacked: a bomb is stopped by what it claims, and again by what comes out. */
  claim(bytes: number): void {
    this.#total += bytes;
    if (this.#total > this.#request.limits.bytes)
      failArchive(`it holds more than the ${this.#request.limits.bytes} bytes that it may`);
  }

  /** Checks whether an entry is selected. */
  wants(path: BytePath): boolean {
    const { only } = this.#request;
    if (this.#skip.has(path)) return false;
    if (only !== undefined && !only.some((one) => one === "" || path === one || path.startsWith(`${one}/`)))
      return false;
    return this.#homeOf(path) !== undefined;
  }

  directory(path: BytePath, attributes: EntryAttributes): void {
    const { target, absolute } = this.#home(path);
    this.#solidAt(target).make(absolute);
    this.#directories.add(absolute, attributes);
    this.#keepXattrs(absolute, attributes);
    this.written.directories++;
  }

  symlink(path: BytePath, target: BytePath, attributes: EntryAttributes): void {
    const absolute = this.#prepare(path);
    if (target === "" || target.includes("\0")) failArchive(`the link ${display(path)} has no valid target`);
    occupy(path, () => symlinkSync(toBuffer(target), toBuffer(absolute)));
    const owner = this.#ownerOf(attributes);
    if (owner !== undefined) lchownSync(toBuffer(absolute), owner.uid, owner.gid);
    const time = fileTime(attributes.mtimeNs);
    lutimesSync(toBuffer(absolute), time, time);
    this.#keepXattrs(absolute, attributes);
    this.written.symlinks++;
  }

  /** A further name of a file that this archive has made. */
  hardlink(path: BytePath, first: BytePath): void {
    const there = this.#made.get(first);
    if (there === undefined)
      failArchive(`${display(path)} is a link to ${display(first)}, which is not a file of the archive`);
    const absolute = this.#prepare(path);
    occupy(path, () => linkSync(toBuffer(there), toBuffer(absolute)));
    this.#made.set(path, absolute);
    this.written.files++;
  }

  /** Begins a file; content comes by `write`, the end by `endFile`. */
  beginFile(path: BytePath, attributes: EntryAttributes): void {
    const absolute = this.#prepare(path);
    const fd = occupy(path, () => openSync(toBuffer(absolute), FLAGS, 0o600));
    this.#open = { fd, path, absolute, attributes, size: 0, hole: false };
  }

  write(data: Uint8Array): void {
    const file = this.#open;
    if (file === undefined) throw new HoldfastError("E_INTERNAL", "no file is open");
    for (let at = 0; at < data.length;) {
      // What is nothing but zeros becomes a hole again, as it was in a sparse file.
      if (isHole(data, at)) {
        file.hole = true;
        at += ZEROS.length;
        continue;
      }
      let end = at + ZEROS.length;
      while (end < data.length && !isHole(data, end)) end += ZEROS.length;
      end = Math.min(end, data.length);
      while (at < end) at += writeSync(file.fd, data, at, end - at, file.size + at);
    }
    file.size += data.length;
    this.written.bytes += data.length;
    this.#request.onBytes?.(data.length);
    this.checkCancelled();
  }

  endFile(): void {
    const file = this.#open;
    if (file === undefined) throw new HoldfastError("E_INTERNAL", "no file is open");
    const { fd, path, absolute, attributes, size } = file;
    if (file.hole) ftruncateSync(fd, size);
    const made = fstatSync(fd);
    if (made.size !== size)
      throw new HoldfastError("E_IO", `${display(path)}: ${size} bytes were written, but the file has ${made.size}`);
    const owner = this.#ownerOf(attributes);
    if (owner !== undefined && (owner.uid !== made.uid || owner.gid !== made.gid)) fchownSync(fd, owner.uid, owner.gid);
    fchmodSync(fd, attributes.mode); // after the owner: chown takes setuid away
    const time = fileTime(attributes.mtimeNs);
    futimesSync(fd, time, time);
    closeSync(fd);
    this.#open = undefined;
    this.#made.set(path, absolute);
    this.#keepXattrs(absolute, attributes);
    this.written.files++;
  }

  /** Throws when the work was called off. */
  checkCancelled(): void {
    if (this.#request.cancelled()) throw new HoldfastError("E_INTERRUPTED", "interrupted");
  }

  /** Sets owners, modes and times of directories. Returns the shared ones, which the caller has to set. */
  finish(): SharedDirectories {
    return this.#directories.finish(this.#solid.values(), (attributes) => this.#ownerOf(attributes));
  }

  /** Closes what a failure left open. */
  abandon(): void {
    if (this.#open !== undefined) closeSync(this.#open.fd);
    this.#open = undefined;
  }

  /** Notes extended attributes of the tree's top, whose mode, owner and time come from elsewhere. */
  topXattrs(xattrs: Xattrs): void {
    this.#keepXattrs(this.#home("").absolute, { xattrs });
  }

  /** Notes attributes of an entry, ACLs with the numbers of this host. */
  #keepXattrs(absolute: BytePath, { xattrs }: Pick<EntryAttributes, "xattrs">): void {
    if (xattrs === undefined) return;
    const { users = {}, groups = {} } = this.#request.owners ?? {};
    const isAcl = (name: string): boolean => name === ACL_ACCESS || name === ACL_DEFAULT;
    const mapped = [...xattrs].map(([name, value]): [string, Buffer] => [
      name,
      isAcl(name) ? mapAcl(value, users, groups) : value,
    ]);
    this.xattrs.set(absolute, new Map(mapped));
  }

  /** Returns the target of an entry other than a directory, with its parents created. */
  #prepare(path: BytePath): BytePath {
    const { target, rest, absolute } = this.#home(path);
    // A tree that is a single file has the file's name for a prefix.
    if (rest === "" && target.prefix === "") failArchive(`${display(path)} should be a directory`);
    this.#solidAt(target).make(absolute.slice(0, absolute.lastIndexOf("/")));
    return absolute;
  }

  #home(path: BytePath): Home {
    return this.#homeOf(path) ?? outside(path);
  }

  #homeOf(path: BytePath): Home | undefined {
    for (const target of this.#targets) {
      const { prefix, into } = target;
      if (prefix !== "" && path !== prefix && !path.startsWith(`${prefix}/`)) continue;
      const rest = prefix === "" ? path : path.slice(prefix.length + 1);
      return { target, rest, absolute: join(into, rest) };
    }
    return undefined;
  }

  #solidAt({ base, into }: UnpackTarget): SafeDirectories {
    const trusted = base ?? (into.slice(0, into.lastIndexOf("/")) || "/");
    const found = this.#solid.get(trusted) ?? new SafeDirectories(trusted);
    this.#solid.set(trusted, found);
    return found;
  }

  #ownerOf({ uid, gid }: EntryAttributes): { uid: number; gid: number } | undefined {
    const { owners } = this.#request;
    if (owners === null) return undefined;
    if ([uid, gid].some((id) => id < 0 || id > MAX_ID)) failArchive(`invalid owner ${uid}:${gid}`);
    return owners.all ?? { uid: owners.users[uid] ?? uid, gid: owners.groups[gid] ?? gid };
  }
}

interface OpenFile {
  readonly fd: number;
  readonly path: BytePath;
  readonly absolute: BytePath;
  readonly attributes: EntryAttributes;
  size: number;
  /** Some of it was left out, so that its length has to be set. */
  hole: boolean;
}

function occupy<T>(path: BytePath, make: () => T): T {
  try {
    return make();
  } catch (error) {
    if (!["EEXIST", "ELOOP"].includes(systemCode(error) ?? "")) throw error;
    failArchive(`${display(path)} already exists; do two names differ in case only?`);
  }
}

function outside(path: BytePath): never {
  throw new HoldfastError("E_INTERNAL", `${display(path)} has no target`);
}

const isHole = (data: Uint8Array, at: number): boolean =>
  data.length - at >= ZEROS.length && ZEROS.compare(data, at, at + ZEROS.length) === 0;
