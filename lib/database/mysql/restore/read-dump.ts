/** A MySQL dump on its way to the client program, and what to do about what the server says of it. */
import { createReadStream } from "node:fs";
import { pipeline } from "node:stream/promises";
import { createGunzip } from "node:zlib";
import { asHoldfastError, HoldfastError } from "../../../errors.ts";
import type { MysqlScript } from "./filter-script.ts";

const CHUNK = 256 * 1024;
/** The hint for a user without the right. */
export const ADMIN_HINT = "or give --database with the URL of an administrator";
/** Passes the statements of a dump to `consume`, and bytes read to `onBytes`. Throws `E_RESTORE` if it is damaged. */
export async function readDump(
  dump: string,
  script: MysqlScript,
  { signal, onBytes }: { readonly signal: AbortSignal; readonly onBytes: (bytes: number) => void },
  consume: (statements: AsyncIterable<Buffer>) => Promise<void>,
): Promise<void> {
  let read = 0;
  const counted = async function* (chunks: AsyncIterable<Buffer>): AsyncGenerator<Buffer> {
    for await (const chunk of chunks) {
      yield chunk;
      onBytes((read += chunk.length));
    }
  };
  let first: unknown;
  const statements = async function* (chunks: AsyncIterable<Buffer>): AsyncGenerator<Buffer> {
    try {
      yield* script.read(chunks);
    } catch (error) {
      first = error; // what the pipeline makes of it is an abort
      throw error;
    }
  };
  try {
    const input = createReadStream(dump, { highWaterMark: CHUNK });
    await pipeline(input, counted, createGunzip({ chunkSize: CHUNK }), statements, consume, { signal });
  } catch (thrown) {
    signal.throwIfAborted();
    const error = first ?? thrown;
    const known = asHoldfastError(error, "E_RESTORE");
    if (!(error instanceof Error && "code" in error && String(error.code).startsWith("Z_"))) throw known;
    const hint = "take it from another run; npx tsx scripts/verify.ts checks a run";
    throw new HoldfastError("E_RESTORE", `${dump} is damaged: ${error.message}`, { hint, cause: error });
  }
}

/** Hints for what a server says most often. */
export function explained(error: unknown, live: string): unknown {
  if (!(error instanceof HoldfastError)) return error;
  const definer = /ERROR 1449\b.*\((\S+@\S+)\)/.exec(error.message)?.[1];
  if (definer !== undefined)
    return new HoldfastError("E_RESTORE", error.message, {
      hint: `a view reads another one whose definer is missing; as an administrator: create user ${definer} account lock; grant select on the database to it`,
      cause: error,
    });
  const hint = HINTS.find(([pattern]) => pattern.test(error.message))?.[1];
  if (hint === undefined) return error;
  return new HoldfastError("E_RESTORE", error.message, { hint: hint.replace("LIVE", live), cause: error });
}

const HINTS: readonly (readonly [RegExp, string])[] = [
  [
    /ERROR 1227\b/,
    `its definers need the right SET USER or SUPER (MariaDB), SET_ANY_DEFINER (MySQL): grant it, ${ADMIN_HINT}`,
  ],
  [/ERROR 1419\b/, `binary logging asks for SUPER, or set global log_bin_trust_function_creators = 1, ${ADMIN_HINT}`],
  [
    /ERROR (?:1044|1142|1370)\b/,
    `the database user needs all rights on the database, as it has on LIVE: grant them, ${ADMIN_HINT}`,
  ],
  [/ERROR (?:1153|2006)\b/, "a row may be larger than the server takes: raise its max_allowed_packet"],
  [/ERROR (?:1021|1114|1030)\b/, "the server may have no room left on its disk"],
];
