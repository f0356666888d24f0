/** Checks a PostgreSQL archive without a server: pg_restore lists it, then reads all of its rows. */
import { pipeline } from "node:stream/promises";
import { HoldfastError } from "../../../errors.ts";
import { startCommand } from "../../../exec/command.ts";
import { compareRows, type DumpCheck, type RecordedTables } from "../../dump-rows.ts";
import { CopyRows } from "../count-copy-rows.ts";
import { decodeName } from "../encoding.ts";
import { listArchive } from "../list-archive.ts";
import { newestRestore } from "./programs.ts";

/** Throws `E_DUMP` for an archive that cannot be read. */
export async function checkPostgres(file: string, recorded: RecordedTables, signal: AbortSignal): Promise<DumpCheck> {
  const program = newestRestore();
  if (program === undefined) return { tables: 0, messages: [], notProved: "pg_restore is not installed" };
  const options = { signal, code: "E_DUMP" } as const;
  let list: string[];
  try {
    list = await listArchive([program], file, options);
  } catch (error) {
    if (!(error instanceof HoldfastError) || !error.message.includes("unsupported version")) throw error;
    return { tables: 0, messages: [], notProved: "the pg_restore of this host is too old for it" };
  }
  const command = startCommand([program, "--data-only", "--file=-", file], options);
  command.stdin.end();
  const rows = new CopyRows();
  await pipeline(command.stdout, async (source: AsyncIterable<Buffer>) => {
    for await (const chunk of source) rows.push(chunk);
  });
  await command.done;
  // A key is schema and table, either of which may hold dots, and pg_restore prints newlines as blanks.
  const entries = list
    .filter((entry) => /^TABLE (?!DATA )/.test(entry))
    .map((entry) => decodeName(entry, rows.encoding).replaceAll(" ", "."));
  const missing = Object.keys(recorded).filter(
    (key) => !entries.some((entry) => entry.startsWith(`TABLE.${key.replaceAll(/[ \r\n]/g, ".")}.`)),
  );
  const messages = [...missing.map((key) => `has no table ${key}`), ...compareRows(recorded, rows.tables, true)];
  return { tables: Object.keys(recorded).length, messages };
}
