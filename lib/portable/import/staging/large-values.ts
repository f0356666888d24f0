/** Loads large values into a staging table piece by piece; their cells are NULL until then. */
import { createHash } from "node:crypto";
import { closeSync, openSync, readSync } from "node:fs";
import path from "node:path";
import { setImmediate } from "node:timers/promises";
import { HoldfastError } from "../../../errors.ts";
import { collectEvery, collectGarbage } from "../../../exec/v8-memory.ts";
import type { Row } from "../../connection.ts";
import { blobPath, type LargeTag } from "../../format/large-value.ts";
import type { Column } from "../../schema/tables.ts";
import { countCharacters, Utf8Check } from "../../values/utf8.ts";
import type { Dialect } from "../../engines/shared/dialect.ts";

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

/** The table of the pieces of one value. */
const PIECES = "holdfast_piece";
/** The size of a piece in bytes: small enough for a statement of any server. */
const PIECE = 256 * 1024;
const COLLECT_EVERY = 16 * 1024 * 1024;

/**
 * Loads the values into the rows of `stage`. Throws `E_PACKAGE` for a file that does not match the checksum in its
 * name, and `E_IMPORT` for invalid UTF-8 in a text or a value too long for its column.
 */
export async function loadLarge(
  dialect: Dialect,
  stage: string,
  values: readonly StagedLarge[],
  directory: string,
  signal: AbortSignal,
): Promise<void> {
  if (values.length === 0) return;
  const { connection } = dialect;
  const put = connection.engine === "sqlite" ? bind : await joinPieces(dialect);
  for (const value of values) {
    await setImmediate();
    signal.throwIfAborted();
    try {
      await put(dialect, stage, value, directory);
    } catch (error) {
      if (!(error instanceof HoldfastError) || error.code !== "E_DATABASE") throw error;
      throw new HoldfastError("E_IMPORT", `${value.where}: ${error.message}`, { cause: error });
    }
    collectGarbage();
  }
  if (put !== bind) await connection.run(`drop ${dialect.dropTableKeyword} ${connection.quote(PIECES)}`);
}

type Put = (dialect: Dialect, stage: string, value: StagedLarge, directory: string) => Promise<void>;

/** Binds a value as a whole: SQLite takes it in one piece only. */
const bind: Put = async ({ connection }, stage, value, directory) => {
  const whole = Buffer.allocUnsafeSlow(value.tag.bytes);
  let size = 0;
  for (const piece of pieces(value, directory, false)) size += piece.copy(whole, size);
  const [encoding] = value.is === "text" ? await connection.rows("pragma encoding") : [];
  const isWide = encoding !== undefined && encoding[0] !== "UTF-8"; // a cast to text would read the bytes as UTF-16
  const given = value.is === "text" && !isWide ? "cast(? as text)" : "?";
  const sql = `update ${stage} set ${connection.quote(value.staged)} = ${given} where ${value.row}`;
  await connection.run(sql, [isWide ? whole.toString() : whole]);
};

/** Loads the pieces as rows and has the server join them: appending one by one would copy the value each time. */
async function joinPieces({ connection, temporary }: Dialect): Promise<Put> {
  const isPostgres = connection.engine === "postgresql";
  const table = connection.quote(PIECES);
  await connection.run(
    `create temporary table ${table} (n integer, piece ${isPostgres ? "bytea" : "longblob"})${temporary}`,
  );
  if (!isPostgres) await connection.run("set session group_concat_max_len = @@max_allowed_packet");
  return async ({ connection: to }, stage, value, directory) => {
    await to.run(`delete from ${table}`);
    await to.load(table, ["n", "piece"], numbered(value, directory, isPostgres));
    const bytes = isPostgres
      ? `string_agg(piece, ''::bytea order by n)`
      : `group_concat(piece order by n separator '')`;
    const whole =
      value.is === "bytes" ? bytes : isPostgres ? textOf(value.column, bytes) : `convert(${bytes} using utf8mb4)`;
    const staged = to.quote(value.staged);
    await to.run(`update ${stage} set ${staged} = (select ${whole} from ${table}) where ${value.row}`);
    const [row] = await to.rows(`select ${staged} is null from ${stage} where ${value.row}`);
    if (!["0", "f"].includes(String(row?.[0])))
      throw new HoldfastError("E_IMPORT", `${value.where} has ${value.tag.bytes} bytes, more than the server can join`);
  };
}

/** Casts bytes to the column's type, except to `text`: a cast to a limited length truncates silently. */
const textOf = ({ kind, native }: Column, bytes: string): string =>
  `convert_from(${bytes}, 'UTF8')${kind === "text" ? "" : `::${native}`}`;

async function* numbered(value: StagedLarge, directory: string, refusesNul: boolean): AsyncGenerator<Row[]> {
  let number = 0;
  const pass = collectEvery(COLLECT_EVERY);
  for (const piece of pieces(value, directory, refusesNul)) {
    yield [[String(++number), Buffer.from(piece)]];
    pass(piece.length);
  }
}

/** Yields the pieces of a file, each valid until the next is requested, and checks them on the way. */
function* pieces({ tag, column, is, where }: StagedLarge, directory: string, refusesNul: boolean): Generator<Buffer> {
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
      if (check !== undefined && refusesNul && piece.includes(0))
        throw new HoldfastError("E_IMPORT", `${where} contains a NUL byte, which PostgreSQL text cannot hold`);
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
