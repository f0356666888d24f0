/** The requests to a bucket that this program makes; lib/targets/s3/sdk.ts makes them by the SDK. */
import type { Readable } from "node:stream";
import type { ByteRange } from "../core/target.ts";

export interface S3Head {
  readonly size: number;
  readonly modified: Date | undefined;
  readonly version: string | null;
  /** The whole content's, in hex, where it was declared. */
  readonly sha256: string | undefined;
  readonly lockedUntil: Date | undefined;
}

export interface S3Listed {
  readonly key: string;
  readonly size: number;
  readonly modified: Date | undefined;
  readonly version: string | null;
  /** A version that says that the object was deleted. */
  readonly isDeleteMarker: boolean;
}

/** The bytes of a request, and their digest in hex, which is signed. */
export interface S3Body {
  readonly open: () => Readable | Buffer;
  readonly size: number;
  readonly sha256: string;
}

export interface S3Lock {
  readonly mode: "compliance" | "governance";
  readonly until: Date;
}

export interface S3PutOptions {
  /** Refused with 412 if the object exists. */
  readonly ifNoneMatch?: boolean | undefined;
  /** The checksum to declare, in hex; the body's when it is true to it. */
  readonly declare?: string | undefined;
  readonly lock?: S3Lock | undefined;
}

export interface S3Part {
  readonly number: number;
  readonly etag: string;
  readonly size: number;
  readonly sha256: string;
}

/** Every method throws `S3Failure`. */
export interface S3Api {
  head(key: string, version?: string): Promise<S3Head>;
  get(key: string, options?: { readonly version?: string | undefined; readonly range?: ByteRange }): Promise<Readable>;
  put(key: string, body: S3Body, options: S3PutOptions): Promise<{ readonly version: string | null }>;
  list(prefix: string): AsyncIterable<S3Listed>;
  /** Newest first; of all keys that begin with `prefix`. */
  versions(prefix: string): AsyncIterable<S3Listed>;
  remove(key: string, version?: string): Promise<void>;
  setLock(key: string, version: string | undefined, lock: S3Lock): Promise<void>;
  lockedUntil(key: string, version: string | undefined): Promise<Date | undefined>;
  owner(key: string): Promise<string | undefined>;
  createUpload(
    key: string,
    options: { readonly declares: boolean; readonly lock?: S3Lock | undefined },
  ): Promise<string>;
  putPart(key: string, upload: string, number: number, body: S3Body, declares: boolean): Promise<string>;
  parts(key: string, upload: string): Promise<ReadonlyMap<number, { readonly etag: string; readonly size: number }>>;
  completeUpload(
    key: string,
    upload: string,
    parts: readonly S3Part[],
    options: { readonly declares: boolean; readonly ifNoneMatch: boolean },
  ): Promise<{ readonly version: string | null }>;
  abortUpload(key: string, upload: string): Promise<void>;
  close(): void;
}
