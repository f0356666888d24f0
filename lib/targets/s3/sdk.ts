/**
 * The only file that imports the SDK. Content is always signed: its sha256 goes into `x-amz-content-sha256`, also by
 * HTTPS and of streams, for which the SDK alone would sign `UNSIGNED-PAYLOAD`.
 */
import { Readable } from "node:stream";
import {
  AbortMultipartUploadCommand,
  CompleteMultipartUploadCommand,
  CreateMultipartUploadCommand,
  DeleteObjectCommand,
  GetObjectAclCommand,
  GetObjectCommand,
  GetObjectRetentionCommand,
  HeadObjectCommand,
  ListObjectVersionsCommand,
  ListPartsCommand,
  paginateListObjectsV2,
  PutObjectCommand,
  PutObjectRetentionCommand,
  S3Client,
  S3ServiceException,
  UploadPartCommand,
  type ObjectVersion,
} from "@aws-sdk/client-s3";
import type { S3TargetSettings } from "../../config/settings/targets/s3.ts";
import { HoldfastError } from "../../errors.ts";
import { agents } from "./agents.ts";
import type { S3Api, S3Body, S3Listed, S3Lock } from "./api.ts";
import type { S3Credentials } from "./credentials.ts";
import { S3Failure } from "./failure.ts";

const CONNECT_MS = 15_000;
/** Without a byte for this long a connection counts as dead. */
const SILENCE_MS = 120_000;

/** The SDK would print its own warnings on standard error; failures are thrown. */
const SILENT = { debug: () => {}, info: () => {}, warn: () => {}, error: () => {} };
const LOCK_MODES = { compliance: "COMPLIANCE", governance: "GOVERNANCE" } as const;

const base64 = (hex: string): string => Buffer.from(hex, "hex").toString("base64");

/** Returns the hex of a whole object's sha256; undefined for that of parts, which is another thing. */
const hexOf = (checksum: string | undefined): string | undefined =>
  checksum === undefined || checksum.includes("-") ? undefined : Buffer.from(checksum, "base64").toString("hex");

const lockFields = (lock: S3Lock | undefined) =>
  lock === undefined
    ? {}
    : {
        ObjectLockMode: LOCK_MODES[lock.mode],
        ObjectLockRetainUntilDate: lock.until,
      };

/** Opens a client of the bucket; no request is made. Throws `E_CONFIG` for a CA file that cannot be read. */
export function openS3Api(
  settings: S3TargetSettings,
  credentials: S3Credentials,
  caFile: string | undefined,
  signal: AbortSignal,
): S3Api {
  const Bucket = settings.bucket;
  const acl = settings.acl === undefined ? {} : { ACL: settings.acl };
  const client = new S3Client({
    region: settings.region,
    credentials,
    forcePathStyle: settings.path_style,
    ...(settings.endpoint === undefined ? {} : { endpoint: settings.endpoint }),
    logger: SILENT,
    requestChecksumCalculation: "WHEN_REQUIRED",
    responseChecksumValidation: "WHEN_REQUIRED",
    requestHandler: {
      connectionTimeout: CONNECT_MS,
      socketTimeout: SILENCE_MS,
      ...agents(settings.proxy, caFile),
    },
  });

  /** Digests of the bodies of requests. */
  const digests = new WeakMap<object, string>();
  const contentOf = ({ open, size, sha256 }: S3Body) => {
    const Body = open();
    digests.set(Body, sha256);
    return { Body, ContentLength: size };
  };
  client.middlewareStack.add(
    (next) => async (args) => {
      const body = "Body" in args.input ? args.input.Body : undefined;
      const sha256 = typeof body === "object" ? digests.get(body) : undefined;
      if (sha256 !== undefined && isRequest(args.request)) args.request.headers["x-amz-content-sha256"] = sha256;
      return await next(args);
    },
    { step: "build", name: "signContent" },
  );

  const attempt = async <T>(what: string, work: () => Promise<T>): Promise<T> => {
    try {
      return await work();
    } catch (error) {
      signal.throwIfAborted();
      throw failureOf(what, error);
    }
  };
  const options = { abortSignal: signal };
  const versioned = (version: string | undefined) => (version === undefined ? {} : { VersionId: version });

  return {
    head: async (Key, version) =>
      await attempt(`HEAD ${Key}`, async () => {
        const found = await client.send(
          new HeadObjectCommand({ Bucket, Key, ChecksumMode: "ENABLED", ...versioned(version) }),
          options,
        );
        return {
          size: found.ContentLength ?? 0,
          modified: found.LastModified,
          version: versionOf(found.VersionId),
          sha256: found.ChecksumType === "COMPOSITE" ? undefined : hexOf(found.ChecksumSHA256),
          lockedUntil: found.ObjectLockRetainUntilDate,
        };
      }),
    get: async (Key, { version, range } = {}) =>
      await attempt(`GET ${Key}`, async () => {
        const bytes = range === undefined ? {} : { Range: `bytes=${range.start}-${range.end}` };
        const { Body } = await client.send(
          new GetObjectCommand({ Bucket, Key, ...versioned(version), ...bytes }),
          options,
        );
        if (Body instanceof Readable) return Body;
        throw new Error("the answer has no body");
      }),
    put: async (Key, body, { ifNoneMatch = false, declare, lock }) =>
      await attempt(`PUT ${Key}`, async () => {
        const command = new PutObjectCommand({
          Bucket,
          Key,
          ...contentOf(body),
          ...acl,
          ...lockFields(lock),
          ...(ifNoneMatch ? { IfNoneMatch: "*" } : {}),
          ...(declare === undefined ? {} : { ChecksumSHA256: base64(declare) }),
        });
        const { VersionId } = await client.send(command, options);
        return { version: versionOf(VersionId) };
      }),
    async *list(Prefix) {
      const pages = paginateListObjectsV2({ client }, { Bucket, Prefix })[Symbol.asyncIterator]();
      for (;;) {
        const { done, value } = await attempt(`LIST ${Prefix}`, async () => await pages.next());
        if (done === true) return;
        for (const { Key = "", Size = 0, LastModified } of value.Contents ?? [])
          yield { key: Key, size: Size, modified: LastModified, version: null, isDeleteMarker: false };
      }
    },
    async *versions(Prefix) {
      let marker: { KeyMarker?: string; VersionIdMarker?: string } | undefined = {};
      while (marker !== undefined) {
        const at: { KeyMarker?: string; VersionIdMarker?: string } = marker;
        const page = await attempt(
          `LIST VERSIONS ${Prefix}`,
          async () => await client.send(new ListObjectVersionsCommand({ Bucket, Prefix, ...at }), options),
        );
        const listed = (one: ObjectVersion, isDeleteMarker: boolean): S3Listed => ({
          key: one.Key ?? "",
          size: one.Size ?? 0,
          modified: one.LastModified,
          version: versionOf(one.VersionId),
          isDeleteMarker,
        });
        const found = [
          ...(page.Versions ?? []).map((one) => listed(one, false)),
          ...(page.DeleteMarkers ?? []).map((one) => listed(one, true)),
        ];
        yield* found.toSorted((a, b) => (b.modified?.getTime() ?? 0) - (a.modified?.getTime() ?? 0));
        marker =
          page.IsTruncated === true && page.NextKeyMarker !== undefined
            ? {
                KeyMarker: page.NextKeyMarker,
                ...(page.NextVersionIdMarker === undefined ? {} : { VersionIdMarker: page.NextVersionIdMarker }),
              }
            : undefined;
      }
    },
    remove: async (Key, version) =>
      await attempt(`DELETE ${Key}`, async () => {
        await client.send(new DeleteObjectCommand({ Bucket, Key, ...versioned(version) }), options);
      }),
    setLock: async (Key, version, lock) =>
      await attempt(`PUT RETENTION ${Key}`, async () => {
        const Retention = { Mode: LOCK_MODES[lock.mode], RetainUntilDate: lock.until };
        await client.send(new PutObjectRetentionCommand({ Bucket, Key, ...versioned(version), Retention }), options);
      }),
    lockedUntil: async (Key, version) =>
      await attempt(`GET RETENTION ${Key}`, async () => {
        const found = await client.send(new GetObjectRetentionCommand({ Bucket, Key, ...versioned(version) }), options);
        return found.Retention?.RetainUntilDate;
      }),
    owner: async (Key) =>
      await attempt(`GET ACL ${Key}`, async () => {
        const { Owner } = await client.send(new GetObjectAclCommand({ Bucket, Key }), options);
        return Owner?.ID;
      }),
    createUpload: async (Key, { declares, lock }) =>
      await attempt(`CREATE UPLOAD ${Key}`, async () => {
        const checksum = declares ? { ChecksumAlgorithm: "SHA256" as const } : {};
        const command = new CreateMultipartUploadCommand({ Bucket, Key, ...acl, ...lockFields(lock), ...checksum });
        const { UploadId } = await client.send(command, options);
        if (UploadId === undefined) throw new Error("the answer has no id of an upload");
        return UploadId;
      }),
    putPart: async (Key, UploadId, PartNumber, body, declares) =>
      await attempt(`PUT PART ${PartNumber} ${Key}`, async () => {
        const command = new UploadPartCommand({
          Bucket,
          Key,
          UploadId,
          PartNumber,
          ...contentOf(body),
          ...(declares ? { ChecksumSHA256: base64(body.sha256) } : {}),
        });
        const { ETag } = await client.send(command, options);
        return ETag ?? "";
      }),
    parts: async (Key, UploadId) =>
      await attempt(`LIST PARTS ${Key}`, async () => {
        const found = new Map<number, { etag: string; size: number }>();
        for (let marker: string | undefined; ;) {
          const page = await client.send(
            new ListPartsCommand({
              Bucket,
              Key,
              UploadId,
              ...(marker === undefined ? {} : { PartNumberMarker: marker }),
            }),
            options,
          );
          for (const { PartNumber = 0, ETag = "", Size = 0 } of page.Parts ?? [])
            found.set(PartNumber, { etag: ETag, size: Size });
          marker = page.IsTruncated === true ? page.NextPartNumberMarker : undefined;
          if (marker === undefined) return found;
        }
      }),
    completeUpload: async (Key, UploadId, parts, { declares, ifNoneMatch }) =>
      await attempt(`COMPLETE UPLOAD ${Key}`, async () => {
        const Parts = parts.map(({ number, etag, sha256 }) => ({
          PartNumber: number,
          ETag: etag,
          ...(declares ? { ChecksumSHA256: base64(sha256) } : {}),
        }));
        const condition = ifNoneMatch ? { IfNoneMatch: "*" } : {};
        const command = new CompleteMultipartUploadCommand({
          Bucket,
          Key,
          UploadId,
          MultipartUpload: { Parts },
          ...condition,
        });
        const { VersionId } = await client.send(command, options);
        return { version: versionOf(VersionId) };
      }),
    abortUpload: async (Key, UploadId) =>
      await attempt(`ABORT UPLOAD ${Key}`, async () => {
        await client.send(new AbortMultipartUploadCommand({ Bucket, Key, UploadId }), options);
      }),
    close: () => client.destroy(),
  };
}

/** A bucket without versions says `null`, or nothing. */
const versionOf = (id: string | undefined): string | null =>
  id === undefined || id === "null" || id === "" ? null : id;

const isRequest = (value: unknown): value is { readonly headers: Record<string, string> } =>
  typeof value === "object" && value !== null && "headers" in value;

function failureOf(what: string, error: unknown): unknown {
  if (error instanceof HoldfastError || error instanceof S3Failure) return error;
  if (!(error instanceof Error)) return error;
  const status = error instanceof S3ServiceException ? error.$metadata.httpStatusCode : undefined;
  // The system's code, where there is one: the SDK calls a broken connection a timeout.
  const system = "code" in error && typeof error.code === "string" && /^[A-Z][A-Z0-9_]+$/.test(error.code);
  const code = system ? String(error.code) : error.name;
  return new S3Failure(what, status, code, error);
}
