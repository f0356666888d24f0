/** Reads the files of a run on several threads, if there is enough to read. */
import { statSync } from "node:fs";
import path from "node:path";
import { pathToFileURL } from "node:url";
import { defaultThreads, WorkerPool } from "../../archive/pool.ts";
import { HoldfastError } from "../../errors.ts";
import { resolveModule } from "../../exec/build-output.ts";
import {
  readArchive,
  readDigest,
  type ArchiveResult,
  type ArchiveTask,
  type DigestResult,
  type DigestTask,
} from "./read-artifact.ts";

/** Starting a thread takes a tenth of a second: as long as reading this many bytes. */
const WORTH_A_THREAD = 64 * 1024 * 1024;
/** Asking a thread takes as long as reading this many bytes. */
const WORTH_ASKING = 256 * 1024;
const WORKER = "lib/ops/checks/worker";

export class ArtifactReaders {
  readonly #signal: AbortSignal;
  /** Called with the size of each file that has been read. */
  readonly #onBytes: (bytes: number) => void;
  readonly #pool: WorkerPool<DigestTask | ArchiveTask, DigestResult | ArchiveResult> | undefined;
  /** The number of files to request at the same time. */
  readonly width: number;

  /** `bytes` is the approximate total to read. The caller closes the readers. */
  constructor(bytes: number, signal: AbortSignal, onBytes: (bytes: number) => void = () => {}) {
    this.#onBytes = onBytes;
    this.#signal = signal;
    const threads = defaultThreads();
    const pays = bytes >= WORTH_A_THREAD && threads > 1;
    this.#pool = pays ? new WorkerPool(pathToFileURL(resolveModule(WORKER)), threads, signal) : undefined;
    this.width = threads + 1;
  }

  /** Returns the size and sha256 of a file of about `size` bytes. */
  async digest(file: string, size: number): Promise<DigestResult> {
    const task: DigestTask = { kind: "digest", file };
    const isOwn = this.#pool === undefined || size < WORTH_ASKING;
    const result = isOwn ? await readDigest(task, this.#signal) : await this.#pool.run(task);
    this.#onBytes(size);
    if ("sha256" in result) return result;
    throw unexpected(file);
  }

  /** Reads an archive to its end. Throws `E_ARCHIVE`. */
  async archive(kind: ArchiveTask["kind"], file: string, list: ArchiveTask["list"]): Promise<ArchiveResult> {
    const task: ArchiveTask = { kind, file, list };
    const result = this.#pool === undefined ? await readArchive(task, this.#signal) : await this.#pool.run(task);
    this.#onBytes(statSync(file).size);
    if ("entries" in result) return result;
    throw unexpected(file);
  }

  async close(): Promise<void> {
    await this.#pool?.close();
  }
}

const unexpected = (file: string): HoldfastError =>
  new HoldfastError("E_INTERNAL", `${path.basename(file)} has a result of another kind`);
