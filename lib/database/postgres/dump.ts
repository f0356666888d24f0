/** `pg_dump` of an exported snapshot, and the proof that the archive holds what the snapshot held. */
import { dirname, join } from "node:path";
import { pipeline } from "node:stream/promises";
import type { Seal } from "../../model/seal.ts";
import { HoldfastError } from "../../errors.ts";
import { runCommand, startCommand, type CommandOptions } from "../../exec/command.ts";
import { CopyRows } from "./count-copy-rows.ts";
import type { Credentials } from "../access/credentials.ts";
import type { DatabaseTarget, DumpResult } from "../snapshot.ts";
import { withFirstComplaint } from "../first-error-line.ts";
import { writeDump } from "../dump-file.ts";
import { decodeName } from "./encoding.ts";
import { startLister } from "./list-archive.ts";
import { findProgram, isProgram } from "../access/programs.ts";

/** The time that pg_dump waits for a table that is being altered. */
const LOCK_WAIT_MS = 600_000;

export interface PostgresPrograms {
  readonly dump: readonly string[];
  readonly restore: readonly string[];
  readonly warnings: readonly string[];
}

/**
 * The pg_dump of the server's own major version, else a newer one from the PATH, with a warning: an older pg_restore
 * may not read what it writes. Behind a prefix, the one found there. Throws `E_DUMP` when there is none that could read
 * this server.
 */
export async function findPostgresPrograms(
  server: number,
  execPrefix: readonly string[],
  signal: AbortSignal,
): Promise<PostgresPrograms> {
  const prefixed = (directory: string): Pick<PostgresPrograms, "dump" | "restore"> => ({
    dump: [...execPrefix, join(directory, "pg_dump")],
    restore: [...execPrefix, join(directory, "pg_restore")],
  });
  const own = [`/usr/lib/postgresql/${server}/bin`, `/usr/pgsql-${server}/bin`].find((path) =>
    isProgram(join(path, "pg_dump")),
  );
  if (execPrefix.length === 0 && own !== undefined) return { ...prefixed(own), warnings: [] };
  const found = execPrefix.length > 0 ? "pg_dump" : findProgram(["pg_dump"]);
  const hint = `apt-get install postgresql-client-${server}`;
  if (found === undefined) throw new HoldfastError("E_DUMP", "pg_dump is not installed", { hint });
  const { stdout } = await runCommand([...execPrefix, found, "--version"], { signal, code: "E_DUMP" });
  const major = Number(/\d+/.exec(stdout)?.[0]);
  if (!(major >= server)) {
    throw new HoldfastError("E_DUMP", `pg_dump ${major} cannot dump a PostgreSQL ${server} server`, { hint });
  }
  const warning = `dumped with pg_dump ${major} from a PostgreSQL ${server} server: pg_restore ${server} may refuse it`;
  return { ...prefixed(found === "pg_dump" ? "" : dirname(found)), warnings: major > server ? [warning] : [] };
}

interface DumpOptions {
  readonly onBytes: (bytes: number) => void;
  readonly seal: Seal | undefined;
  readonly signal: AbortSignal;
}

/** A table of the snapshot. Only `stored` ones have rows of their own in the dump. */
export interface DumpedTable {
  readonly schema: string;
  readonly name: string;
  readonly owner: string;
  readonly stored: boolean;
}

/**
 * Dumps the snapshot to `path`. While pg_dump writes, pg_restore reads the same bytes to their end and its rows are
 * counted: a short archive cannot pass. `check` gets the rows by `schema.table` and throws when they are not those of
 * the snapshot.
 */
export async function dumpPostgres(
  job: {
    target: DatabaseTarget;
    credentials: Credentials;
    programs: PostgresPrograms;
    snapshot: string;
    tables: readonly DumpedTable[];
    check: (rows: ReadonlyMap<string, number>) => void;
  },
  path: string,
  { onBytes, seal, signal }: DumpOptions,
): Promise<DumpResult> {
  const ours = new AbortController();
  const options = {
    signal: AbortSignal.any([signal, ours.signal]),
    env: job.credentials.env,
    secrets: job.credentials.secrets,
    code: "E_DUMP",
  } satisfies CommandOptions;
  const flags = ["-Fc", `--snapshot=${job.snapshot}`, "--no-password", `--lock-wait-timeout=${LOCK_WAIT_MS}`];
  const dump = startCommand([...job.programs.dump, ...flags, `--dbname=${job.target.url}`], options);
  dump.stdin.on("error", () => {}).end();
  const ended = withFirstComplaint(dump, dump.done, options);
  ended.catch(() => {}); // awaited when all has been read
  let said = "";
  const reader = startReader(job.programs.restore, options);
  const lister = startLister(job.programs.restore, options);
  const tee = async function* (): AsyncGenerator<Uint8Array> {
    for await (const chunk of dump.stdout as AsyncIterable<Buffer>) {
      await reader.feed(chunk);
      await lister.feed(chunk);
      yield chunk;
    }
    said = (await ended).stderr; // a program that failed says why, before anything is said of what it wrote
  };
  try {
    const written = await writeDump(path, tee(), {
      signal,
      onBytes,
      seal,
      check: async () => {
        const rows = await reader.end();
        job.check(rows.tables);
        checkList(await lister.end(), rows.encoding, job.tables);
      },
    });
    const warned = said.split("\n").filter((line) => line.includes("warning:"));
    const warnings = [...job.programs.warnings, ...new Set(warned)].slice(0, 20);
    return { ...written, media_type: "application/vnd.postgresql.dump", warnings };
  } finally {
    ours.abort();
    await Promise.allSettled([dump.done, reader.done, lister.done]);
  }
}

/** A pg_restore that is fed the archive and whose rows are counted. */
function startReader(restore: readonly string[], options: CommandOptions) {
  const command = startCommand([...restore, "--data-only", "--file=-"], options);
  const rows = new CopyRows();
  const counted = pipeline(command.stdout, async (source: AsyncIterable<Buffer>) => {
    for await (const chunk of source) rows.push(chunk);
  });
  counted.catch(() => {}); // awaited in end()
  let wake: (() => void) | undefined;
  let ended = false;
  const end = (): void => {
    ended = true;
    wake?.();
  };
  command.done.then(end, end);
  command.stdin.on("error", () => {}); // pg_restore has given up: `done` says why
  command.stdin.on("drain", () => wake?.());
  return {
    done: command.done,
    feed: async (chunk: Uint8Array): Promise<void> => {
      if (!ended && !command.stdin.write(chunk)) await new Promise<void>((resolve) => (wake = resolve));
      if (ended) await command.done; // a reader that stopped before the end: its error is ours
    },
    end: async (): Promise<CopyRows> => {
      command.stdin.end();
      await command.done;
      await counted;
      return rows;
    },
  };
}

/** Throws when a table lacks its definition in the archive's list, or, where it stores rows, its data. */
function checkList(list: readonly string[], encoding: string, tables: readonly DumpedTable[]): void {
  const entries = new Set(list.map((entry) => decodeName(entry, encoding)));
  for (const { schema, name, owner, stored } of tables) {
    const entry = `${schema} ${name} ${owner}`.replace(/[\r\n]/g, " "); // as pg_restore prints them
    const missing = ["TABLE", ...(stored ? ["TABLE DATA"] : [])].find((type) => !entries.has(`${type} ${entry}`));
    if (missing !== undefined) {
      throw new HoldfastError("E_DUMP", `the dump has no ${missing} entry for ${schema}.${name}`);
    }
  }
}
