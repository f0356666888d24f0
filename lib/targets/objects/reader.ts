/**
 * Reads a run from objects. What SHA256SUMS says decides; receipts and `objects.tsv` only say where to look first: the
 * recorded version, else the newest whose digest fits. So an overwritten object hides nothing where there are versions.
 */
import type { Readable } from "node:stream";
import { HoldfastError } from "../../errors.ts";
import { MOST_LIST } from "../../archive/limits.ts";
import { parseSums, SIGNATURE_FILE, SUMS_FILE } from "../../store/run/checksums.ts";
import { checked } from "../core/checked-stream.ts";
import { hashStream } from "../core/content.ts";
import type { ObjectFacts } from "../core/object-store.ts";
import type { ByteRange, RunReader } from "../core/target.ts";
import { documentKey, objectKey, OBJECTS_FILE, parseObjects, type ObjectLine } from "./keys.ts";
import { readObject, receiptOf, type Layout } from "./layout.ts";

/** Opens a run. Throws `E_RUN_UNKNOWN` if it has no SHA256SUMS, `E_VERIFY` if that is malformed. */
export async function openReader(run: string, layout: Layout): Promise<ObjectReader> {
  const receipt = receiptOf(layout, run);
  const recorded = new Map((receipt?.files ?? []).map(({ key, version_id }) => [key, version_id ?? undefined]));
  const read = async (name: string): Promise<Buffer | undefined> => {
    const key = documentKey(run, name);
    for (const version of new Set([recorded.get(key), undefined])) {
      const found = await readObject(layout, key, MOST_LIST, version);
      if (found !== undefined) return found;
    }
    return undefined;
  };
  const sums = await read(SUMS_FILE);
  if (sums === undefined) throw new HoldfastError("E_RUN_UNKNOWN", `${layout.objects.address} has no run ${run}`);
  const digests = parseSums(sums.toString("utf8"));
  if (digests === undefined)
    throw new HoldfastError("E_VERIFY", `${run}/${SUMS_FILE} at ${layout.objects.address} is malformed`);
  const map = await read(OBJECTS_FILE);
  const lines = map === undefined ? [] : parseObjects(map.toString("utf8"));
  return new ObjectReader({ run, sums, signature: await read(SIGNATURE_FILE), digests, lines, recorded, layout });
}

interface ReaderParts {
  readonly run: string;
  readonly sums: Buffer;
  readonly signature: Buffer | undefined;
  readonly digests: ReadonlyMap<string, string>;
  readonly lines: readonly ObjectLine[];
  /** Versions by key, of the receipt. */
  readonly recorded: ReadonlyMap<string, string | undefined>;
  readonly layout: Layout;
}

export class ObjectReader implements RunReader {
  readonly run: string;
  readonly sums: Buffer;
  readonly signature: Buffer | undefined;
  readonly digests: ReadonlyMap<string, string>;
  readonly #layout: Layout;
  readonly #recorded: ReadonlyMap<string, string | undefined>;
  readonly #lines: ReadonlyMap<string, ObjectLine>;
  /** Versions that were chosen, by path. */
  readonly #chosen = new Map<string, Promise<string | undefined>>();

  constructor({ run, sums, signature, digests, lines, recorded, layout }: ReaderParts) {
    this.run = run;
    this.sums = sums;
    this.signature = signature;
    this.digests = digests;
    this.#layout = layout;
    this.#recorded = recorded;
    this.#lines = new Map(lines.map((line) => [line.path, line]));
  }

  /** Returns the key of a file. Throws `E_MISSING` for a path that the run does not have. */
  keyOf(path: string): string {
    const sha256 = this.#digestOf(path);
    return this.#lines.has(path) ? objectKey(sha256, path) : documentKey(this.run, path);
  }

  async open(path: string, range?: ByteRange): Promise<Readable> {
    const sha256 = this.#digestOf(path);
    const key = this.keyOf(path);
    let chosen = this.#chosen.get(path);
    if (chosen === undefined) this.#chosen.set(path, (chosen = this.#choose(path, key, sha256)));
    const version = await chosen;
    const { objects, context } = this.#layout;
    if (range !== undefined) return await objects.get(key, { version, range });
    return checked(await objects.get(key, { version }), `${key} at ${objects.address}`, sha256, context.signal);
  }

  #digestOf(path: string): string {
    const sha256 = this.digests.get(path);
    if (sha256 !== undefined) return sha256;
    throw new HoldfastError("E_MISSING", `the run ${this.run} has no ${path}`);
  }

  /** Chooses the version to read; without versions the object as it is. */
  async #choose(path: string, key: string, sha256: string): Promise<string | undefined> {
    const { objects } = this.#layout;
    const recorded = this.#recorded.get(key) ?? this.#lines.get(path)?.version ?? undefined;
    if (recorded !== undefined && (await objects.has(key, recorded)) !== undefined) return recorded;
    const versions = await objects.versions(key).catch((): ObjectFacts[] => []); // no right to list them
    if (versions.length < 2) return versions[0]?.version ?? undefined;
    for (const { version } of versions) {
      const found = await hashStream(
        await objects.get(key, { version: version ?? undefined }),
        this.#layout.context.signal,
      );
      if (found.sha256 === sha256) return version ?? undefined;
    }
    throw new HoldfastError("E_VERIFY", `no version of ${key} at ${objects.address} has the sha256 ${sha256}`);
  }
}
