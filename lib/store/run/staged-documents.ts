/**
 * Writes the documents of a run. One that has the same bytes as in the newest earlier run is a hard link to it, so that
 * a run in which nothing changed writes next to nothing.
 */
import { createHash } from "node:crypto";
import { mkdirSync, rmSync, writeFileSync } from "node:fs";
import path from "node:path";
import { linkIfSame } from "../files/link-if-same.ts";
import { documentText } from "../files/json-documents.ts";

export class StagedDocuments {
  readonly #directory: string;
  readonly #earlier: string | undefined;
  /** The sha256 of files of the run, by their paths relative to it. */
  readonly digests = new Map<string, string>();

  /** `earlier` is the directory of the newest run, if there is one. */
  constructor(directory: string, earlier: string | undefined) {
    this.#directory = directory;
    this.#earlier = earlier;
  }

  /** Writes a JSON document, by its path relative to the run. Throws `E_IO` for one that readers would refuse. */
  write(file: string, value: unknown): void {
    this.writeText(file, documentText(path.basename(file), value));
  }

  /** Writes a text, by its path relative to the run. */
  writeText(file: string, text: string): void {
    this.writeBytes(file, Buffer.from(text));
  }

  /** Writes a file, by its path relative to the run. */
  writeBytes(file: string, bytes: Buffer): void {
    const target = path.join(this.#directory, file);
    mkdirSync(path.dirname(target), { recursive: true });
    // Never written in place: what an interrupted run left may be a link to the file of an earlier run.
    rmSync(target, { force: true });
    if (this.#earlier === undefined || !linkIfSame(path.join(this.#earlier, file), target, bytes))
      writeFileSync(target, bytes, { flag: "wx" });
    this.digests.set(file, createHash("sha256").update(bytes).digest("hex"));
  }
}
