/**
 * A store on a target, as one of this host: the cache has its documents, artifacts are brought when they are needed and
 * removed when the command ends.
 */
import { closeSync, ftruncateSync, mkdirSync, openSync, rmSync } from "node:fs";
import path from "node:path";
import type { BytePath } from "../../archive/entry.ts";
import type { SiteConfig } from "../../config/load.ts";
import { asHoldfastError } from "../../errors.ts";
import type { Artifact, UnitMetadata } from "../../model/unit.ts";
import { forEachParallel } from "../../store/files/for-each-parallel.ts";
import { writeDocumentAtomic } from "../../store/files/json-documents.ts";
import { runDirectory } from "../../store/files/layout.ts";
import { repairLinks } from "../../store/run/publish.ts";
import { unitFiles } from "../../store/run/step-index.ts";
import type { LocalFile } from "../../targets/core/local-run.ts";
import type { Target } from "../../targets/core/target.ts";
import { evidenceOf } from "../push/evidence.ts";
import { openNamed, targetSettings, type TargetHooks } from "../push/open.ts";
import { ownName, runOf } from "../runs/borrowed-units.ts";
import type { ContentSource } from "../runs/content-source.ts";
import { cacheDirectory } from "./cache.ts";
import { pathIn, RemoteDocuments } from "./documents.ts";
import { PartialZip } from "./partial-zip.ts";

/** Artifacts that are fetched at the same time. */
const AT_ONCE = 3;

const identityOf = ({ path: name, sha256 }: LocalFile): string => `${sha256} ${name}`;

export class RemoteStore implements ContentSource {
  /** The cache: a store without artifacts. */
  readonly path: string;
  readonly partial = new Set<string>();
  readonly #target: Target;
  readonly #documents: RemoteDocuments;
  readonly #signal: AbortSignal;
  readonly #onNote: (text: string) => void;
  /** The evidence of earlier commands, as path and digest. */
  #evidence: ReadonlySet<string> = new Set();
  /** Absolute paths of what was brought. */
  readonly #brought = new Set<string>();
  readonly #zips = new Map<string, PartialZip>();

  private constructor(directory: string, target: Target, { signal, onNote }: TargetHooks) {
    this.path = directory;
    this.#target = target;
    this.#signal = signal;
    this.#onNote = onNote;
    this.#documents = new RemoteDocuments(target, directory, signal);
  }

  /**
   * Opens the store on a target of the config and lists its runs. Throws `E_USAGE` for an unknown target, `E_REMOTE`,
   * `E_STORE` for a store of another site.
   */
  static async open(name: string, config: SiteConfig, hooks: TargetHooks): Promise<RemoteStore> {
    const directory = cacheDirectory(name, targetSettings(name, config));
    const { target } = await openNamed(name, config, directory, hooks);
    const store = new RemoteStore(directory, target, hooks);
    try {
      await writeDocumentAtomic(path.join(directory, "store.json"), await target.storeDocument());
      await store.#documents.list();
      await repairLinks(directory);
      store.#evidence = new Set((await evidenceOf(directory, hooks.signal)).map(identityOf));
      return store;
    } catch (error) {
      await store.close();
      throw error;
    }
  }

  async documents(run: string): Promise<void> {
    await this.#documents.fetch(run);
  }

  async bring(run: string, units: readonly UnitMetadata[]): Promise<void> {
    await forEachParallel(units.flatMap(unitFiles), AT_ONCE, async (file) => await this.#bringFile(run, file));
  }

  async standIn(run: string, units: readonly UnitMetadata[]): Promise<void> {
    for (const unit of units)
      for (const file of unitFiles(unit)) {
        const artifact = unit.artifacts.find(({ path: one }) => one === file);
        if (artifact === undefined) await this.#bringFile(run, file);
        else this.#standIn(run, artifact);
      }
  }

  async bringDirectories(run: string, units: readonly UnitMetadata[]): Promise<void> {
    for (const unit of units) {
      const isSealed = unit.sealed_to !== undefined;
      for (const file of unitFiles(unit)) {
        const artifact = unit.artifacts.find(({ path: one }) => one === file);
        if (artifact === undefined) await this.#bringFile(run, file);
        else if (typeof unit["files_list"] === "string" && !isSealed) continue;
        else if (artifact.media_type === "application/zip" && !isSealed) await this.#bringDirectory(run, artifact);
        else if (artifact.entries === undefined && !isSealed) this.#standIn(run, artifact);
        else await this.#bringFile(run, file);
      }
    }
  }

  async bringEntries(run: string, artifact: string, entries: readonly BytePath[]): Promise<void> {
    const zip = this.#zips.get(this.#pathOf(run, artifact));
    if (zip !== undefined) return await zip.fetch(entries);
    if (this.partial.delete(artifact)) rmSync(this.#pathOf(run, artifact));
    await this.#bringFile(run, artifact);
  }

  /** Sends the evidence that this command has kept, so that it proves the run there. A refusal is reported: it stays here. */
  async sendEvidence(): Promise<void> {
    const files = await evidenceOf(this.path, this.#signal);
    const fresh = files.filter((file) => !this.#evidence.has(identityOf(file)));
    if (fresh.length === 0) return;
    try {
      await this.#target.sendEvidence(fresh);
    } catch (error) {
      this.#signal.throwIfAborted();
      const { message } = asHoldfastError(error, "E_REMOTE");
      this.#onNote(
        `the evidence is in ${path.join(this.path, "evidence")} alone; the target did not take it: ${message}`,
      );
    }
  }

  /** Removes what was brought, and closes the target. */
  async close(): Promise<void> {
    for (const file of this.#brought) rmSync(file, { force: true });
    this.#brought.clear();
    await this.#target.close();
  }

  async #bringFile(run: string, file: string): Promise<void> {
    const { path: local, isNew } = await this.#documents.fetchFile(runOf(file) ?? run, ownName(file));
    if (isNew) this.#brought.add(local);
  }

  async #bringDirectory(run: string, artifact: Artifact): Promise<void> {
    const file = this.#pathOf(run, artifact.path);
    if (this.#zips.has(file)) return;
    mkdirSync(path.dirname(file), { recursive: true, mode: 0o700 });
    rmSync(file, { force: true });
    this.#brought.add(file);
    const reader = await this.#documents.reader(runOf(artifact.path) ?? run);
    const read = async (range: { start: number; end: number }) => await reader.open(ownName(artifact.path), range);
    this.#zips.set(file, await PartialZip.open(file, artifact.size_bytes, read, this.#signal));
    this.partial.add(artifact.path);
  }

  /** Makes an empty file of the artifact's size, for what looks at no more than that. */
  #standIn(run: string, artifact: Artifact): void {
    const file = this.#pathOf(run, artifact.path);
    if (this.partial.has(artifact.path)) return;
    mkdirSync(path.dirname(file), { recursive: true, mode: 0o700 });
    const fd = openSync(file, "w", 0o600);
    ftruncateSync(fd, artifact.size_bytes);
    closeSync(fd);
    this.#brought.add(file);
    this.partial.add(artifact.path);
  }

  #pathOf = (run: string, file: string): string => pathIn(runDirectory(this.path, runOf(file) ?? run), ownName(file));
}
