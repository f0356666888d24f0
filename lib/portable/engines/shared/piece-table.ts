/**
 * Writes large values to a server: loads the pieces as rows and has the server join them. Appending one by one would
 * copy the value each time.
 */
import { collectEvery } from "../../../exec/v8-memory.ts";
import type { Dialect } from "../../engine/dialect.ts";
import type { LargeCell, LargeWriter } from "../../engine/large-values.ts";
import type { Row, Session } from "../../engine/session.ts";

/** The table of the pieces of one value. */
const TABLE = "holdfast_piece";
const COLLECT_EVERY = 16 * 1024 * 1024;

export interface PieceSql {
  /** The type of a piece. */
  readonly type: string;
  /** The aggregate that joins the pieces by `n`. */
  readonly join: string;
  /** Converts the joined bytes to the text of a cell. */
  text(cell: LargeCell, bytes: string): string;
}

/** Creates the table, which `close` drops. */
export async function pieceWriter(session: Session, dialect: Dialect, sql: PieceSql): Promise<LargeWriter> {
  const table = dialect.quote(TABLE);
  await session.run(`create temporary table ${table} (n integer, piece ${sql.type})${dialect.temporary}`);
  return {
    async write(cell, pieces) {
      await session.run(`delete from ${table}`);
      await session.load(table, ["n", "piece"], numbered(pieces));
      const whole = cell.is === "bytes" ? sql.join : sql.text(cell, sql.join);
      const staged = dialect.quote(cell.staged);
      await session.run(`update ${cell.table} set ${staged} = (select ${whole} from ${table}) where ${cell.row}`);
      const [row] = await session.rows(`select ${staged} is null from ${cell.table} where ${cell.row}`);
      return ["0", "f"].includes(String(row?.[0]));
    },
    close: async () => void (await session.run(`drop ${dialect.dropTableKeyword} ${table}`)),
  };
}

async function* numbered(pieces: Iterable<Buffer>): AsyncGenerator<Row[]> {
  let number = 0;
  const pass = collectEvery(COLLECT_EVERY);
  for (const piece of pieces) {
    yield [[String(++number), Buffer.from(piece)]];
    pass(piece.length);
  }
}
