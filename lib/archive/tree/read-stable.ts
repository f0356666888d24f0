/** Reading a file so that what was read is what the file held at one time, or is known not to be. */
import { closeSync, constants, fstatSync, openSync, readSync, type BigIntStats } from "node:fs";
import { HoldfastError, systemCode } from "../../errors.ts";
import type { BytePath } from "../entry.ts";
import { display, toBuffer } from "../path.ts";
import { pause } from "./pause.ts";
import { work } from "../counters.ts";

/** Files up to this size are read whole; larger ones in pieces of this size. */
export const PIECE_SIZE = 1024 * 1024;
const ATTEMPTS = 3;
const PAUSES_MS = [10, 40];
/** The coarsest tick of time stamps on a local file system: two changes within one have the same time. */
const TICK_MS = 20;

/** Takes a file's content. The buffers are used again when a call returns. */
export interface FileConsumer {
  /** A small file, once and for all. */
  whole(data: Buffer): void;
  /** Begins a large file of `size` bytes, or fewer if it shrinks. A second call discards everything before. */
  begin(size: number): void;
  piece(data: Buffer): void;
}

/** A file could not be read; what was being written is not to blame. */
export class FileError extends HoldfastError {}

/** Looks on while files are read, and may end the reading by throwing; the file is then not consumed. */
export interface ReadHooks {
  /** Bytes just read. */
  progress?(bytes: number): void;
  /** The first 16 bytes, or fewer, at each reading of a file, before anything of that reading is consumed. */
  head?(location: BytePath, head: Buffer, file: BytePath): void;
  /** True for a file of which the first reading stands, because another one would be no better. */
  isRestless?(file: BytePath): boolean;
  /** The file would not hold still, and its last reading is about to stand. */
  unstable?(file: BytePath): void;
}

/**
 * Reads the regular file at `location`, which errors call `file`. When its size, mtime or ctime is another afterwards,
 * it is read again, up to three times; then the last reading stands, and true is returned: it changed. A file that
 * grows is taken up to the size that it had at first. Never follows a link, never opens a FIFO or device. Throws a
 * FileError: `E_UNREADABLE`, `E_MISSING` (gone, or no regular file any more) or `E_IO`.
 */
export function readStable(
  location: BytePath,
  consumer: FileConsumer,
  hooks: ReadHooks = {},
  file: BytePath = location,
): boolean {
  const fd = system(file, () => openSync(toBuffer(location), OPEN_FLAGS));
  work.files_opened++;
  try {
    for (let attempt = 1; ; attempt++) {
      const before = settle(() => system(file, () => fstatSync(fd, { bigint: true })));
      if (!before.isFile()) throw new FileError("E_MISSING", `${display(file)} is no longer a regular file`);
      const size = Number(before.size);
      const source: Source = { fd, location, file, size, hooks };
      const small = size <= PIECE_SIZE;
      const data = small ? readPiece(source, 0) : null;
      if (data === null) stream(source, consumer);
      const after = system(file, () => fstatSync(fd, { bigint: true }));
      const still = before.size === after.size && before.mtimeNs === after.mtimeNs && before.ctimeNs === after.ctimeNs;
      if (!still && attempt < ATTEMPTS && hooks.isRestless?.(file) !== true) {
        pause(PAUSES_MS[attempt - 1] ?? 0);
        continue;
      }
      if (!still) hooks.unstable?.(file);
      if (data !== null) consumer.whole(data);
      return !still;
    }
  } finally {
    closeSync(fd);
  }
}

interface Source {
  readonly fd: number;
  readonly location: BytePath;
  readonly file: BytePath;
  readonly size: number;
  readonly hooks: ReadHooks;
}

/** The flags of open(2): without O_NONBLOCK a FIFO in place of a file would block; libuv sets O_CLOEXEC. */
const OPEN_FLAGS = constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK;
const scratch = Buffer.allocUnsafeSlow(PIECE_SIZE);
const HEAD_SIZE = 16;

function stream(source: Source, consumer: FileConsumer): void {
  let begun = false;
  for (let position = 0; position < source.size;) {
    const data = readPiece(source, position);
    if (!begun) consumer.begin(source.size);
    begun = true;
    if (data.length === 0) return;
    consumer.piece(data);
    position += data.length;
  }
}

/** Up to one piece; shorter only at the file's end. */
function readPiece(source: Source, position: number): Buffer {
  const wanted = Math.min(PIECE_SIZE, source.size - position);
  let length = 0;
  while (length < wanted) {
    const count = system(source.file, () => readSync(source.fd, scratch, length, wanted - length, position + length));
    if (count === 0) break;
    length += count;
  }
  work.bytes_read += length;
  const data = scratch.subarray(0, length);
  if (position === 0) source.hooks.head?.(source.location, data.subarray(0, HEAD_SIZE), source.file);
  source.hooks.progress?.(length);
  return data;
}

/** Waits until the last change is a tick ago, so that a further change gets another time. */
function settle(stat: () => BigIntStats): BigIntStats {
  const stats = stat();
  const age = Date.now() - Number(stats.ctimeNs / 1_000_000n);
  if (age < 0 || age >= TICK_MS) return stats;
  pause(TICK_MS - age);
  return stat();
}

function system<T>(file: BytePath, act: () => T): T {
  try {
    return act();
  } catch (error) {
    throw readError(file, error);
  }
}

/** Converts an error of reading a file to the failure of its unit. */
export function readError(file: BytePath, error: unknown): FileError {
  if (error instanceof HoldfastError)
    return new FileError(error.code, error.message, { hint: error.hint, cause: error });
  const name = display(file);
  switch (systemCode(error)) {
    case "EACCES":
    case "EPERM":
      return new FileError("E_UNREADABLE", `no right to read ${name}`, { cause: error });
    case "ENOENT":
    case "ENOTDIR":
      return new FileError("E_MISSING", `${name} does not exist`, { cause: error });
    case "ELOOP":
    case "ENXIO":
      return new FileError("E_MISSING", `${name} is no longer a regular file`, { cause: error });
    default:
      return new FileError(
        "E_IO",
        `${name} could not be read: ${error instanceof Error ? error.message : String(error)}`,
        {
          cause: error,
        },
      );
  }
}
