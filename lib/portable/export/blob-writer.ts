/** Writes the files of an export that hold its large values. */
import { createHash, randomUUID, type Hash } from "node:crypto";
import { closeSync, existsSync, fsyncSync, mkdirSync, openSync, renameSync, rmSync, writeSync } from "node:fs";
import path from "node:path";
import type { ExportedBlob } from "../format/documents.ts";
import { BLOBS, blobPath } from "../format/large-value.ts";

/** Writes large values, one after the other. */
export class BlobWriter {
  readonly #root: string;
  readonly #sizes = new Map<string, number>();

  /** `root` is the export's directory. */
  constructor(root: string) {
    this.#root = root;
  }

  /** Starts a value. */
  begin(): BlobDraft {
    mkdirSync(path.join(this.#root, BLOBS), { recursive: true, mode: 0o750 });
    return new BlobDraft(this.#root, (sha256, size) => void this.#sizes.set(sha256, size));
  }

  /** The files written, each once, sorted by name. */
  get files(): ExportedBlob[] {
    return [...this.#sizes]
      .map(([sha256, size_bytes]) => ({ sha256, size_bytes }))
      .toSorted((a, b) => (a.sha256 < b.sha256 ? -1 : 1));
  }
}

export class BlobDraft {
  readonly #root: string;
  readonly #done: (sha256: string, size: number) => void;
  readonly #file: string;
  readonly #fd: number;
  readonly #hash: Hash = createHash("sha256");
  #size = 0;

  constructor(root: string, done: (sha256: string, size: number) => void) {
    this.#root = root;
    this.#done = done;
    this.#file = path.join(root, BLOBS, `.${randomUUID()}.new`);
    this.#fd = openSync(this.#file, "wx", 0o640);
  }

  add(piece: Buffer): void {
    this.#hash.update(piece);
    for (let done = 0; done < piece.length;) done += writeSync(this.#fd, piece, done);
    this.#size += piece.length;
  }

  /** Syncs the file, renames it to its sha256 and returns that. */
  finish(): string {
    fsyncSync(this.#fd);
    closeSync(this.#fd);
    const sha256 = this.#hash.digest("hex");
    const file = path.join(this.#root, blobPath(sha256));
    if (existsSync(file)) rmSync(this.#file);
    else renameSync(this.#file, file);
    this.#done(sha256, this.#size);
    return sha256;
  }

  /** Discards the value; called instead of `finish`. */
  abandon(): void {
    closeSync(this.#fd);
    rmSync(this.#file, { force: true });
  }
}
