/**
 * Verifies a run on a target: against the run in the store, else the receipt, else the SHA256SUMS there. What the server
 * says of our own documents is never believed: they are read.
 */
import { HoldfastError } from "../../errors.ts";
import { forEachParallel } from "../../store/files/for-each-parallel.ts";
import { parseSums, SIGNATURE_FILE, SUMS_FILE } from "../../store/run/checksums.ts";
import { digestOf, hashStream, readAll } from "../core/content.ts";
import type { ReceivedFile } from "../core/receipt.ts";
import { isDrawn } from "../core/sample.ts";
import type { TargetCheck, VerifyRequest } from "../core/target.ts";
import { MOST_LIST } from "../../archive/limits.ts";
import { documentKey, objectKey, OBJECTS_FILE, parseObjects, type ObjectLine } from "./keys.ts";
import { allows, listed, readObject, receiptOf, type Layout } from "./layout.ts";

const AT_ONCE = 4;

/** Verifies a run. Throws `E_RUN_UNKNOWN` if the target does not have it. */
export async function verifyRun(run: string, request: VerifyRequest, layout: Layout): Promise<TargetCheck> {
  return await new Verification(run, request, layout).run();
}

class Verification {
  readonly #run: string;
  readonly #request: VerifyRequest;
  readonly #layout: Layout;
  /** By key, of the receipt. */
  readonly #recorded: ReadonlyMap<string, ReceivedFile>;
  readonly #expectedSums: string | undefined;
  readonly #problems: { path: string; message: string }[] = [];
  readonly #counts = { documents: 0, declared: 0, read: 0, read_bytes: 0, unread: 0 };

  constructor(run: string, request: VerifyRequest, layout: Layout) {
    this.#run = run;
    this.#request = request;
    this.#layout = layout;
    const receipt = receiptOf(layout, run);
    this.#recorded = new Map((receipt?.files ?? []).map((file) => [file.key, file]));
    this.#expectedSums = request.local?.sums.sha256 ?? receipt?.sums_sha256;
  }

  async run(): Promise<TargetCheck> {
    if (!allows(this.#layout, "can_read"))
      throw new HoldfastError("E_REMOTE", `${this.#layout.objects.address} cannot be read by this side`, {
        hint: "verify it where the credentials may read: on another machine, with --target of the same config",
      });
    const sums = await this.#read(SUMS_FILE);
    if (sums === undefined)
      throw new HoldfastError("E_RUN_UNKNOWN", `${this.#layout.objects.address} has no run ${this.#run}`);
    const digests = await this.#checkSums(sums);
    const lines = await this.#readMap();
    const documents = [...digests].filter(([path]) => !lines.has(path));
    await forEachParallel(documents, AT_ONCE, async ([path, sha256]) => await this.#checkDocument(path, sha256));
    await forEachParallel(
      lines.values(),
      AT_ONCE,
      async (line) => await this.#checkArtifact(line, digests.get(line.path)),
    );
    await this.#checkSignature();
    await this.#checkListing(digests, lines);
    const problems = this.#problems.toSorted((a, b) => (a.path < b.path ? -1 : 1));
    return { run: this.#run, ...this.#counts, problems };
  }

  #fault(path: string, message: string): void {
    this.#problems.push({ path, message });
  }

  /** Reads the newest version of a document, which others would get. */
  async #read(name: string): Promise<Buffer | undefined> {
    return await readObject(this.#layout, documentKey(this.#run, name), MOST_LIST);
  }

  /** Returns the digests to verify by; the recorded SHA256SUMS where the newest is another one. */
  async #checkSums(sums: Buffer): Promise<ReadonlyMap<string, string>> {
    const { local } = this.#request;
    let text = sums.toString("utf8");
    if (this.#expectedSums !== undefined && digestOf(sums) !== this.#expectedSums) {
      this.#fault(SUMS_FILE, `was replaced: it has the sha256 ${digestOf(sums)}, not ${this.#expectedSums}`);
      const original = await this.#recordedSums(this.#expectedSums);
      text = original?.toString("utf8") ?? text;
    }
    const digests = parseSums(text);
    if (digests !== undefined) return digests;
    this.#fault(SUMS_FILE, "is malformed");
    return new Map(
      [...(local?.documents ?? []), ...(local?.artifacts ?? [])].map(({ path, sha256 }) => [path, sha256]),
    );
  }

  /** Returns the version of SHA256SUMS that has this digest, if it is still there. */
  async #recordedSums(sha256: string): Promise<Buffer | undefined> {
    const { objects, context } = this.#layout;
    const key = documentKey(this.#run, SUMS_FILE);
    for (const { version } of await objects.versions(key)) {
      const found = await readAll(
        key,
        await objects.get(key, { version: version ?? undefined }),
        MOST_LIST,
        context.signal,
      );
      if (digestOf(found) === sha256) return found;
    }
    return undefined;
  }

  async #readMap(): Promise<ReadonlyMap<string, ObjectLine>> {
    const text = await this.#read(OBJECTS_FILE);
    try {
      if (text !== undefined) return new Map(parseObjects(text.toString("utf8")).map((line) => [line.path, line]));
      this.#fault(OBJECTS_FILE, "is missing");
    } catch (error) {
      if (!(error instanceof HoldfastError)) throw error;
      this.#fault(OBJECTS_FILE, error.message);
    }
    const { local } = this.#request;
    return new Map(
      (local?.artifacts ?? []).map(({ path, sha256, size }) => [
        path,
        { path, sha256, size, key: objectKey(sha256, path), version: null },
      ]),
    );
  }

  async #checkDocument(path: string, sha256: string): Promise<void> {
    const { objects, context } = this.#layout;
    const key = documentKey(this.#run, path);
    if ((await objects.has(key)) === undefined) return this.#fault(path, "is missing");
    const found = await hashStream(await objects.get(key), context.signal);
    this.#counts.documents++;
    if (found.sha256 !== sha256) this.#fault(path, `has the sha256 ${found.sha256}, not ${sha256}`);
  }

  /** Checks the newest version, which others would get, and that it is the one of the receipt. */
  async #checkArtifact(line: ObjectLine, sha256: string | undefined): Promise<void> {
    const { objects, context } = this.#layout;
    const { path, size } = line;
    if (sha256 === undefined) return this.#fault(path, `is in ${OBJECTS_FILE}, but not in ${SUMS_FILE}`);
    const key = objectKey(sha256, path);
    if (line.key !== key || line.sha256 !== sha256)
      this.#fault(path, `${OBJECTS_FILE} names ${line.key}, but ${SUMS_FILE} the sha256 ${sha256}`);
    const facts = await objects.has(key);
    if (facts === undefined) return this.#fault(path, `its object ${key} is missing`);
    const recorded = this.#recorded.get(key)?.version_id ?? line.version;
    if (recorded !== null && facts.version !== null && facts.version !== recorded)
      this.#fault(path, `its object ${key} was overwritten: the version is ${facts.version}, not ${recorded}`);
    const expected = this.#request.local?.artifacts.find((one) => one.path === path)?.size ?? size;
    if (facts.size !== expected) return this.#fault(path, `its object ${key} has ${facts.size} bytes, not ${expected}`);
    if (facts.sha256 !== undefined) {
      this.#counts.declared++;
      if (facts.sha256 !== sha256) this.#fault(path, `its object ${key} has the sha256 ${facts.sha256}`);
      return;
    }
    if (!isDrawn(this.#request.sample, sha256)) return void this.#counts.unread++;
    const found = await hashStream(await objects.get(key), context.signal);
    this.#counts.read++;
    this.#counts.read_bytes += found.size;
    if (found.sha256 !== sha256) this.#fault(path, `its object ${key} has the sha256 ${found.sha256}, not ${sha256}`);
  }

  async #checkSignature(): Promise<void> {
    const { local } = this.#request;
    const expected = local?.signature?.sha256 ?? this.#recorded.get(documentKey(this.#run, SIGNATURE_FILE))?.sha256;
    const found = await this.#read(SIGNATURE_FILE);
    if (expected === undefined) return;
    if (found === undefined) this.#fault(SIGNATURE_FILE, "is missing");
    else if (digestOf(found) !== expected)
      this.#fault(SIGNATURE_FILE, `has the sha256 ${digestOf(found)}, not ${expected}`);
  }

  /** Finds documents that nobody listed. */
  async #checkListing(digests: ReadonlyMap<string, string>, lines: ReadonlyMap<string, ObjectLine>): Promise<void> {
    if (!allows(this.#layout, "can_list")) return;
    const prefix = documentKey(this.#run, "");
    const ours = new Set([SUMS_FILE, SIGNATURE_FILE, OBJECTS_FILE]);
    for (const key of (await listed(this.#layout, prefix)).keys()) {
      const path = key.slice(prefix.length);
      if (!ours.has(path) && (!digests.has(path) || lines.has(path))) this.#fault(path, `is not in ${SUMS_FILE}`);
    }
  }
}
