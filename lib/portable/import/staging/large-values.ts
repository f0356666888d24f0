/** Loads large values into a staging table piece by piece; their cells are NULL until then. */
import { createHash } from "node:crypto";
import { closeSync, openSync, readSync } from "node:fs";
import path from "node:path";
import { setImmediate } from "node:timers/promises";
import { HoldfastError } from "../../../errors.ts";
import { collectGarbage } from "../../../exec/v8-memory.ts";
import { blobPath, type LargeTag } from "../../format/large-value.ts";
import type { Column } from "../../schema/tables.ts";
import { countCharacters, Utf8Check } from "../../values/utf8.ts";
import type { Connection } from "../../engine/connection.ts";

/** A large value, and the staged cell it belongs to. */
export interface StagedLarge {
  readonly tag: LargeTag;
  /** The condition that selects its row in the staging table. */
  readonly row: string;
  readonly column: Column;
  /** The column of the staging table. */
  readonly staged: string;
  /** The form that the column takes. */
  readonly is: "text" | "bytes";
  /** File, line, column and row, for messages. */
  readonly where: string;
}

/** The size of a piece in bytes: small enough for a statement of any server. */
const PIECE = 256 * 1024;

/**
 * Loads the values into the rows of `stage`. Throws `E_PACKAGE` for a file that does not match the checksum in its
 * name, and `E_IMPORT` for invalid UTF-8 in a text or a value too long for its column.
 */
export async function loadLarge(
  connection: Connection,
  stage: string,
  values: readonly StagedLarge[],
  directory: string,
  signal: AbortSignal,
): Promise<void> {
  if (values.length === 0) return;
  const { values: rules, large } = connection.engine;
  const writer = await large.writer(connection);
  for (const value of values) {
    await setImmediate();
    signal.throwIfAborted();
    const { tag, where, ...cell } = value;
    try {
      const isWritten = await writer.write(
        { ...cell, table: stage, bytes: tag.bytes },
        pieces(value, directory, rules.hasNul),
      );
      if (!isWritten)
        throw new HoldfastError("E_IMPORT", `${where} has ${tag.bytes} bytes, more than the server can join`);
    } catch (error) {
      if (!(error instanceof HoldfastError) || error.code !== "E_DATABASE") throw error;
      throw new HoldfastError("E_IMPORT", `${where}: ${error.message}`, { cause: error });
    }
    collectGarbage();
  }
  await writer.close();
}

/** Yields the pieces of a file, each valid until the next is requested, and checks them on the way. */
function* pieces({ tag, column, is, where }: StagedLarge, directory: string, hasNul: boolean): Generator<Buffer> {
  const file = blobPath(tag.sha256);
  const hash = createHash("sha256");
  const check = is === "text" ? new Utf8Check() : undefined;
  const fd = openSync(path.join(directory, file), "r");
  let [size, characters] = [0, 0];
  try {
    const buffer = Buffer.allocUnsafeSlow(PIECE);
    for (let count; (count = readSync(fd, buffer, 0, PIECE, size)) > 0; size += count) {
      const piece = buffer.subarray(0, count);
      hash.update(piece);
      check?.add(piece);
      if (check !== undefined && !hasNul && piece.includes(0))
        throw new HoldfastError("E_IMPORT", `${where} contains a NUL byte, which a text of this database cannot hold`);
      if (column.length !== undefined && column.kind === "text") characters += countCharacters(piece);
      yield piece;
    }
  } finally {
    closeSync(fd);
  }
  if (hash.digest("hex") !== tag.sha256)
    throw new HoldfastError("E_PACKAGE", `${file}: does not match the checksum in its name`);
  if (check?.isValid === false)
    throw new HoldfastError("E_IMPORT", `${where} expects text, but the value is not valid UTF-8`);
  if (column.length !== undefined && characters > column.length)
    throw new HoldfastError(
      "E_IMPORT",
      `${where} expects at most ${column.length} characters, but the value has ${characters}`,
    );
}
