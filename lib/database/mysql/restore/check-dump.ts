/** Checks a dump of MySQL or MariaDB without a server. */
import { pipeline } from "node:stream/promises";
import { createGunzip } from "node:zlib";
import { streamRegular } from "../../../archive/files/regular-file.ts";
import { compareRows, type DumpCheck, type RecordedTables } from "../../dump-rows.ts";
import { InsertRows } from "../count-insert-rows.ts";

/** Reads the gzip stream to its end, and looks for the mark that ends a dump. */
export async function checkMysql(file: string, recorded: RecordedTables, signal: AbortSignal): Promise<DumpCheck> {
  const rows = new InsertRows();
  await pipeline(
    streamRegular(file, "E_VERIFY"),
    createGunzip(),
    async (source: AsyncIterable<Buffer>) => {
      for await (const chunk of source) rows.push(chunk);
    },
    { signal },
  );
  const messages = rows.complete ? [] : ["has no end mark: it is truncated"];
  return { tables: rows.tables.size, messages: [...messages, ...compareRows(recorded, rows.tables)] };
}
