/**
 * Uploads a large file in parts, each with its digest signed. What the server acknowledged is kept, so that an upload
 * that was cut goes on: the parts that ListParts names, else those of the state file, are read for the digest only.
 */
import { createHash } from "node:crypto";
import type { Readable } from "node:stream";
import pLimit from "p-limit";
import { HoldfastError } from "../../errors.ts";
import { consume } from "../../archive/files/consume-stream.ts";
import { streamRegular } from "../../archive/files/regular-file.ts";
import type { S3Api, S3Lock, S3Part } from "./api.ts";
import { isRefusal } from "./failure.ts";
import { retried } from "./retry.ts";
import type { Upload, UploadStates } from "./upload-state.ts";

const MIB = 1024 * 1024;
/** Larger files go in parts. */
export const LARGEST_PUT = 64 * MIB;
const SMALLEST_PART = 32 * MIB;
/** S3 takes 10,000 parts. */
const MOST_PARTS = 9000;
const AT_ONCE = 3;

export interface MultipartTools {
  readonly api: S3Api;
  readonly states: UploadStates;
  readonly signal: AbortSignal;
  /** Counts and limits what is sent. */
  readonly meter: (input: Readable) => Readable;
  /** True if the server lists the parts of an unfinished upload. */
  readonly listsParts: boolean;
}

export interface MultipartRequest {
  readonly key: string;
  readonly file: string;
  readonly size: number;
  readonly sha256: string;
  readonly lock: S3Lock | undefined;
  readonly declares: boolean;
  readonly ifNoneMatch: boolean;
}

export const partSize = (size: number): number => Math.max(SMALLEST_PART, Math.ceil(size / MOST_PARTS / MIB) * MIB);

/** Uploads a file. Throws `S3Failure`, and `E_VERIFY` if the file does not have its digest: then nothing is there. */
export async function uploadParts(
  request: MultipartRequest,
  tools: MultipartTools,
): Promise<{ readonly version: string | null; readonly lockedUntil: Date | undefined }> {
  const { api, states, signal } = tools;
  const { upload, known } = await beginOrResume(request, tools);
  const parts = await sendParts(request, upload, known, tools);
  const { declares } = upload;
  const condition = { declares, ifNoneMatch: request.ifNoneMatch };
  const { version } = await retried(
    signal,
    async () => await api.completeUpload(request.key, upload.upload_id, parts, condition),
  );
  states.remove(request.sha256);
  return { version, lockedUntil: upload.locked_until === null ? undefined : new Date(upload.locked_until) };
}

/** Returns the upload to go on with, and its finished parts. */
async function beginOrResume(
  request: MultipartRequest,
  { api, states, listsParts }: MultipartTools,
): Promise<{ upload: Upload; known: ReadonlyMap<number, S3Part> }> {
  const { key, size, sha256, lock, declares } = request;
  const found = states.read(sha256, key);
  if (found !== undefined && found.size === size) {
    const known = await finishedParts(found, api, listsParts);
    if (known !== undefined) return { upload: found, known };
  }
  const upload: Upload = {
    key,
    upload_id: await api.createUpload(key, { declares, lock }),
    sha256,
    size,
    part_size: partSize(size),
    started_at: new Date().toISOString(),
    locked_until: lock?.until.toISOString() ?? null,
    declares,
    parts: [],
  };
  await states.write(upload);
  return { upload, known: new Map() };
}

/** Returns the parts that need not be sent again; undefined if the server does not know the upload any more. */
async function finishedParts(
  { key, upload_id, parts }: Upload,
  api: S3Api,
  listsParts: boolean,
): Promise<ReadonlyMap<number, S3Part> | undefined> {
  const recorded = new Map(parts.map((part) => [part.number, part]));
  if (!listsParts) return recorded;
  try {
    const listed = await api.parts(key, upload_id);
    return new Map(
      [...recorded].filter(
        ([number, { etag, size }]) => listed.get(number)?.etag === etag && listed.get(number)?.size === size,
      ),
    );
  } catch (error) {
    if (isRefusal(error, 404)) return undefined;
    if (isRefusal(error, 403)) return recorded;
    throw error;
  }
}

/** Reads the file from its start to its end, hashes it, and sends the parts that are not known. */
async function sendParts(
  { key, file, size, sha256 }: MultipartRequest,
  upload: Upload,
  known: ReadonlyMap<number, S3Part>,
  { api, states, signal, meter }: MultipartTools,
): Promise<S3Part[]> {
  const { part_size: length, upload_id: id, declares } = upload;
  const whole = createHash("sha256");
  const finished = new Map(known);
  const queue = pLimit(AT_ONCE);
  const sending: Promise<void>[] = [];
  let failure: unknown;
  let saved = Promise.resolve();
  const send = async (number: number, start: number, end: number, digest: string): Promise<void> => {
    const open = (): Readable => meter(streamRegular(file, "E_VERIFY", { start, end }));
    const body = { open, size: end - start + 1, sha256: digest };
    const etag = await retried(signal, async () => await api.putPart(key, id, number, body, declares));
    finished.set(number, { number, etag, size: body.size, sha256: digest });
    // In turn: an older list must not replace a newer one.
    saved = saved.then(async () => await states.write({ ...upload, parts: inOrder(finished) }));
    await saved;
  };
  for (let number = 1, start = 0; start < size && failure === undefined; number++, start += length) {
    const end = Math.min(start + length, size) - 1;
    const digest = await hashPart(file, start, end, whole, signal);
    if (finished.get(number)?.sha256 === digest) continue;
    const sent = queue(async () => {
      if (failure !== undefined) return;
      await send(number, start, end, digest);
    });
    sending.push(sent.catch((error: unknown) => void (failure ??= error)));
    // Hashing stays a few parts ahead, so that they are read from the disk's cache when they are sent.
    while (queue.pendingCount > 0) await sending.shift();
  }
  await Promise.all(sending);
  if (failure !== undefined) throw failure;
  if (whole.digest("hex") !== sha256) {
    await api.abortUpload(key, id);
    states.remove(sha256);
    throw new HoldfastError("E_VERIFY", `${file} does not have its recorded sha256 ${sha256}`);
  }
  return inOrder(finished);
}

async function hashPart(
  file: string,
  start: number,
  end: number,
  whole: ReturnType<typeof createHash>,
  signal: AbortSignal,
): Promise<string> {
  const part = createHash("sha256");
  const input = streamRegular(file, "E_VERIFY", { start, end, highWaterMark: MIB });
  await consume(input, null, (chunk) => void (part.update(chunk), whole.update(chunk)), signal);
  return part.digest("hex");
}

const inOrder = (parts: ReadonlyMap<number, S3Part>): S3Part[] =>
  [...parts.values()].toSorted((a, b) => a.number - b.number);
