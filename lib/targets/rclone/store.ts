/** Objects on a remote of rclone. Each call is a process; a file is sent by `copyto`, which compares it afterwards. */
import { randomUUID } from "node:crypto";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { Readable } from "node:stream";
import * as z from "zod";
import { HoldfastError } from "../../errors.ts";
import { hashFile } from "../../store/files/hash.ts";
import type { Capabilities } from "../core/capabilities.ts";
import { textContent } from "../core/content.ts";
import type { Content, ObjectFacts, ObjectStore, PutOptions, PutResult } from "../core/object-store.ts";
import type { ByteRange } from "../core/target.ts";
import type { Rclone } from "./program.ts";

const itemSchema = z.object({
  Path: z.string(),
  Size: z.number(),
  ModTime: z.string(),
  IsDir: z.boolean(),
  Hashes: z.record(z.string(), z.string()).optional(),
});
type Item = z.infer<typeof itemSchema>;

const featuresSchema = z.object({
  Hashes: z.array(z.string()).nullable(),
  Features: z.record(z.string(), z.boolean()),
});

interface Parts {
  readonly rclone: Rclone;
  readonly capabilities: Capabilities | undefined;
  readonly signal: AbortSignal;
  readonly onBytes: (bytes: number) => void;
}

export class RcloneObjectStore implements ObjectStore {
  readonly #rclone: Rclone;
  readonly #signal: AbortSignal;
  readonly #onBytes: (bytes: number) => void;
  #capabilities: Capabilities | undefined;
  #hashFlags: Promise<readonly string[]> | undefined;

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
      checksum_sha256: (await this.#hashes()).length > 0,
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
    const argv = ["lsjson", "--stat", "--no-mimetype", ...(await this.#hashes()), "--", this.#rclone.at(key)];
    const text = await this.#rclone.find(argv);
    if (text === undefined) return undefined;
    const item = parsed(text, itemSchema, this.address);
    return item.IsDir ? undefined : factsOf(key, item);
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
    // Of a missing object some remotes print nothing, and call it success.
    if ((await this.has(key)) === undefined) throw new HoldfastError("E_MISSING", `${this.address} has no ${key}`);
    const part = range === undefined ? [] : [`--offset=${range.start}`, `--count=${range.end - range.start + 1}`];
    const child = this.#rclone.start(["cat", ...part, "--", this.#rclone.at(key)]);
    child.stdin.end();
    return Readable.from(this.#output(child.stdout, child.done));
  }

  /** Passes the output on; it ends in the program's error, if it has one. */
  async *#output(stdout: Readable, done: Promise<unknown>): AsyncGenerator<Buffer> {
    for await (const chunk of stdout as AsyncIterable<Buffer>) {
      this.#onBytes(chunk.length);
      yield chunk;
    }
    await done;
  }

  async *list(prefix: string): AsyncIterable<ObjectFacts> {
    const argv = ["lsjson", "--recursive", "--files-only", "--no-mimetype", "--", this.#rclone.at(prefix)];
    const text = await this.#rclone.find(argv);
    if (text === undefined) return;
    for (const item of parsed(text, z.array(itemSchema), this.address)) yield factsOf(`${prefix}${item.Path}`, item);
  }

  async versions(key: string): Promise<ObjectFacts[]> {
    const found = await this.has(key);
    return found === undefined ? [] : [found];
  }

  async remove(key: string): Promise<string | undefined> {
    await this.#rclone.run(["deletefile", "--", this.#rclone.at(key)]);
    return undefined;
  }

  lockUntil(): Date | undefined {
    return undefined;
  }

  async extendLock(key: string): Promise<void> {
    await Promise.reject(new HoldfastError("E_REMOTE", `${this.address}: ${key} has no lock`));
  }

  async close(): Promise<void> {
    await Promise.resolve();
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
   * Copies a file to an object. `--immutable` alone does not keep `copyto` of rclone 1.60 from replacing an object, so
   * that `--ignore-existing` does; without them, an object of the same size and time is replaced as well.
   */
  async #copy(file: string, key: string, create: boolean): Promise<void> {
    const how = create ? ["--immutable", "--ignore-existing"] : ["--ignore-times"];
    await this.#rclone.run(["copyto", ...how, "--", file, this.#rclone.at(key)]);
  }

  async #reads(key: string): Promise<boolean> {
    try {
      return (await this.#rclone.run(["cat", "--", this.#rclone.at(key)])) === key;
    } catch {
      return false; // no right to
    }
  }

  /** Returns the flags that have a listing show the sha256, where the remote keeps it: others would read the object. */
  async #hashes(): Promise<readonly string[]> {
    this.#hashFlags ??= (async () => {
      const text = await this.#rclone.run(["backend", "features", this.#rclone.at("")]);
      const { Hashes, Features } = parsed(text, featuresSchema, this.address);
      const isKept = Hashes?.includes("sha256") === true && Features["SlowHash"] !== true;
      return isKept ? ["--hash", "--hash-type", "sha256"] : [];
    })();
    return await this.#hashFlags;
  }
}

function factsOf(key: string, { Size, ModTime, Hashes }: Item): ObjectFacts {
  const modified = new Date(ModTime);
  const sha256 = Hashes?.["sha256"];
  return {
    key,
    size: Size,
    modified: Number.isNaN(modified.getTime()) ? undefined : modified,
    version: null,
    sha256: sha256 === "" ? undefined : sha256,
    lockedUntil: undefined,
  };
}

function parsed<T>(text: string, schema: z.ZodType<T>, address: string): T {
  try {
    return schema.parse(JSON.parse(text));
  } catch (error) {
    throw new HoldfastError("E_REMOTE", `${address}: the answer of rclone cannot be read`, { cause: error });
  }
}
