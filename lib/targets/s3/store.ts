/** Objects in a bucket of S3, below a prefix. */
import type { Readable } from "node:stream";
import type { S3TargetSettings } from "../../config/settings/targets/s3.ts";
import { HoldfastError } from "../../errors.ts";
import { streamRegular } from "../../archive/files/regular-file.ts";
import type { Capabilities } from "../core/capabilities.ts";
import type { Content, ObjectFacts, ObjectStore, PutOptions, PutResult } from "../core/object-store.ts";
import type { ByteRange } from "../core/target.ts";
import type { S3Api, S3Listed, S3Lock } from "./api.ts";
import { isRefusal, remotely } from "./failure.ts";
import { LARGEST_PUT, uploadParts } from "./multipart.ts";
import { probeBucket } from "./probe.ts";
import { retried } from "./retry.ts";
import type { UploadStates } from "./upload-state.ts";

const DAY_MS = 24 * 60 * 60 * 1000;
/** After this time an upload that was cut is given up. */
const UPLOAD_DAYS = 7;

export interface S3StoreOptions {
  readonly api: S3Api;
  readonly settings: S3TargetSettings;
  /** Before all keys: empty, or ends with a slash. */
  readonly prefix: string;
  readonly address: string;
  readonly states: UploadStates;
  readonly signal: AbortSignal;
  readonly meter: (input: Readable) => Readable;
  readonly capabilities: Capabilities | undefined;
}

export class S3ObjectStore implements ObjectStore {
  readonly address: string;
  capabilities: Capabilities | undefined;
  readonly #options: S3StoreOptions;
  readonly #api: S3Api;
  #swept = false;

  constructor(options: S3StoreOptions) {
    this.#options = options;
    this.#api = options.api;
    this.address = options.address;
    this.capabilities = options.capabilities;
  }

  async probe(): Promise<Capabilities> {
    const { prefix, settings } = this.#options;
    this.capabilities = await this.#do(async () => await probeBucket(this.#api, prefix, settings.object_lock?.mode));
    return this.capabilities;
  }

  async has(key: string, version?: string): Promise<ObjectFacts | undefined> {
    return await this.#do(async () => {
      try {
        return { key, ...(await this.#api.head(this.#key(key), version)) };
      } catch (error) {
        // Who may not list is not told that an object is missing.
        const isMissing = isRefusal(error, ...(this.capabilities?.can_list === true ? [404] : [403, 404]));
        if (isMissing) return undefined;
        throw error;
      }
    });
  }

  async put(key: string, content: Content, { create }: PutOptions): Promise<PutResult> {
    const { signal } = this.#options;
    const lock = this.#lock();
    const { if_none_match, if_none_match_versioned, checksum_sha256 } = this.capabilities ?? {};
    const ifNoneMatch = create && (if_none_match === true || if_none_match_versioned === true);
    const declares = checksum_sha256 === true;
    try {
      return await this.#do(async () => {
        const { source, size, sha256 } = content;
        if ("file" in source && size > LARGEST_PUT) {
          const request = { key: this.#key(key), file: source.file, size, sha256, lock, declares, ifNoneMatch };
          const sent = await uploadParts(request, await this.#multipartTools());
          // The checksum of an upload in parts is one of its parts' digests.
          return { written: true, declared: false, ...sent };
        }
        const body = { open: () => this.#open(source), size, sha256 };
        // A lock needs a checksum of the content, also where none is returned.
        const declare = declares || lock !== undefined ? sha256 : undefined;
        const { version } = await retried(
          signal,
          async () => await this.#api.put(this.#key(key), body, { ifNoneMatch, declare, lock }),
        );
        return { written: true, version, declared: declares, lockedUntil: lock?.until };
      });
    } catch (error) {
      if (ifNoneMatch && error instanceof HoldfastError && isRefusal(error.cause, 409, 412))
        return { written: false, version: null, declared: false, lockedUntil: undefined };
      throw error;
    }
  }

  async get(
    key: string,
    options: { readonly version?: string | undefined; readonly range?: ByteRange } = {},
  ): Promise<Readable> {
    try {
      const body = await this.#do(async () => await this.#api.get(this.#key(key), options));
      return this.#options.meter(body);
    } catch (error) {
      if (error instanceof HoldfastError && isRefusal(error.cause, 404))
        throw new HoldfastError("E_MISSING", `${this.address} has no ${key}`, { cause: error });
      throw error;
    }
  }

  async *list(prefix: string): AsyncGenerator<ObjectFacts> {
    const found = this.#api.list(this.#key(prefix))[Symbol.asyncIterator]();
    for (;;) {
      const next = await this.#do(async () => await found.next());
      if (next.done === true) return;
      yield this.#facts(next.value);
    }
  }

  async versions(key: string): Promise<ObjectFacts[]> {
    return (await this.#versionsOf(key)).filter((one) => !one.isDeleteMarker).map((one) => this.#facts(one));
  }

  async remove(key: string): Promise<string | undefined> {
    for (const { version } of await this.#versionsOf(key)) {
      try {
        await this.#do(async () => await this.#api.remove(this.#key(key), version ?? undefined));
      } catch (error) {
        const until = await this.#lockOf(key, version);
        if (until === undefined) throw error;
        return `it is locked until ${until.toISOString()}`;
      }
    }
    return undefined;
  }

  lockUntil(): Date | undefined {
    return this.#lock()?.until;
  }

  async extendLock(key: string, version: string | undefined, until: Date): Promise<void> {
    const mode = this.#options.settings.object_lock?.mode ?? "compliance";
    await this.#do(async () => await this.#api.setLock(this.#key(key), version, { mode, until }));
  }

  close(): Promise<void> {
    this.#api.close();
    return Promise.resolve();
  }

  #key(key: string): string {
    return this.#options.prefix + key;
  }

  #facts({ key, size, modified, version }: S3Listed): ObjectFacts {
    const relative = key.slice(this.#options.prefix.length);
    return { key: relative, size, modified, version, sha256: undefined, lockedUntil: undefined };
  }

  #lock(): S3Lock | undefined {
    const lock = this.#options.settings.object_lock;
    if (lock === undefined) return undefined;
    return { mode: lock.mode, until: new Date(Date.now() + lock.days * DAY_MS) };
  }

  #open(source: Content["source"]): Readable | Buffer {
    if ("bytes" in source) return source.bytes;
    return this.#options.meter(streamRegular(source.file, "E_VERIFY"));
  }

  async #do<T>(work: () => Promise<T>): Promise<T> {
    return await remotely(this.address, this.#options.signal, work);
  }

  /** Versions and delete markers, newest first. */
  async #versionsOf(key: string): Promise<S3Listed[]> {
    return await this.#do(async () => {
      const found: S3Listed[] = [];
      for await (const one of this.#api.versions(this.#key(key))) if (one.key === this.#key(key)) found.push(one);
      return found;
    });
  }

  async #lockOf(key: string, version: string | null): Promise<Date | undefined> {
    try {
      const until = await this.#api.lockedUntil(this.#key(key), version ?? undefined);
      return until !== undefined && until > new Date() ? until : undefined;
    } catch {
      return undefined; // a bucket without locks
    }
  }

  async #multipartTools() {
    const { api, states, signal, meter } = this.#options;
    await this.#giveUpOldUploads();
    return { api, states, signal, meter, listsParts: this.capabilities?.multipart_list === true };
  }

  /** Once: parts of uploads that nobody goes on with cost money. */
  async #giveUpOldUploads(): Promise<void> {
    if (this.#swept) return;
    this.#swept = true;
    const { api, states } = this.#options;
    for (const { key, upload_id, sha256 } of states.olderThan(new Date(Date.now() - UPLOAD_DAYS * DAY_MS))) {
      try {
        await api.abortUpload(key, upload_id);
      } catch (error) {
        if (!isRefusal(error, 403, 404)) throw error; // the bucket's own rule has removed it, or will
      }
      states.remove(sha256);
    }
  }
}
