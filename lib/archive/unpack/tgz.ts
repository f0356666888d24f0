/** The tgz side of unpacking: one pass, each entry written as it comes by. */
import { createGunzip } from "node:zlib";
import { consume } from "../files/consume-stream.ts";
import { ContentDigest } from "../content-digest.ts";
import type { BytePath } from "../entry.ts";
import { display } from "../path.ts";
import { streamRegular } from "../files/regular-file.ts";
import { TarReader, type TarEntry } from "../tar/reader.ts";
import type { UnpackRequest } from "./request.ts";
import type { TreeWriter } from "./tree-writer.ts";
import { failArchive, isZlibError } from "../errors.ts";

const CHUNK = 256 * 1024;

export async function unpackTgz(
  request: UnpackRequest,
  writer: TreeWriter,
): Promise<{ entries: number; contentDigest: string | null }> {
  const unpacking = new Unpacking(writer);
  const entries = await read(request.archive, new TarReader((entry) => unpacking.end(entry), unpacking));
  if (unpacking.orphans.size > 0) {
    const second = new Adoption(unpacking.orphans, writer);
    await read(request.archive, new TarReader((entry) => second.end(entry), second));
  }
  return { entries, contentDigest: request.only === undefined ? unpacking.digest.finish() : null };
}

/** Reads the whole archive; gives the number of entries. */
async function read(archive: string, reader: TarReader): Promise<number> {
  const input = streamRegular(archive, "E_ARCHIVE", { highWaterMark: CHUNK });
  const gunzip = createGunzip({ chunkSize: CHUNK });
  try {
    await consume(input, gunzip, (chunk) => reader.write(chunk), undefined);
  } catch (error) {
    if (isZlibError(error)) failArchive(error.message);
    throw error;
  }
  const stray = input.bytesRead - gunzip.bytesWritten;
  if (stray !== 0) failArchive(`${stray} stray bytes after the last gzip member`);
  return reader.end().entries;
}

/** The second pass, for names of files whose first name is not wanted: the content stands under that one. */
class Adoption {
  readonly #orphans: ReadonlyMap<BytePath, readonly BytePath[]>;
  readonly #writer: TreeWriter;
  #names: readonly BytePath[] = [];

  constructor(orphans: ReadonlyMap<BytePath, readonly BytePath[]>, writer: TreeWriter) {
    this.#orphans = orphans;
    this.#writer = writer;
  }

  begin(entry: Omit<TarEntry, "sha256">): void {
    this.#names = this.#orphans.get(tidy(entry.path)) ?? [];
    const [first] = this.#names;
    if (first !== undefined) this.#writer.beginFile(first, entry);
  }

  data(chunk: Buffer): void {
    if (this.#names.length > 0) this.#writer.write(chunk);
  }

  end(_entry: TarEntry): void {
    const [first, ...others] = this.#names;
    if (first === undefined) return;
    this.#writer.endFile();
    for (const other of others) this.#writer.hardlink(other, first);
  }
}

const tidy = (path: BytePath): BytePath =>
  path
    .split("/")
    .filter((part) => part !== "" && part !== ".")
    .join("/");

class Unpacking {
  readonly digest = new ContentDigest();
  readonly #writer: TreeWriter;
  /** Size, digest and attributes of files, for their further names. */
  readonly #files = new Map<BytePath, Pick<TarEntry, "size" | "sha256" | "xattrs">>();
  /** Wanted names of files whose first name is not wanted, by that. */
  readonly orphans = new Map<BytePath, BytePath[]>();
  readonly #unwritten = new Set<BytePath>();
  #path: BytePath = "";
  #wanted = false;

  constructor(writer: TreeWriter) {
    this.#writer = writer;
  }

  begin(entry: Omit<TarEntry, "sha256">): void {
    this.#path = this.#writer.admit(entry.path);
    this.#wanted = this.#writer.wants(this.#path);
    if (["fifo", "socket", "device"].includes(entry.type))
      failArchive(`${display(entry.path)} is a device, FIFO or socket`);
    if (entry.type !== "file") return;
    this.#writer.claim(entry.size);
    if (this.#wanted) this.#writer.beginFile(this.#path, entry);
  }

  data(chunk: Buffer): void {
    if (this.#wanted) this.#writer.write(chunk);
    else this.#writer.checkCancelled();
  }

  end(entry: TarEntry): void {
    const path = this.#path;
    const { type, linkname, size, sha256, xattrs } = entry;
    if (type === "file") {
      if (this.#wanted) this.#writer.endFile();
      else this.#unwritten.add(path);
      this.#files.set(path, { size, sha256, ...(xattrs === undefined ? {} : { xattrs }) });
      this.digest.add({ ...entry, type, path, target: "" }, sha256);
    } else if (type === "hardlink") {
      const first = tidy(linkname);
      const file = this.#files.get(first);
      if (file === undefined)
        failArchive(`${display(path)} is a link to ${display(first)}, which is not a file of the archive`);
      this.#files.set(path, file);
      if (this.#wanted && this.#unwritten.has(first))
        this.orphans.set(first, [...(this.orphans.get(first) ?? []), path]);
      else if (this.#wanted) this.#writer.hardlink(path, first);
      else this.#unwritten.add(path);
      this.digest.add({ ...entry, type: "file", path, target: "", ...file }, file.sha256);
    } else if (type === "symlink") {
      if (this.#wanted) this.#writer.symlink(path, linkname, entry);
      this.digest.add({ ...entry, type, path, target: linkname }, null);
    } else if (type === "directory") {
      // The top of the tree is described by `./`, of which the digest has the extended attributes alone.
      if (this.#wanted) this.#writer.directory(path, entry);
      this.digest.add({ ...entry, type, path, target: "" }, null);
    }
  }
}
