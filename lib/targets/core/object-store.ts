/** Objects by key: what the content-addressed layout (lib/targets/objects) needs of S3 or of a remote of rclone. */
import type { Readable } from "node:stream";
import type { Capabilities } from "./capabilities.ts";
import type { ByteRange } from "./target.ts";

export interface ObjectStore {
  /** The address for messages: no part of a secret. */
  readonly address: string;
  /** The result of the last probe; undefined before the first. */
  readonly capabilities: Capabilities | undefined;
  /** Tries what it allows and enforces. Throws `E_REMOTE`. */
  probe(): Promise<Capabilities>;
  /** Returns what is known of an object without reading it; undefined if it is missing. Throws `E_REMOTE`. */
  has(key: string, version?: string): Promise<ObjectFacts | undefined>;
  /**
   * Writes an object with exactly this content. Throws `E_VERIFY` if the file does not have its digest, `E_REMOTE` if
   * the store refuses.
   */
  put(key: string, content: Content, options: PutOptions): Promise<PutResult>;
  /** Reads an object, or a range of it. Throws `E_MISSING` if there is none, `E_REMOTE`. */
  get(key: string, options?: { readonly version?: string | undefined; readonly range?: ByteRange }): Promise<Readable>;
  /** Lists objects below a prefix, which ends with a slash; only the newest version of each. Throws `E_REMOTE`. */
  list(prefix: string): AsyncIterable<ObjectFacts>;
  /** Lists all versions of an object, newest first; without versions at most one. Throws `E_REMOTE`. */
  versions(key: string): Promise<ObjectFacts[]>;
  /** Removes an object, all versions of it. Returns why not, if it must stay. Throws `E_REMOTE`. */
  remove(key: string): Promise<string | undefined>;
  /** Returns the end of the lock of new objects; undefined where they are not locked. */
  lockUntil(): Date | undefined;
  /** Extends the lock of an object. Throws `E_REMOTE`, also where objects cannot be locked. */
  extendLock(key: string, version: string | undefined, until: Date): Promise<void>;
  close(): Promise<void>;
}

/** The content of an object, with its digest: a file, or a short text. */
export interface Content {
  readonly source: { readonly file: string } | { readonly bytes: Buffer };
  readonly size: number;
  readonly sha256: string;
}

export interface PutOptions {
  /** True if an object of this key is an error, where the store can tell; false replaces it. */
  readonly create: boolean;
}

export interface PutResult {
  /** False if the object was there, and was not written. */
  readonly written: boolean;
  readonly version: string | null;
  readonly lockedUntil: Date | undefined;
  /** True if the store compared a declared sha256 with the content, and returns it. */
  readonly declared: boolean;
}

export interface ObjectFacts {
  readonly key: string;
  readonly size: number;
  readonly modified: Date | undefined;
  readonly version: string | null;
  /** The sha256 that was declared when it was written; undefined where none was, or the store returns none. */
  readonly sha256: string | undefined;
  readonly lockedUntil: Date | undefined;
}
