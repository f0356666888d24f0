/** Copies runs of a store with their units opened, under plain names. */
import { constants, copyFileSync, mkdirSync, rmSync, writeFileSync } from "node:fs";
import path from "node:path";
import { HoldfastError } from "../../errors.ts";
import type { SealProgram } from "../../model/seal.ts";
import { metadataSchema, STEP_NAMES, type Artifact, type UnitMetadata } from "../../model/unit.ts";
import { forEachParallel } from "../../store/files/for-each-parallel.ts";
import { hashFile } from "../../store/files/hash.ts";
import { formatJson, readDocument } from "../../store/files/json-documents.ts";
import { readSums, SUMS_FILE } from "../../store/run/checksums.ts";
import { listMetadata, unitFiles } from "../../store/run/step-index.ts";
import { sealOf, smallestSealed, withoutSeal } from "../../store/seal/names.ts";
import { plainNames, withPlainNames } from "../../store/seal/plain-names.ts";
import { ownName, runOf, runsOf } from "../runs/borrowed-units.ts";
import { namesIn, unpackNames } from "./names.ts";
import type { Opener } from "./opener.ts";

/** Units that are opened at the same time. */
const AT_ONCE = 2;

export const isSealed = ({ sealed_to }: Pick<UnitMetadata, "sealed_to">): boolean => sealed_to !== undefined;

export class Copier {
  readonly #from: string;
  readonly #to: string;
  readonly #signal: AbortSignal;
  readonly #opener: (program: SealProgram) => Promise<Opener>;
  /** The whole metadata of units whose names are sealed, by run, step and unit. */
  readonly #whole = new Map<string, UnitMetadata>();

  constructor(from: string, to: string, signal: AbortSignal, opener: (program: SealProgram) => Promise<Opener>) {
    this.#from = from;
    this.#to = to;
    this.#signal = signal;
    this.#opener = opener;
  }

  /** Opens the smallest artifact: a wrong identity is known before anything large is read. */
  async tryKey(run: string, units: readonly UnitMetadata[]): Promise<void> {
    const smallest = smallestSealed(units);
    const program = smallest === undefined ? undefined : sealOf(smallest.path);
    if (smallest === undefined || program === undefined) return;
    const tried = path.join(this.#to, "tried");
    mkdirSync(this.#to, { recursive: true });
    await (await this.#opener(program)).open(path.join(this.#from, run, smallest.path), tried);
  }

  /** Returns the whole metadata of a copied unit, which `run` may have borrowed. */
  whole(run: string, unit: UnitMetadata): UnitMetadata {
    const whole = this.#whole.get(keyOf(runOf(unit.artifacts[0]?.path ?? "") ?? run, unit));
    if (whole === undefined) return unit;
    const { has_sealed_names: _, ...readable } = unit;
    return { ...whole, ...readable, project: whole.project, warnings: whole.warnings };
  }

  /** Copies the documents of the run, and of the others that units come from, and opens the units. */
  async copy(run: string, units: readonly UnitMetadata[]): Promise<void> {
    for (const one of new Set([run, ...runsOf(units)])) {
      const sums = readSums(path.join(this.#from, one));
      if (sums === undefined)
        throw new HoldfastError("E_VERIFY", `SHA256SUMS of the run ${one} is missing or malformed`);
      const written = new Map<string, string>();
      const sealed = new Set<string>();
      const names = namesIn(sums);
      if (names !== undefined) sealed.add(names.stored);
      for (const metadata of this.#metadataOf(one)) for (const file of sealedFiles(metadata)) sealed.add(file);
      for (const [file, sha256] of sums) {
        if (sealed.has(file)) continue;
        this.#signal.throwIfAborted();
        await this.#copyFile(one, file, sha256);
        written.set(file, sha256);
      }
      if (names !== undefined)
        for (const [file, sha256] of await this.#openNames(one, names, sums)) written.set(file, sha256);
      const own = units.filter(({ artifacts }) => (runOf(artifacts[0]?.path ?? "") ?? run) === one);
      await forEachParallel(own.flatMap(filesToOpen), AT_ONCE, async (file) => {
        written.set(...(await this.#open(one, file, sums)));
      });
      for (const [file, metadata] of this.#plainMetadata(one)) {
        const text = formatJson(metadata);
        writeFileSync(path.join(this.#to, one, file), text);
        written.set(file, (await hashFile(path.join(this.#to, one, file), this.#signal)).sha256);
      }
      const lines = [...written]
        .toSorted(([a], [b]) => (a < b ? -1 : 1))
        .map(([file, sha256]) => `${sha256}  ${file}\n`);
      writeFileSync(path.join(this.#to, one, SUMS_FILE), lines.join(""));
    }
  }

  async #copyFile(run: string, file: string, sha256: string): Promise<void> {
    const [from, to] = [path.join(this.#from, run, file), path.join(this.#to, run, file)];
    mkdirSync(path.dirname(to), { recursive: true, mode: 0o700 });
    copyFileSync(from, to, constants.COPYFILE_EXCL | constants.COPYFILE_FICLONE);
    if ((await hashFile(to, this.#signal)).sha256 !== sha256)
      throw new HoldfastError("E_VERIFY", `the run is damaged: ${run}/${file} differs from SHA256SUMS`);
  }

  /** Opens the documents that name files and people. Returns the digest of each, by file. */
  async #openNames(run: string, names: Pick<FileToOpen, "stored" | "program">, sums: ReadonlyMap<string, string>) {
    const name = `${withoutSeal(names.stored)}.tgz`;
    await this.#open(run, { ...names, name, sha256: undefined, plain: undefined }, sums);
    const archive = path.join(this.#to, run, name);
    const { written, units } = await unpackNames(archive, path.join(this.#to, run), sums, this.#signal);
    rmSync(archive);
    for (const unit of units) this.#whole.set(keyOf(run, unit), unit);
    return written;
  }

  async #open(run: string, file: FileToOpen, sums: ReadonlyMap<string, string>): Promise<[string, string]> {
    const [from, to] = [path.join(this.#from, run, file.stored), path.join(this.#to, run, file.name)];
    const found = await hashFile(from, this.#signal);
    const differs = [sums.get(file.stored), file.sha256 ?? found.sha256].some((sha256) => sha256 !== found.sha256);
    if (differs)
      throw new HoldfastError("E_VERIFY", `the run is damaged: ${run}/${file.stored} differs from SHA256SUMS`);
    mkdirSync(path.dirname(to), { recursive: true, mode: 0o700 });
    await (await this.#opener(file.program)).open(from, to);
    const opened = await hashFile(to, this.#signal);
    if (file.plain !== undefined && (opened.sha256 !== file.plain.sha256 || opened.size !== file.plain.size_bytes))
      throw new HoldfastError("E_VERIFY", `${run}/${file.stored} opens to other content than was recorded`);
    return [file.name, opened.sha256];
  }

  *#metadataOf(run: string): Generator<UnitMetadata> {
    for (const step of STEP_NAMES)
      for (const file of listMetadata(path.join(this.#from, run), step))
        yield readDocument(path.join(this.#from, run, file), metadataSchema);
  }

  *#plainMetadata(run: string): Generator<[string, UnitMetadata]> {
    for (const step of STEP_NAMES)
      for (const file of listMetadata(path.join(this.#to, run), step)) {
        const metadata = readDocument(path.join(this.#to, run, file), metadataSchema);
        if (isSealed(metadata)) yield [file, withPlainNames(metadata)];
      }
  }
}

const keyOf = (run: string, { step, unit }: Pick<UnitMetadata, "step" | "unit">): string =>
  JSON.stringify([run, step, unit]);

/** The files of a unit that are sealed, relative to its run. */
const sealedFiles = (unit: UnitMetadata): string[] => filesToOpen(unit).map(({ stored }) => stored);

interface FileToOpen {
  readonly stored: string;
  readonly name: string;
  readonly program: SealProgram;
  readonly sha256: string | undefined;
  readonly plain: Artifact["plain"];
}

function filesToOpen(unit: UnitMetadata): FileToOpen[] {
  if (!isSealed(unit)) return [];
  const names = plainNames(unit);
  return unitFiles(unit).flatMap((file) => {
    const program = sealOf(file);
    const name = names.get(file);
    if (program === undefined || name === undefined) return [];
    const artifact = unit.artifacts.find((one) => one.path === file);
    return [{ stored: ownName(file), name: ownName(name), program, sha256: artifact?.sha256, plain: artifact?.plain }];
  });
}
