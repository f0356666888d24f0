/** Objects on a remote of rclone. A file is sent by rclone's own copy, which compares it afterwards. */
import { randomUUID } from "node:crypto";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { Readable } from "node:stream";
import { text } from "node:stream/consumers";
import * as z from "zod";
import { HoldfastError } from "../../errors.ts";
import { hashFile } from "../../store/files/hash.ts";
import type { Capabilities } from "../core/capabilities.ts";
import { textContent } from "../core/content.ts";
import type { Content, ObjectFacts, ObjectStore, PutOptions, PutResult } from "../core/object-store.ts";
import type { ByteRange } from "../core/target.ts";
import type { RcloneDaemon } from "./daemon.ts";

const itemSchema = z.object({
  Path: z.string(),
  Size: z.number(),
  ModTime: z.string(),
  IsDir: z.boolean(),
  Hashes: z.record(z.string(), z.string()).optional(),
});
type Item = z.infer<typeof itemSchema>;
const statSchema = z.object({ item: itemSchema.nullable() });
const listSchema = z.object({ list: z.array(itemSchema) });

const featuresSchema = z.object({
  Hashes: z.array(z.string()).nullable(),
  Features: z.record(z.string(), z.boolean()),
});

interface Parts {
  readonly rclone: RcloneDaemon;
  readonly capabilities: Capabilities | undefined;
  readonly signal: AbortSignal;
  readonly onBytes: (bytes: number) => void;
}

export class RcloneObjectStore implements ObjectStore {
  readonly #rclone: RcloneDaemon;
  readonly #signal: AbortSignal;
  readonly #onBytes: (bytes: number) => void;
  #capabilities: Capabilities | undefined;
  #hashOptions: Promise<object> | undefined;

  constructor({ rclone, capabilities, signal, onBytes }: Parts) {
    this.#rclone = rclone;
    this.#capabilities = capabilities;
    this.#signal = signal;
    this.#onBytes = onBytes;
  }

  get address(): string {
    return this.#rclone.address;
  }

  get capabilities(): Capabilities | undefined {
    return this.#capabilities;
  }

  async probe(): Promise<Capabilities> {
    const key = `probe/${randomUUID()}`;
    await this.put(key, textContent(key), { create: true });
    const found = await this.has(key);
    let isListed = false;
    for await (const facts of this.list("probe/")) isListed ||= facts.key === key;
    const canRead = found !== undefined && (await this.#reads(key));
    const canDelete = await this.remove(key).then(
      () => true,
      () => false,
    );
    this.#capabilities = {
      signed_payload: null,
      if_none_match: null,
      if_none_match_versioned: null,
      checksum_sha256: "showHash" in (await this.#hashes()),
      multipart_list: null,
      object_lock: null,
      lock_extend: null,
      can_read: canRead,
      can_list: isListed,
      can_delete: canDelete,
      owner: null,
    };
    return this.#capabilities;
  }

  async has(key: string): Promise<ObjectFacts | undefined> {
    const opt = { noMimeType: true, ...(await this.#hashes()) };
    const answer = await this.#rclone.find("operations/stat", { fs: this.#rclone.remote, remote: key, opt });
    const item = answer === undefined ? null : parsed(answer, statSchema, this.address).item;
    return item === null || item.IsDir ? undefined : factsOf(item);
  }

  async put(key: string, { source, size, sha256 }: Content, { create }: PutOptions): Promise<PutResult> {
    const there = { version: null, lockedUntil: undefined, declared: false };
    if (create && (await this.has(key)) !== undefined) return { ...there, written: false };
    if ("bytes" in source) await this.#putBytes(key, source.bytes, create);
    else {
      if ((await hashFile(source.file, this.#signal)).sha256 !== sha256)
        throw new HoldfastError("E_VERIFY", `${source.file} does not have the recorded sha256 ${sha256}`);
      await this.#copy(source.file, key, create);
    }
    this.#onBytes(size);
    return { ...there, written: true };
  }

  async get(key: string, { range }: { readonly range?: ByteRange } = {}): Promise<Readable> {
    const response = await this.#rclone.read(key, range);
    if (response === undefined) throw new HoldfastError("E_MISSING", `${this.address} has no ${key}`);
    return Readable.from(this.#counted(response));
  }

  async *#counted(content: Readable): AsyncGenerator<Buffer> {
    for await (const chunk of content as AsyncIterable<Buffer>) {
      this.#onBytes(chunk.length);
      yield chunk;
    }
  }

  async *list(prefix: string): AsyncIterable<ObjectFacts> {
    const opt = { recurse: true, filesOnly: true, noMimeType: true };
    const remote = prefix.replace(/\/$/, "");
    const answer = await this.#rclone.find("operations/list", { fs: this.#rclone.remote, remote, opt });
    if (answer === undefined) return;
    for (const item of parsed(answer, listSchema, this.address).list) yield factsOf(item);
  }

  async versions(key: string): Promise<ObjectFacts[]> {
    const found = await this.has(key);
    return found === undefined ? [] : [found];
  }

  async remove(key: string): Promise<string | undefined> {
    await this.#rclone.call("operations/deletefile", { fs: this.#rclone.remote, remote: key });
    return undefined;
  }

  lockUntil(): Date | undefined {
    return undefined;
  }

  async extendLock(key: string): Promise<void> {
    await Promise.reject(new HoldfastError("E_REMOTE", `${this.address}: ${key} has no lock`));
  }

  async close(): Promise<void> {
    await this.#rclone.close();
  }

  async #putBytes(key: string, bytes: Buffer, create: boolean): Promise<void> {
    const directory = await mkdtemp(path.join(tmpdir(), "holdfast-rclone-"));
    try {
      const file = path.join(directory, "content");
      await writeFile(file, bytes);
      await this.#copy(file, key, create);
    } finally {
      await rm(directory, { recursive: true, force: true });
    }
  }

  /**
   * Copies a file to an object. `Immutable` alone does not keep rclone 1.60 from replacing an object, so that
   * `IgnoreExisting` does; without them, an object of the same size and time is replaced as well.
   */
  async #copy(file: string, key: string, create: boolean): Promise<void> {
    await this.#rclone.call("operations/copyfile", {
      srcFs: path.dirname(file),
      srcRemote: path.basename(file),
      dstFs: this.#rclone.remote,
      dstRemote: key,
      _config: create ? { Immutable: true, IgnoreExisting: true } : { IgnoreTimes: true },
    });
  }

  async #reads(key: string): Promise<boolean> {
    try {
      return (await text(await this.get(key))) === key;
    } catch {
      return false; // no right to
    }
  }

  /** Returns the options that have a listing show the sha256, where the remote keeps it: others would read the object. */
  async #hashes(): Promise<object> {
    this.#hashOptions ??= (async () => {
      const answer = await this.#rclone.call("operations/fsinfo", { fs: this.#rclone.remote });
      const { Hashes, Features } = parsed(answer, featuresSchema, this.address);
      const isKept = Hashes?.includes("sha256") === true && Features["SlowHash"] !== true;
      return isKept ? { showHash: true, hashTypes: ["sha256"] } : {};
    })();
    return await this.#hashOptions;
  }
}

function factsOf({ Path, Size, ModTime, Hashes }: Item): ObjectFacts {
  const modified = new Date(ModTime);
  const sha256 = Hashes?.["sha256"];
  return {
    key: Path,
    size: Size,
    modified: Number.isNaN(modified.getTime()) ? undefined : modified,
    version: null,
    sha256: sha256 === "" ? undefined : sha256,
    lockedUntil: undefined,
  };
}

function parsed<T>(answer: unknown, schema: z.ZodType<T>, address: string): T {
  const { data, error } = schema.safeParse(answer);
  if (error !== undefined)
    throw new HoldfastError("E_REMOTE", `${address}: the answer of rclone cannot be read`, { cause: error });
  return data;
}
