/**
 * Pushes a run: artifacts, then documents, then the map of objects, then the signature and SHA256SUMS. A run exists when its
 * SHA256SUMS does, so the signature goes before it. Each file that was acknowledged is in the journal at once.
 */
import { readFileSync } from "node:fs";
import path from "node:path";
import { HoldfastError } from "../../errors.ts";
import { storeSchema } from "../../model/run.ts";
import { FORMAT_VERSION } from "../../model/unit.ts";
import { forEachParallel } from "../../store/files/for-each-parallel.ts";
import { formatJson } from "../../store/files/json-documents.ts";
import { SUMS_FILE } from "../../store/run/checksums.ts";
import { digestOf, fileContent, hashStream, textContent } from "../core/content.ts";
import type { LocalFile, LocalRun } from "../core/local-run.ts";
import type { Content } from "../core/object-store.ts";
import { writeReceipt } from "../core/receipts.ts";
import type { ReceivedFile, Receipt } from "../core/receipt.ts";
import { PushJournal } from "./journal.ts";
import { documentKey, formatObjects, objectKey, OBJECTS_FILE, OBJECTS_PREFIX, receiptKey, STORE_KEY } from "./keys.ts";
import { findKnownFiles } from "./known-files.ts";
import { allows, listed, readObject, receiptOf, receiptsOf, type Layout } from "./layout.ts";

const AT_ONCE = 4;
const MOST_STORE_BYTES = 64 * 1024;

/** Pushes a run, or returns the receipt of one that is there; its `sent` then counts nothing. */
export async function pushRun(run: LocalRun, layout: Layout): Promise<Receipt> {
  const receipt = receiptOf(layout, run.run);
  if (receipt !== undefined && receipt.sums_sha256 !== run.sums.sha256) throw anotherRun(run, layout);
  if (receipt !== undefined && (await isConfirmed(run, receipt, layout)))
    return { ...receipt, sent: { files: 0, bytes: 0 } };
  return await new Push(run, layout).run();
}

/** Checks that the SHA256SUMS of a pushed run is still there, where that is allowed. */
async function isConfirmed({ run }: LocalRun, receipt: Receipt, layout: Layout): Promise<boolean> {
  const key = documentKey(run, SUMS_FILE);
  if (allows(layout, "can_read")) {
    const recorded = receipt.files.find((file) => file.key === key);
    return (await layout.objects.has(key, recorded?.version_id ?? undefined)) !== undefined;
  }
  return !allows(layout, "can_list") || (await listed(layout, key)).has(key);
}

const anotherRun = ({ run }: LocalRun, { objects }: Layout): HoldfastError =>
  new HoldfastError("E_VERIFY", `${objects.address} has another run of the name ${run}: their SHA256SUMS differ`, {
    hint: "verify both: npx tsx scripts/verify.ts, npx tsx scripts/push.ts --verify",
  });

class Push {
  readonly #run: LocalRun;
  readonly #layout: Layout;
  readonly #journal: PushJournal;
  readonly #started = new Date();
  readonly #received: ReceivedFile[] = [];
  readonly #sent = { files: 0, bytes: 0 };

  constructor(run: LocalRun, layout: Layout) {
    this.#run = run;
    this.#layout = layout;
    this.#journal = new PushJournal(layout.context.store, layout.name, run.run);
  }

  async run(): Promise<Receipt> {
    await this.#claimPlace();
    const { artifacts, documents, signature, sums, run } = this.#run;
    const journal = this.#journal.read(this.#layout.objects.address);
    await this.#sendArtifacts(artifacts, journal);
    const there = allows(this.#layout, "can_list") ? await listed(this.#layout, documentKey(run, "")) : undefined;
    const known = new Map(journal.map((file) => [file.key, file]));
    const send = async (file: LocalFile): Promise<void> =>
      await this.#sendDocument(file, known, there === undefined || there.has(documentKey(run, file.path)));
    await forEachParallel(documents, AT_ONCE, send);
    await this.#sendMap();
    if (signature !== undefined) await send(signature);
    await send(sums);
    const receipt = this.#receipt();
    await writeReceipt(this.#layout.context.store, receipt);
    await this.#layout.objects.put(receiptKey(run), textContent(formatJson(receipt)), { create: false });
    this.#journal.remove();
    return receipt;
  }

  /** Refuses a prefix that has the runs of another store, and a run of this name that is another one. */
  async #claimPlace(): Promise<void> {
    const { objects, context } = this.#layout;
    const text = readFileSync(path.join(context.store, STORE_KEY), "utf8");
    if (allows(this.#layout, "can_read")) {
      const theirs = await this.#read(STORE_KEY);
      if (theirs !== undefined) assertSameStore(text, theirs.toString("utf8"), objects.address);
      const sums = await this.#read(documentKey(this.#run.run, SUMS_FILE));
      if (sums !== undefined && digestOf(sums) !== this.#run.sums.sha256) throw anotherRun(this.#run, this.#layout);
      if (theirs !== undefined) return;
    } else if (receiptsOf(this.#layout).length > 0) return;
    await objects.put(STORE_KEY, textContent(text), { create: true });
  }

  async #read(key: string): Promise<Buffer | undefined> {
    return await readObject(this.#layout, key, Math.max(MOST_STORE_BYTES, this.#run.sums.size));
  }

  async #sendArtifacts(artifacts: readonly LocalFile[], journal: readonly ReceivedFile[]): Promise<void> {
    const { received, unknown } = await findKnownFiles(artifacts, journal, this.#layout);
    const paths = new Map<string, LocalFile[]>();
    for (const file of artifacts) {
      const key = objectKey(file.sha256, file.path);
      paths.set(key, [...(paths.get(key) ?? []), file]);
    }
    this.#journal.begin(this.#layout.objects.address, journal);
    await forEachParallel(paths, AT_ONCE, async ([key, files]) => {
      const [file] = files;
      if (file === undefined) return;
      this.#layout.context.signal.throwIfAborted();
      const known = received.get(key) ?? (await this.#sendArtifact(key, file, unknown.has(key)));
      for (const { path: name } of files) this.#acknowledge({ ...known, path: name });
    });
  }

  async #sendArtifact(key: string, file: LocalFile, exists: boolean): Promise<ReceivedFile> {
    const adopted = exists ? await this.#adopt(key, file) : undefined;
    if (adopted !== undefined) return adopted;
    return (await this.#put(key, file, !exists)) ?? (await this.#adopt(key, file)) ?? (await this.#replace(key, file));
  }

  async #sendDocument(file: LocalFile, known: ReadonlyMap<string, ReceivedFile>, mayExist: boolean): Promise<void> {
    const key = documentKey(this.#run.run, file.path);
    const before = known.get(key);
    if (before?.sha256 === file.sha256) {
      this.#received.push(before);
      return;
    }
    const isCareful = mayExist && allows(this.#layout, "can_read");
    const there = isCareful && (await this.#layout.objects.has(key)) !== undefined;
    const sent = there ? undefined : await this.#put(key, file, true);
    const received = sent ?? (await this.#adopt(key, file));
    // What this side may not read it sends again: it is the file of a push that was cut before it was recorded.
    const isUnread = received === undefined && !allows(this.#layout, "can_read");
    const acknowledged = isUnread ? await this.#replace(key, file) : received;
    if (acknowledged === undefined)
      throw new HoldfastError("E_VERIFY", `${this.#layout.objects.address} has another ${key}`, {
        hint: "see who else writes there; npx tsx scripts/push.ts --verify names what differs",
      });
    this.#acknowledge(acknowledged);
  }

  /** It may be replaced: the versions of objects that it names may be newer than those of a push that was cut. */
  async #sendMap(): Promise<void> {
    const artifacts = this.#received.filter(({ key }) => key.startsWith(OBJECTS_PREFIX));
    const lines = artifacts.map(({ sha256, size_bytes, path: name, key, version_id }) => ({
      sha256,
      size: size_bytes,
      path: name,
      key,
      version: version_id,
    }));
    const content = textContent(formatObjects(lines.toSorted((a, b) => (a.path < b.path ? -1 : 1))));
    this.#acknowledge(await this.#write(documentKey(this.#run.run, OBJECTS_FILE), OBJECTS_FILE, content));
  }

  /** Returns undefined if the key exists. */
  async #put(key: string, file: LocalFile, create: boolean): Promise<ReceivedFile | undefined> {
    const result = await this.#layout.objects.put(key, fileContent(file), { create });
    if (!result.written) return undefined;
    return this.#count(key, file.path, file, result);
  }

  async #replace(key: string, file: LocalFile): Promise<ReceivedFile> {
    return await this.#write(key, file.path, fileContent(file));
  }

  async #write(key: string, name: string, content: Content): Promise<ReceivedFile> {
    return this.#count(key, name, content, await this.#layout.objects.put(key, content, { create: false }));
  }

  #count(
    key: string,
    name: string,
    { sha256, size }: Pick<LocalFile, "sha256" | "size">,
    result: { readonly version: string | null; readonly declared: boolean; readonly lockedUntil: Date | undefined },
  ): ReceivedFile {
    this.#sent.files++;
    this.#sent.bytes += size;
    return {
      path: name,
      sha256,
      size_bytes: size,
      key,
      version_id: result.version,
      locked_until: result.lockedUntil?.toISOString() ?? null,
      declared: result.declared,
    };
  }

  /** Takes over an object that this store has no receipt of, if its content is right; undefined if it is not. */
  async #adopt(key: string, { path: name, sha256, size }: LocalFile): Promise<ReceivedFile | undefined> {
    const { objects, context } = this.#layout;
    if (!allows(this.#layout, "can_read")) return undefined;
    const facts = await objects.has(key);
    if (facts?.size !== size) return undefined;
    const version = facts.version ?? undefined;
    const found = facts.sha256 ?? (await hashStream(await objects.get(key, { version }), context.signal)).sha256;
    if (found !== sha256) return undefined;
    return {
      path: name,
      sha256,
      size_bytes: size,
      key,
      version_id: facts.version,
      locked_until: facts.lockedUntil?.toISOString() ?? null,
      declared: facts.sha256 !== undefined,
    };
  }

  #acknowledge(file: ReceivedFile): void {
    this.#received.push(file);
    this.#journal.add(file);
  }

  #receipt(): Receipt {
    const { name, kind, objects } = this.#layout;
    return {
      format: "holdfast-receipt",
      format_version: FORMAT_VERSION,
      target: name,
      kind,
      address: objects.address,
      run: this.#run.run,
      sums_sha256: this.#run.sums.sha256,
      started_at: this.#started.toISOString(),
      finished_at: new Date().toISOString(),
      sent: this.#sent,
      files: this.#received.toSorted((a, b) => (a.path < b.path ? -1 : 1)),
    };
  }
}

function assertSameStore(ours: string, theirs: string, address: string): void {
  const [id, other] = [ours, theirs].map((text) => {
    try {
      return storeSchema.parse(JSON.parse(text)).id;
    } catch {
      return undefined;
    }
  });
  if (id === other) return;
  throw new HoldfastError("E_STORE", `${address} holds the runs of another store, ${other ?? "without an id"}`, {
    hint: "give each store a prefix of its own",
  });
}
