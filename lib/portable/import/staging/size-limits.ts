/** Checks whether a database can hold a large value before anything is written. */
import { HoldfastError } from "../../../errors.ts";
import type { Connection } from "../../connection.ts";
import type { Column, Kind } from "../../schema/tables.ts";
import type { LargeTag } from "../../format/large-value.ts";

/** A size limit in bytes, and the name of what sets it. */
export interface LargeLimit {
  readonly bytes: number;
  readonly of: string;
}

/**
 * Returns the engine's limit for one value. PostgreSQL: less than 1 GiB with its length,
 * https://www.postgresql.org/docs/current/limits.html; SQLite: SQLITE_MAX_LENGTH, https://sqlite.org/limits.html.
 */
export async function limitOf(connection: Connection): Promise<LargeLimit> {
  if (connection.engine === "postgresql") return { bytes: 2 ** 30 - 5, of: "PostgreSQL" };
  if (connection.engine === "sqlite") return { bytes: 1_000_000_000, of: "SQLite" };
  const [row] = await connection.rows("select @@max_allowed_packet");
  return { bytes: Number(row?.[0]), of: "this server's max_allowed_packet" };
}

const NUMBERS: ReadonlySet<Kind> = new Set(["integer", "decimal", "float4", "float8", "boolean", "bits"]);
const TEXTS: ReadonlySet<Kind> = new Set(["text", "json", "array", "native", "enum", "set"]);
const PLAIN_TEXTS: ReadonlySet<Kind> = new Set(["text", "native", "enum", "set"]);

/** Returns the form of a large value in a column. Throws `E_IMPORT`, worded to follow the column's name. */
export function fitLarge(
  { engine }: Pick<Connection, "engine">,
  column: Column,
  { as, bytes }: LargeTag,
  limit: LargeLimit,
): "text" | "bytes" {
  const { kind, native } = column;
  const most = [limit, ...roomOf(column)].reduce((least, one) => (one.bytes < least.bytes ? one : least));
  if (bytes > most.bytes) throw tooLarge(`a value of ${bytes} bytes; the limit of ${most.of} is ${most.bytes}`);
  if (as !== undefined) {
    if (engine === "sqlite" || (as === "bytes" && kind === "bytes")) return as;
    if (as === "text" && PLAIN_TEXTS.has(kind)) return "text";
  } else if (kind === "bytes") {
    return "bytes";
  } else if (TEXTS.has(kind) || (engine === "sqlite" && !NUMBERS.has(kind))) {
    return "text";
  }
  throw tooLarge(`a large value of ${bytes} bytes; it takes ${native}`);
}

const roomOf = ({ kind, native, octets, length }: Column): LargeLimit[] => [
  ...(octets === undefined ? [] : [{ bytes: octets, of: native }]),
  ...(kind === "bytes" && length !== undefined ? [{ bytes: length, of: native }] : []),
];

const tooLarge = (what: string): HoldfastError => new HoldfastError("E_IMPORT", `cannot hold ${what}`);
