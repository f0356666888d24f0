/**
 * Writes the documents of a run. One that has the same bytes as in the newest earlier run is a hard link to it, so that
 * a run in which nothing changed writes next to nothing.
 */
import { createHash } from "node:crypto";
import { mkdirSync, rmSync, writeFileSync } from "node:fs";
import path from "node:path";
import type { UnitMetadata } from "../../model/unit.ts";
import { linkIfSame } from "../files/link-if-same.ts";
import { documentText } from "../files/json-documents.ts";
import { linkFiles } from "./previous-runs.ts";
import { readableMetadata } from "./readable.ts";

export class StagedDocuments {
  readonly #directory: string;
  readonly #named: string;
  readonly #earlier: string | undefined;
  /** The sha256 of files of the run, by their paths relative to it. */
  readonly digests = new Map<string, string>();

  /**
   * `named` is where documents go that name files or people: the run, or a directory of this host where their names are
   * sealed. `earlier` is the directory of the newest run, if there is one.
   */
  constructor(directory: string, named: string, earlier: string | undefined) {
    this.#directory = directory;
    this.#named = named;
    this.#earlier = earlier;
  }

  /** Writes the metadata of a unit: into the run what can be read of them. */
  writeMetadata(file: string, metadata: UnitMetadata): void {
    if (this.#sealsNames) this.writeNamed(file, metadata);
    this.write(file, this.#sealsNames ? readableMetadata(metadata) : metadata);
  }

  /** Writes a file that names files or people, by its path relative to the run. */
  writeNames(file: string, content: Buffer | string): void {
    if (!this.#sealsNames) return this.writeBytes(file, Buffer.from(content));
    const target = path.join(this.#named, file);
    mkdirSync(path.dirname(target), { recursive: true, mode: 0o700 });
    rmSync(target, { force: true });
    writeFileSync(target, content, { flag: "wx", mode: 0o600 });
  }

  /** Takes files of names over from the directory that an earlier run has for them. */
  linkNames(from: string, files: readonly string[]): void {
    for (const file of files) rmSync(path.join(this.#named, file), { force: true });
    linkFiles(from, this.#named, files);
  }

  get #sealsNames(): boolean {
    return this.#named !== this.#directory;
  }

  /** Writes a JSON document, by its path relative to the run. Throws `E_IO` for one that readers would refuse. */
  write(file: string, value: unknown): void {
    this.writeText(file, documentText(path.basename(file), value));
  }

  /** Writes a JSON document that names files or people, by its path relative to the run. */
  writeNamed(file: string, value: unknown): void {
    this.writeNames(file, documentText(path.basename(file), value));
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
