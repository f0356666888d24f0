/** Errors of archives that are damaged or hostile. */
import { asHoldfastError, HoldfastError } from "../errors.ts";

/** Throws `E_ARCHIVE` with a message that says what is wrong. */
export function failArchive(message: string): never {
  throw new HoldfastError("E_ARCHIVE", message);
}

/** Returns the error with the path of its archive, if it is `E_ARCHIVE`; any other error as it is. */
export function withArchivePath(path: string, error: unknown): HoldfastError {
  const failure = asHoldfastError(error, "E_IO");
  if (failure.code !== "E_ARCHIVE") return failure;
  return new HoldfastError("E_ARCHIVE", `${path}: ${failure.message}`, { cause: error });
}

/** Checks for zlib's errors, such as `Z_DATA_ERROR`, and for the one that means more output than allowed. */
export function isZlibError(error: unknown): error is Error {
  if (!(error instanceof Error) || !("code" in error) || typeof error.code !== "string") return false;
  return error.code.startsWith("Z_") || error.code === "ERR_BUFFER_TOO_LARGE";
}
