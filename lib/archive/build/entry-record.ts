/** Records the entries of an archive as they are stored: for reuse, for comparisons, and for the anomaly guard. */
import { DeflationMeter } from "../compress.ts";
import { ContentDigest } from "../content-digest.ts";
import type { Entry } from "../entry.ts";
import { EntryListWriter } from "../entry-list.ts";
import { ExtensionCounts } from "../extensions.ts";
import { FingerprintBuilder } from "../fingerprint.ts";
import type { BuildRequest, BuildResult } from "./request.ts";
import type { ArchiveXattrs } from "./xattrs.ts";

export class EntryRecord {
  readonly #xattrs: ArchiveXattrs;
  readonly #started: number;
  readonly #fingerprint: FingerprintBuilder;
  readonly #content = new ContentDigest();
  readonly #extensions = new ExtensionCounts();
  readonly #deflation = new DeflationMeter();
  readonly #list: EntryListWriter | undefined;

  constructor({ recipe, entryList }: Pick<BuildRequest, "recipe" | "entryList">, xattrs: ArchiveXattrs) {
    this.#xattrs = xattrs;
    this.#started = xattrs.readMs;
    this.#fingerprint = new FingerprintBuilder(recipe);
    this.#list = entryList === undefined ? undefined : new EntryListWriter(entryList, this.#started);
  }

  /** Takes an entry as `lstat` sees it, whatever becomes of it. */
  see(entry: Entry): void {
    this.#fingerprint.add(entry);
  }

  /** Takes an entry that was stored. The top of the tree counts by its extended attributes alone. */
  add(entry: Entry, size: number, sha256: string | null): void {
    this.#content.add({ ...entry, size }, sha256);
    if (entry.type === "file") this.#extensions.add(entry.path);
    if (entry.path !== "") this.#list?.add(entry, size, sha256);
    this.#xattrs.add(entry);
  }

  /** Ends the record. `framing` are deflated bytes that are no content: the headers of a tar. */
  async finish(framing: number): Promise<Pick<BuildResult, "input" | "warnings" | "xattrs" | "sidecar">> {
    this.#list?.close();
    return {
      warnings: await this.#xattrs.finish(),
      input: {
        ...this.#fingerprint.finish(this.#started),
        content_digest: this.#content.finish(),
        extensions: this.#extensions.finish(),
        deflate: this.#deflation.read(framing),
      },
      xattrs: this.#xattrs.entries,
      sidecar: this.#xattrs.sidecar,
    };
  }
}
