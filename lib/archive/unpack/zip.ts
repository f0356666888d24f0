/**
 * The zip side of unpacking: by the central directory, which has been checked as a whole before anything is written.
 */
import { createHash } from "node:crypto";
import { ContentDigest } from "../content-digest.ts";
import type { BytePath, Xattrs } from "../entry.ts";
import { BufferedFile } from "../files/buffered-file.ts";
import { display } from "../path.ts";
import type { UnpackRequest } from "./request.ts";
import type { TreeWriter } from "./tree-writer.ts";
import { failArchive } from "../errors.ts";
import { readEntry } from "../zip/reader.ts";
import { parseDirectory, type ZipEntry } from "../zip/directory.ts";
import { readSidecar } from "../xattrs/sidecar.ts";

const TOP = { path: "", type: "directory", mode: 0, uid: 0, gid: 0, size: 0, mtimeNs: 0n, target: "" } as const;

/** Longer link targets than any system takes are damage. */
const MAX_TARGET = 4096;
/** The attributes of entries without owners and modes. */
const FILE_MODE = 0o644;
const DIRECTORY_MODE = 0o755;

export async function unpackZip(
  request: UnpackRequest,
  writer: TreeWriter,
): Promise<{ entries: number; contentDigest: string | null }> {
  const window = new BufferedFile(request.archive);
  try {
    const { entries } = parseDirectory(window);
    const { reserved } = request;
    const originals = new Map<BytePath, ZipEntry>();
    const listed: { path: BytePath; entry: ZipEntry }[] = [];
    for (const entry of entries) {
      const path = writer.admit(entry.name);
      writer.claim(entry.size);
      if (reserved !== undefined && isWithin(path, reserved.multimedia)) continue;
      if (reserved !== undefined && isWithin(path, reserved.original)) {
        if (entry.type === "file") originals.set(path.slice(reserved.original.length + 1), entry);
      } else listed.push({ path, entry });
    }
    const digest = new ContentDigest();
    const xattrs = request.sidecar === undefined ? new Map<BytePath, Xattrs>() : readSidecar(request.sidecar);
    const unpacking = new Unpacking(request, writer, { window, digest, xattrs });
    unpacking.addTop();
    for (const { path, entry } of listed) await unpacking.add(path, entry, originals.get(path) ?? entry);
    return { entries: entries.length, contentDigest: request.only === undefined ? digest.finish() : null };
  } finally {
    window.close();
  }
}

const isWithin = (path: BytePath, directory: BytePath): boolean =>
  path === directory || path.startsWith(`${directory}/`);

class Unpacking {
  readonly #request: UnpackRequest;
  readonly #writer: TreeWriter;
  readonly #window: BufferedFile;
  readonly #digest: ContentDigest;
  readonly #xattrs: ReadonlyMap<BytePath, Xattrs>;

  constructor(
    request: UnpackRequest,
    writer: TreeWriter,
    {
      window,
      digest,
      xattrs,
    }: {
      readonly window: BufferedFile;
      readonly digest: ContentDigest;
      readonly xattrs: ReadonlyMap<BytePath, Xattrs>;
    },
  ) {
    this.#request = request;
    this.#writer = writer;
    this.#window = window;
    this.#digest = digest;
    this.#xattrs = xattrs;
  }

  /** Takes the extended attributes of the tree's top, which is an entry of an empty tree only. */
  addTop(): void {
    const xattrs = this.#xattrs.get("");
    if (xattrs === undefined) return;
    this.#digest.add({ ...TOP, xattrs }, null);
    if (this.#writer.wants("")) this.#writer.topXattrs(xattrs);
  }

  /** `content` is the entry that holds what belongs there: the original, where a bundle has rewritten it. */
  async add(path: BytePath, entry: ZipEntry, content: ZipEntry): Promise<void> {
    const wanted = this.#writer.wants(path);
    if (!wanted && this.#request.only !== undefined) return;
    const xattrs = path === "" ? undefined : this.#xattrs.get(path);
    const attributes = {
      mode: entry.mode ?? (entry.type === "directory" ? DIRECTORY_MODE : FILE_MODE),
      uid: entry.uid ?? process.getuid?.() ?? 0,
      gid: entry.gid ?? process.getgid?.() ?? 0,
      mtimeNs: entry.mtimeNs,
      ...(xattrs === undefined ? {} : { xattrs }),
    };
    let target = "";
    let sha256: string | null = null;
    if (entry.type === "directory") {
      if (wanted) this.#writer.directory(path, attributes);
    } else if (entry.type === "symlink") {
      target = await this.#target(path, entry);
      if (wanted) this.#writer.symlink(path, target, attributes);
    } else {
      const hash = createHash("sha256");
      if (wanted) this.#writer.beginFile(path, attributes);
      await this.#read(content, (data) => {
        hash.update(data);
        if (wanted) this.#writer.write(data);
      });
      if (wanted) this.#writer.endFile();
      sha256 = hash.digest("hex");
    }
    // The top of the tree, which an archive has where it is empty, is no part of the digest.
    this.#digest.add({ path, type: entry.type, ...attributes, size: content.size, target }, sha256);
  }

  async #target(path: BytePath, entry: ZipEntry): Promise<BytePath> {
    if (entry.size > MAX_TARGET) failArchive(`the link ${display(path)} has a target of ${entry.size} bytes`);
    const parts: Buffer[] = [];
    await this.#read(entry, (data) => parts.push(Buffer.from(data)));
    return Buffer.concat(parts).toString("latin1");
  }

  async #read(entry: ZipEntry, take: (data: Buffer) => void): Promise<void> {
    await readEntry(this.#request.archive, this.#window, entry, take);
  }
}
