/** One psql session that holds one snapshot. */
import { randomUUID } from "node:crypto";
import type { Readable } from "node:stream";
import { setTimeout as sleep } from "node:timers/promises";
import * as z from "zod";
import { HoldfastError } from "../../errors.ts";
import { startCommand } from "../../exec/command.ts";
import type { Credentials } from "../access/credentials.ts";
import type { DatabaseTarget } from "../snapshot.ts";
import { findProgram } from "../access/programs.ts";
import { ClientSession } from "../client-session.ts";
import { numberOrText, parseJson, toRow, withoutSemicolon } from "../query-values.ts";

/** `row_to_json` type and text of each column: psql prints a row as an array of these, on one line. */
const rowSchema = z.array(z.tuple([z.string(), z.string(), z.string().nullable()]));

const SETTINGS = `
set client_encoding to 'UTF8';
set timezone to 'UTC';
set datestyle to 'ISO, YMD';
set intervalstyle to 'postgres';
set extra_float_digits to 1;
set row_security to off;
set default_transaction_deferrable to off;
select set_config(name, '0', false) from pg_catalog.pg_settings where name in
  ('statement_timeout', 'lock_timeout', 'idle_in_transaction_session_timeout', 'idle_session_timeout', 'transaction_timeout');
begin isolation level repeatable read read only;
`;

/** The server's facts when the snapshot is taken. */
const openedSchema = z.object({
  snapshot: z.string(),
  at: z.string(),
  version: z.string(),
  major: z.number(),
  size: z.number(),
  encoding: z.string(),
  schemas: z.array(z.string()).nullable(),
});
export type OpenedSnapshot = z.infer<typeof openedSchema>;

const OPENED = `
  select pg_catalog.pg_export_snapshot() as snapshot,
    to_char(clock_timestamp() at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"') as at,
    current_setting('server_version') as version,
    current_setting('server_version_num')::int / 10000 as major,
    pg_catalog.pg_database_size(pg_catalog.current_database()) as size,
    pg_catalog.getdatabaseencoding() as encoding, to_json(pg_catalog.current_schemas(false)) as schemas`;

/** Characters of psql's last messages that are kept for an error. */
const SAID = 2000;

export class PostgresSession {
  readonly opened: OpenedSnapshot;
  readonly #session: ClientSession;
  #said = "";

  private constructor(session: ClientSession, opened: OpenedSnapshot, stderr: Readable) {
    this.#session = session;
    this.opened = opened;
    stderr.on("data", (text: Buffer) => (this.#said = (this.#said + text.toString()).slice(-SAID)));
  }

  /** Connects and begins the transaction. Throws `E_DATABASE`. */
  static async open(target: DatabaseTarget, credentials: Credentials, signal: AbortSignal): Promise<PostgresSession> {
    const { execPrefix } = target;
    if (execPrefix.length === 0 && findProgram(["psql"]) === undefined) {
      throw new HoldfastError("E_DATABASE", "psql is not installed", { hint: "apt-get install postgresql-client" });
    }
    const options = ["-X", "-q", "-A", "-t", "--no-password", "-v", "VERBOSITY=terse"];
    const argv = [...execPrefix, "psql", ...options, "-d", withTimeout(target.url)];
    const { env, secrets } = credentials;
    const command = startCommand(argv, { signal, env, secrets, code: "E_DATABASE" });
    const session = new ClientSession(command);
    try {
      await run(session, SETTINGS);
      const [opened] = await select(session, OPENED);
      // A failing query must not end the transaction, and the snapshot with it: psql sets a savepoint before each from
      // now on.
      await run(session, "\\set ON_ERROR_ROLLBACK on\n");
      return new PostgresSession(session, openedSchema.parse(opened), command.stderr);
    } catch (error) {
      await session.close();
      throw error;
    }
  }

  /** Runs one SELECT. Throws `E_DATABASE` with the server's words; the snapshot lives on. */
  async query(sql: string): Promise<Record<string, unknown>[]> {
    return await select(this.#session, sql);
  }

  /**
   * Runs one COPY TO STDOUT and hands over each line. Throws `E_DATABASE` with the server's words, also when the rows
   * break off half-way. psql does not set `:ERROR` for a COPY that fails while it prints rows, but the failure ends the
   * transaction: a query after it tells. The savepoint rolls back to a usable transaction.
   */
  async lines(statement: string, onLine: (line: string) => void): Promise<void> {
    const mark = randomUUID();
    let state: string | undefined;
    this.#said = "";
    await this.#session.lines(
      `\\set ON_ERROR_ROLLBACK off\nsavepoint holdfast_lines;\n${statement}\\echo ${mark} rows\n` +
        `select 1 as holdfast_done \\gset\n\\echo ${mark} :ERROR\n` +
        `rollback to savepoint holdfast_lines;\nrelease savepoint holdfast_lines;\n` +
        `\\set ON_ERROR_ROLLBACK on\n\\echo ${mark} end\n`,
      (line) => {
        if (line === `${mark} end`) return true;
        if (line.startsWith(`${mark} `)) state = line.slice(mark.length + 1);
        else if (state === undefined) onLine(line);
        return false;
      },
    );
    if (state === "false") return;
    // The words come by another pipe, where they are by now, but perhaps not read.
    for (let turn = 0; turn < 100 && !this.#said.includes("\n"); turn++) await sleep(10);
    const [first = "the rows broke off"] = /ERROR: +(.*)/.exec(this.#said)?.slice(1) ?? [];
    throw new HoldfastError("E_DATABASE", `PostgreSQL refused to read the rows: ${first}`);
  }

  async close(): Promise<void> {
    await this.#session.close();
  }
}

/**
 * psql is given the SELECT as a string to pass on, so that it parses nothing of it: no quote left open, no `\\!`, no
 * `:name`.
 */
async function select(session: ClientSession, sql: string): Promise<Record<string, unknown>[]> {
  if (sql.includes("\0")) throw new HoldfastError("E_DATABASE", "the query holds a NUL byte");
  const tag = `$holdfast_${randomUUID().replaceAll("-", "")}$`;
  const cells = "json_build_array(holdfast_cell.key, json_typeof(holdfast_cell.value), holdfast_cell.value #>> '{}')";
  const answer = await run(
    session,
    `select ${tag}select (select json_agg(${cells}) from json_each(row_to_json(holdfast_row)) holdfast_cell)` +
      ` from (${withoutSemicolon(sql)}\n) holdfast_row${tag} \\gexec\n`,
  );
  return answer.split("\n").slice(0, -1).map(readRow);
}

async function run(session: ClientSession, script: string): Promise<string> {
  const mark = randomUUID();
  const answer = await session.ask(
    `${script}\\echo ${mark} :ERROR\n\\echo :LAST_ERROR_MESSAGE\n\\echo ${mark} end\n`,
    `${mark} end\n`,
  );
  const at = answer.lastIndexOf(`${mark} `);
  const [state, ...message] = answer.slice(at + mark.length + 1).split("\n");
  if (state === "false") return answer.slice(0, at);
  const hint = "run the query with psql, as the same database user";
  throw new HoldfastError("E_DATABASE", `PostgreSQL refused the query: ${message.join(" ").trim()}`, { hint });
}

function readRow(line: string): Record<string, unknown> {
  if (line === "") return {}; // a row without columns
  return toRow(rowSchema.parse(JSON.parse(line)).map(([name, type, text]) => [name, value(type, text)]));
}

function value(type: string, text: string | null): unknown {
  if (text === null) return null;
  if (type === "number") return numberOrText(text);
  if (type === "boolean") return text === "true";
  return type === "object" || type === "array" ? parseJson(text) : text;
}

/** Adds a connection timeout: by default libpq waits for ever for a host that does not answer. */
export function withTimeout(url: string): string {
  if (/[?&]connect_timeout=/.test(url)) return url;
  return `${url}${url.includes("?") ? "&" : "?"}connect_timeout=15`;
}
