/** One archive of one or several trees: what a worker does for sources, legacy trees and snapshots. */
import { rmSync } from "node:fs";
import { asHoldfastError, HoldfastError } from "../../errors.ts";
import type { BytePath, Entry, StoredFile } from "../entry.ts";
import { systemOwners } from "../owners.ts";
import { display, fromString } from "../path.ts";
import { FileError, type ReadHooks } from "../tree/read-stable.ts";
import { EntryRecord } from "./entry-record.ts";
import type { BuildExtension, BuildRequest, BuildResult } from "./request.ts";
import { selectEntries, type ArchiveFailure, type Selected } from "./select-entries.ts";
import { ArchiveSink, BrokenOutput, Unrewindable, type ArchiveOutput, type Written } from "../output.ts";
import { hasPendingChanges, isSqlite, SIDECARS } from "../tree/sqlite-file.ts";
import { TgzWriter } from "../tar/writer.ts";
import { work } from "../counters.ts";
import { ZipWriter } from "../zip/writer.ts";
import { ArchiveXattrs } from "./xattrs.ts";

/**
 * Walks the roots into one archive, the same bytes for the same input. Unreadable files and directories are `failures`,
 * and the output is removed. `warnings` names what is not in the archive as it is on disk: dropped FIFOs, sockets and
 * devices, files that vanished or would not hold still, hard links that a zip holds as copies. Extended attributes are
 * in the headers of a tgz, and beside a zip.
 *
 * The root of a tree at the top of an archive is stored as `./` in a tgz, as tar does, and in a zip only when that
 * would be empty otherwise, because `unzip` calls an archive without entries an error. It is in the fingerprint and
 * never in the content digest.
 */
export async function buildArchive(request: BuildRequest, extension: BuildExtension = {}): Promise<BuildResult> {
  const restless = new Set<BytePath>();
  for (;;) {
    const result = await attempt(request, extension, restless);
    if (result !== undefined) return result;
  }
}

/**
 * Builds the archive, unless a large file changes while a sealed output takes it: that cannot be taken back. The file is
 * added to `restless` then, whose first reading stands in the next attempt.
 */
async function attempt(
  request: BuildRequest,
  extension: BuildExtension,
  restless: Set<BytePath>,
): Promise<BuildResult | undefined> {
  const open = request.openOutput ?? ((path: string): ArchiveOutput => new ArchiveSink(path));
  const sink = open(request.output);
  const xattrs = new ArchiveXattrs(request, open);
  const discard = (): void => {
    sink.discard();
    xattrs.discard();
  };
  try {
    const build = new Build(request, { sink, xattrs, restless }, extension);
    const result = await build.run();
    if (result.failures.length > 0) discard();
    return result;
  } catch (error) {
    const cause = error instanceof BrokenOutput ? await error.reason : error;
    discard();
    if (!(error instanceof StartOver) || restless.has(error.file)) throw asHoldfastError(cause);
    restless.add(error.file);
    return undefined;
  }
}

/** Thrown through a reading to stop it: the file is an SQLite database in use. */
class LiveDatabase extends Error {}

/** Thrown when a file changed and what was read of it is in the output for good. */
class StartOver extends HoldfastError {
  readonly file: BytePath;

  constructor(file: BytePath) {
    super("E_CHANGED", `${display(file)} changed again and again while it was read`);
    this.file = file;
  }
}

/** Names of one file that has several. */
interface LinkGroup {
  readonly names: BytePath[];
  readonly stored: StoredFile;
}

class Build {
  readonly #request: BuildRequest;
  readonly #sink: ArchiveOutput;
  readonly #restless: ReadonlySet<BytePath>;
  readonly #extension: BuildExtension;
  readonly #writer: ZipWriter | TgzWriter;
  readonly #xattrs: ArchiveXattrs;
  readonly #record: EntryRecord;
  readonly #warnings: string[] = [];
  readonly #failures: ArchiveFailure[] = [];
  readonly #captured: BytePath[] = [];
  /** Files beside captured databases: absolute paths. */
  readonly #partOfCapture = new Set<BytePath>();
  /** First paths of hard links, by device and inode. */
  readonly #links = new Map<string, LinkGroup>();
  /** The root at the top, until it is stored. */
  #top: Entry | null = null;
  /** State of the file being read. */
  #database = false;
  #capturing = false;

  constructor(
    request: BuildRequest,
    output: { readonly sink: ArchiveOutput; readonly xattrs: ArchiveXattrs; readonly restless: ReadonlySet<BytePath> },
    extension: BuildExtension,
  ) {
    const { sink, xattrs, restless } = output;
    this.#request = request;
    this.#sink = sink;
    this.#restless = restless;
    this.#extension = extension;
    const options = { level: request.level, hooks: this.#hooks() };
    this.#writer =
      request.format === "zip"
        ? new ZipWriter(sink, options)
        : new TgzWriter(sink, { ...options, owners: systemOwners() });
    this.#xattrs = xattrs;
    this.#record = new EntryRecord(request, xattrs);
  }

  async run(): Promise<BuildResult> {
    const selection = { ...this.#request, exclude: [...this.#request.exclude, fromString(this.#sink.path)] };
    const shared: BytePath[] = [];
    const entries = selectEntries(selection, {
      failed: (failure) => this.#failures.push(failure),
      vanished: (path) => this.#warnings.push(`vanished while reading: ${display(path)}`),
      moved: (path) => this.#warnings.push(`moved or replaced while it was read: ${display(path)}`),
      sharedMemory: (path) => shared.push(path),
    });
    for (const found of entries) {
      this.#checkCancelled();
      this.#record.see(found.entry);
      const known = this.#xattrs.of(found);
      const selected = known instanceof Promise ? await known : known;
      const live = this.#add(selected);
      if (live) await this.#capture(selected);
    }
    for (const path of shared) {
      if (!this.#partOfCapture.has(path))
        this.#warnings.push(`left out, SQLite's shared memory without data: ${display(path)}`);
    }
    return await this.#finish();
  }

  /** True when the file is a database that has to be captured. */
  #add(selected: Selected): boolean {
    const { entry, absolute } = selected;
    const { path, type } = entry;
    if (type === "file") return this.#partOfCapture.has(absolute) ? false : this.#addFile(selected);
    if (type === "directory" && path === "") {
      this.#addTop(entry);
    } else if (type === "directory") {
      this.#writer.addDirectory(path, entry);
      this.#record.add(entry, 0, null);
    } else if (type === "symlink") {
      this.#writer.addSymlink(path, entry.target, entry);
      this.#record.add(entry, 0, null);
    } else {
      this.#warnings.push(`dropped, ${KIND[type]}: ${display(path)}`);
    }
    return false;
  }

  #addTop(entry: Entry): void {
    if (this.#top !== null) return;
    this.#top = entry;
    if (this.#writer instanceof TgzWriter) this.#writer.addDirectory(".", entry);
    this.#record.add(entry, 0, null);
  }

  #addFile(selected: Selected): boolean {
    const { entry, absolute, location } = selected;
    if (this.#addLink(entry)) return false;
    try {
      this.#database = false;
      const stored = this.#extension.store?.(selected, this.#writer);
      this.#keep(entry, stored ?? this.#writer.addFile(entry.path, location, entry, absolute));
    } catch (error) {
      if (error instanceof LiveDatabase) return true;
      if (error instanceof Unrewindable) throw new StartOver(absolute);
      this.#fail(absolute, error);
    }
    return false;
  }

  /** Stores a further name of a file that is in the archive already, where the format can. */
  #addLink(entry: Entry): boolean {
    const group = entry.nlink > 1 ? this.#links.get(`${entry.dev}:${entry.ino}`) : undefined;
    const [first] = group?.names ?? [];
    if (group === undefined || first === undefined || !(this.#writer instanceof TgzWriter)) return false;
    this.#writer.addHardlink(entry.path, first, entry);
    this.#record.add(entry, group.stored.size, group.stored.sha256);
    return true;
  }

  #keep(entry: Entry, stored: StoredFile): void {
    work.bytes_hashed += stored.size;
    this.#record.add(entry, stored.size, stored.sha256);
    if (stored.changed) this.#warnings.push(`changed while it was read: ${display(entry.path)}`);
    if (entry.nlink < 2) return;
    const key = `${entry.dev}:${entry.ino}`;
    const group = this.#links.get(key);
    if (group === undefined) this.#links.set(key, { names: [entry.path], stored });
    else group.names.push(entry.path);
  }

  async #capture({ entry, absolute, location }: Selected): Promise<void> {
    let copy: string | undefined;
    try {
      copy = await this.#request.captureSqlite?.(location, entry);
      if (copy === undefined) return;
      this.#capturing = true;
      this.#keep(entry, this.#writer.addFile(entry.path, fromString(copy), entry));
      this.#captured.push(entry.path);
      for (const suffix of SIDECARS) this.#partOfCapture.add(absolute + suffix);
    } catch (error) {
      if (this.#capturing && !(error instanceof FileError)) throw error;
      const { code, message } = asHoldfastError(error, "E_SQLITE");
      if (code === "E_INTERRUPTED" || code === "E_NO_SPACE") throw error;
      this.#failures.push({ code, path: display(absolute), message });
    } finally {
      this.#capturing = false;
      if (copy !== undefined) rmSync(copy, { force: true });
    }
  }

  #fail(absolute: BytePath, error: unknown): void {
    if (!(error instanceof FileError)) throw error; // of the output
    if (error.code === "E_MISSING") this.#warnings.push(`vanished while reading: ${display(absolute)}`);
    else this.#failures.push({ code: error.code, path: display(absolute), message: error.message });
  }

  async #finish(): Promise<BuildResult> {
    for (const { names } of this.#links.values()) {
      if (names.length > 1) this.#warnings.push(`hard links, stored as copies: ${names.map(display).join(" = ")}`);
    }
    this.#failures.push(...(this.#extension.finish?.(this.#writer) ?? []));
    if (this.#top !== null && this.#writer.entries === 0) this.#writer.addDirectory(".", this.#top);
    const entries = this.#writer.close();
    const { warnings, ...recorded } = await this.#record.finish(
      this.#writer instanceof TgzWriter ? this.#writer.framing : 0,
    );
    const failed = this.#failures.length > 0;
    const { size, sha256, plain } = failed ? NOTHING : await this.#sink.finish();
    return {
      size_bytes: size,
      sha256,
      ...(plain === undefined ? {} : { plain: { size_bytes: plain.size, sha256: plain.sha256 } }),
      entries,
      ...recorded,
      warnings: [...this.#warnings, ...warnings],
      failures: this.#failures,
      captured: this.#captured.map(display),
    };
  }

  #hooks(): ReadHooks {
    const capture = this.#request.captureSqlite !== undefined;
    return {
      progress: (bytes) => {
        this.#checkCancelled();
        this.#request.onBytes?.(bytes);
      },
      head: (location, head, file) => {
        this.#database = capture && !this.#capturing && isSqlite(head);
        if (this.#database && (this.#restless.has(file) || hasPendingChanges(location))) throw new LiveDatabase();
      },
      isRestless: (file) => this.#restless.has(file),
      unstable: () => {
        if (this.#database) throw new LiveDatabase();
      },
    };
  }

  #checkCancelled(): void {
    if (this.#request.cancelled()) throw new HoldfastError("E_INTERRUPTED", "interrupted");
  }
}

const NOTHING: Written = { size: 0, sha256: "" };
const KIND = { fifo: "a FIFO", socket: "a socket", device: "a device" } as const;
