/** Loading a dump into a MySQL or MariaDB database through the client program. */
import { pipeline } from "node:stream/promises";
import { startCommand } from "../../../exec/command.ts";
import type { MysqlAccess } from "../client.ts";
import { explained, readDump } from "./read-dump.ts";
import { MysqlScript, type Events } from "./filter-script.ts";

/** Flags of the client: stop at the first error, take the input unchanged, and read no file. */
const LOADING = [
  "--batch",
  "--binary-mode",
  "--disable-named-commands",
  "--loose-sandbox", // MariaDB of 2024 and later
  "--local-infile=0",
  "--skip-force",
  "--skip-reconnect",
  "--connect-timeout=15",
  "--max-allowed-packet=1073741824",
];
/** MariaDB refuses in strict mode what it took in another one: tables whose rows may become too large for a page. */
const BEFORE = "set /*M!100100 session innodb_strict_mode = 0, */ @holdfast = 0;\n";

/** Sends a dump to `database`. `live` names the site's database in hints. Throws `E_RESTORE`. */
export async function sendDump(
  access: MysqlAccess,
  dump: string,
  {
    database,
    events,
    live,
    onBytes,
  }: {
    readonly database: string;
    readonly events: Events;
    readonly live: string;
    readonly onBytes: (bytes: number) => void;
  },
): Promise<void> {
  const { signal } = access.options;
  const script = new MysqlScript(database, events);
  const argv = [...access.client, ...LOADING, `--database=${database}`];
  await readDump(dump, script, { signal, onBytes }, async (statements) => {
    const stop = new AbortController();
    const options = {
      ...access.options,
      signal: AbortSignal.any([signal, stop.signal]),
      code: "E_RESTORE" as const,
    };
    const client = startCommand(argv, options);
    client.stdout.resume();
    client.stdin.write(BEFORE);
    let broken: unknown;
    await pipeline(statements, client.stdin, { signal }).catch((error: unknown) => {
      broken = error;
      // When it was the client that ended, it says why; else it must not take the half for the whole.
      if (error instanceof Error && "code" in error && error.code === "EPIPE") return;
      stop.abort();
    });
    try {
      await client.done;
    } catch (error) {
      signal.throwIfAborted();
      throw stop.signal.aborted ? broken : explained(error, live);
    }
    if (broken !== undefined) throw broken;
  });
}
