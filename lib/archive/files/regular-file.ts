/** Opens only regular files of a run, an export or a package, so that no FIFO or device blocks. */
import {
  closeSync,
  constants,
  createReadStream,
  fstatSync,
  openSync,
  readSync,
  realpathSync,
  type ReadStream,
} from "node:fs";
import { asHoldfastError, HoldfastError, systemCode, type ErrorCode } from "../../errors.ts";

const FLAGS = constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK;

/** Returns a descriptor. Throws the system's error for a missing file, `code` for a link, a FIFO or a device. */
export function openRegular(file: string | Buffer, code: ErrorCode): number {
  let fd: number;
  try {
    fd = openSync(file, FLAGS);
  } catch (error) {
    if (!["ELOOP", "ENXIO"].includes(systemCode(error) ?? "")) throw error;
    throw notRegular(file, code, error);
  }
  if (fstatSync(fd).isFile()) return fd;
  closeSync(fd);
  throw notRegular(file, code);
}

const notRegular = (file: string | Buffer, code: ErrorCode, cause?: unknown): HoldfastError =>
  new HoldfastError(code, `${String(file)} is not a regular file`, { cause });

/** Returns the real path of a file that the user named. Throws `E_MISSING`, `E_UNREADABLE` or `E_IO`. */
export function realFile(name: string): string {
  try {
    return realpathSync(name);
  } catch (error) {
    throw asHoldfastError(error, "E_IO");
  }
}

export interface Piece {
  readonly start?: number;
  /** The last byte. */
  readonly end?: number;
  readonly highWaterMark?: number;
}

/** A stream of a regular file. Throws as `openRegular` does. */
export const streamRegular = (file: string | Buffer, code: ErrorCode, piece: Piece = {}): ReadStream =>
  createReadStream("", { ...piece, fd: openRegular(file, code) });

/** Returns all of a regular file. Throws as `openRegular` does, and `code` for a file of more than `most` bytes. */
export function readRegular(file: string, most: number, code: ErrorCode): Buffer {
  const fd = openRegular(file, code);
  try {
    const data = Buffer.allocUnsafe(checkedSize(file, fstatSync(fd).size, most, code));
    let length = 0;
    for (let count = -1; count !== 0 && length < data.length; length += count)
      count = readSync(fd, data, length, data.length - length, length);
    return data.subarray(0, length);
  } finally {
    closeSync(fd);
  }
}

function checkedSize(file: string, size: number, most: number, code: ErrorCode): number {
  if (size <= most) return size;
  throw new HoldfastError(code, `${file} has ${size} bytes; ${most} is the most that it may have`);
}
