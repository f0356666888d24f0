/** Writes the entries of a package, and records the size and digest of each file. */
import { setImmediate } from "node:timers/promises";
import type { BytePath, Entry, EntryAttributes, StoredFile } from "../../archive/entry.ts";
import { TreeHandles } from "../../archive/tree/handles.ts";
import { MOST_ENTRIES, MOST_NAMES } from "../../archive/limits.ts";
import { systemOwners } from "../../archive/owners.ts";
import { basename, display, fromString, join } from "../../archive/path.ts";
import { ArchiveSink } from "../../archive/output.ts";
import { TgzWriter } from "../../archive/tar/writer.ts";
import { statRoot, walk } from "../../archive/tree/walk.ts";
import { HoldfastError } from "../../errors.ts";
import { formatJson } from "../../store/files/json-documents.ts";
import { writtenPath, type PackageManifest, type TreeFacts } from "./format.ts";
import { staysInside, TreeDigest } from "./tree-checks.ts";

/** Bytes and entries between two pauses for the event loop. */
const AT_ONCE = { bytes: 8 * 1024 * 1024, entries: 64 };

/** The state of packing one tree. */
interface Walked {
  readonly handles: TreeHandles;
  readonly exclude: (path: BytePath) => boolean;
  readonly digest: TreeDigest;
  readonly first: First;
  readonly leftOut: (path: BytePath, why: string) => void;
}

/** Files with several hard links, by inode. */
type First = Map<string, PackageManifest["files"][number]>;

export class PackageWriter {
  readonly files: PackageManifest["files"] = [];
  readonly #sink: ArchiveSink;
  readonly #writer: TgzWriter;
  readonly #signal: AbortSignal;
  #since = { bytes: 0, entries: 0 };
  #entries = 0;
  #names = 0;

  constructor(file: string, level: number, signal: AbortSignal) {
    this.#sink = new ArchiveSink(file);
    this.#writer = new TgzWriter(this.#sink, { level, owners: systemOwners() });
    this.#signal = signal;
  }

  text(name: string, text: string): void {
    const { size, sha256 } = this.#writer.addBytes(fromString(name), Buffer.from(text), plain());
    this.files.push({ path: fromString(name), size_bytes: size, sha256 });
  }

  /** Writes the manifest, the last entry. */
  manifest(name: string, manifest: PackageManifest): void {
    const files = manifest.files.map((file) => ({ ...file, path: writtenPath(file.path) }));
    this.#writer.addBytes(fromString(name), Buffer.from(formatJson({ ...manifest, files })), plain());
  }

  /** Packs a directory that was made for the package, unfiltered. */
  async own(prefix: string, root: string): Promise<void> {
    await this.tree(
      prefix,
      fromString(root),
      () => false,
      () => {},
    );
  }

  /**
   * Packs a tree with its links, modes and times. `leftOut` is called with the path in the tree of each entry that a
   * package cannot hold. Throws `E_UNREADABLE`, `E_MISSING`.
   */
  async tree(
    prefix: string,
    root: BytePath,
    exclude: (path: BytePath) => boolean,
    leftOut: (path: BytePath, why: string) => void,
  ): Promise<TreeFacts> {
    const digest = new TreeDigest();
    const base = fromString(prefix);
    const first: First = new Map();
    const handles = new TreeHandles(root);
    try {
      await this.#walk(root, base, { handles, exclude, digest, first, leftOut });
    } finally {
      handles.close();
    }
    return digest.finish();
  }

  async #walk(root: BytePath, base: BytePath, { handles, exclude, digest, first, leftOut }: Walked): Promise<void> {
    this.#writer.addDirectory(base, statRoot(handles.current));
    for (const entry of walk(root, { handles, exclude: (path) => exclude(path) })) {
      await this.#pause(entry);
      const name = join(base, entry.path);
      this.#count(name);
      if (entry.type === "directory") {
        this.#writer.addDirectory(name, entry);
        digest.add(entry, 0, "");
      } else if (entry.type === "symlink") {
        if (!staysInside(entry.path, entry.target)) {
          leftOut(entry.path, `a link that points outside its tree, to ${display(entry.target)}`);
          continue;
        }
        this.#writer.addSymlink(name, entry.target, entry);
        digest.add(entry, 0, "");
      } else if (entry.type === "file") {
        const place = { location: handles.at(basename(entry.path)), file: join(root, entry.path) };
        this.#file(name, place, entry, { first, digest, leftOut });
      } else leftOut(entry.path, `a ${entry.type}`);
    }
  }

  #file(
    name: BytePath,
    place: { readonly location: BytePath; readonly file: BytePath },
    entry: Entry,
    {
      first,
      digest,
      leftOut,
    }: {
      first: First;
      digest: TreeDigest;
      leftOut: (path: BytePath, why: string) => void;
    },
  ): void {
    const inode = `${entry.dev}:${entry.ino}`;
    const other = entry.nlink > 1 ? first.get(inode) : undefined;
    if (other !== undefined) {
      this.#writer.addHardlink(name, other.path, entry);
      this.files.push({ ...other, path: name });
      digest.add(entry, other.size_bytes, other.sha256);
      return;
    }
    const stored = this.#read(name, place, entry);
    if (stored === undefined) return leftOut(entry.path, "removed before it could be read");
    const { size, sha256, changed } = stored;
    if (changed) leftOut(entry.path, "changed while it was read; the package holds the last reading");
    const file = { path: name, size_bytes: size, sha256 };
    if (entry.nlink > 1) first.set(inode, file);
    this.files.push(file);
    digest.add(entry, size, sha256);
  }

  /** Throws `E_USAGE` for more entries than a reader of packages accepts. */
  #count(name: BytePath): void {
    this.#names += name.length;
    if (++this.#entries < MOST_ENTRIES && this.#names < MOST_NAMES) return;
    throw new HoldfastError(
      "E_USAGE",
      `the trees have more than ${MOST_ENTRIES} entries, or ${MOST_NAMES} bytes of names`,
      {
        hint: "pack fewer trees; a backup has no such limit",
      },
    );
  }

  /** Adds a file; returns undefined if it was removed meanwhile, because the site keeps running. */
  #read(
    name: BytePath,
    { location, file }: { readonly location: BytePath; readonly file: BytePath },
    entry: Entry,
  ): StoredFile | undefined {
    try {
      return this.#writer.addFile(name, location, entry, file);
    } catch (error) {
      if (error instanceof HoldfastError && error.code === "E_MISSING") return undefined;
      throw error;
    }
  }

  finish(): { size: number; sha256: string } {
    this.#writer.close();
    return this.#sink.finish();
  }

  discard(): void {
    this.#sink.discard();
  }

  async #pause({ size }: Entry): Promise<void> {
    this.#since.bytes += size;
    if (++this.#since.entries < AT_ONCE.entries && this.#since.bytes < AT_ONCE.bytes) return;
    this.#since = { bytes: 0, entries: 0 };
    await setImmediate();
    this.#signal.throwIfAborted();
  }
}

const plain = (): EntryAttributes => ({
  mode: 0o644,
  uid: 0,
  gid: 0,
  mtimeNs: BigInt(Date.now()) * 1_000_000n,
});
