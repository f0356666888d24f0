/** Connects to PostgreSQL through `pg`, with all values as the server's own text and bytea as bytes. */
import { pipeline } from "node:stream/promises";
import pg from "pg";
import { from as copyFrom, to as copyTo } from "pg-copy-streams";
import Cursor from "pg-cursor";
import type { DatabaseTarget } from "../../../database/snapshot.ts";
import { HoldfastError } from "../../../errors.ts";
import { CellBatch } from "../../engine/cell-batch.ts";
import type { Connection } from "../../engine/connection.ts";
import { postgres } from "./engine.ts";
import type { Cell, ConnectionMode, Row } from "../../engine/session.ts";
import { copyLines, CopyReader } from "./copy-format.ts";
import { assertNoLibpqOnlySettings, withPgpass } from "./url.ts";

const BATCH = 500;
const BYTEA = 17;
/** The time limit for cancelling a statement. */
const CANCEL_MS = 5000;
const SETTINGS = {
  timezone: "UTC",
  datestyle: "ISO",
  intervalstyle: "postgres",
  extra_float_digits: "1",
  bytea_output: "hex",
  client_encoding: "UTF8",
  statement_timeout: "0",
  row_security: "off",
  standard_conforming_strings: "on",
  xmloption: "content",
};
const types = {
  getTypeParser: (oid: number) => (value: string) => (oid === BYTEA ? Buffer.from(value.slice(2), "hex") : value),
};
const { quote } = postgres.dialect;

/**
 * Connects to a server. Throws `E_DATABASE` if it does not answer or rejects the connection, `E_USAGE` for a URL that
 * only libpq understands.
 */
export async function connect(given: DatabaseTarget, mode: ConnectionMode, signal: AbortSignal): Promise<Connection> {
  signal.throwIfAborted();
  assertNoLibpqOnlySettings(given.url);
  const target = withPgpass(given, new pg.Client({ connectionString: given.url }));
  const password = target.password === undefined ? {} : { password: target.password };
  const options = { connectionString: withPassword(target), ...password };
  const client = new pg.Client(options);
  client.on("error", () => {}); // the running statement, or the next one, reports it
  let backend = "";
  let cancelled = Promise.resolve();
  const stop = (): void => {
    client.connection.stream.destroy(); // the server rolls back, once it notices
    if (backend !== "") cancelled = cancel(options, backend);
  };
  signal.addEventListener("abort", stop, { once: true });
  const failure = (error: unknown): unknown => databaseError(error, signal, target.password);
  try {
    await client.connect();
    for (const [name, value] of Object.entries(SETTINGS)) await client.query(`set ${name} = '${value}'`);
    await client.query(
      mode === "read" ? "begin isolation level repeatable read read only" : "begin isolation level read committed",
    );
    // The snapshot begins with the first select.
    const text = "select current_setting('server_version'), pg_backend_pid()";
    const [about] = (await client.query<string[]>({ text, rowMode: "array", types })).rows;
    backend = String(about?.[1]);
    return connection(client, String(about?.[0]), failure, async () => {
      signal.removeEventListener("abort", stop);
      await cancelled;
    });
  } catch (error) {
    signal.removeEventListener("abort", stop);
    void client.end().catch(() => {});
    throw failure(error);
  }
}

/** Cancels the running statement: a busy server does not notice that its client has gone. */
async function cancel(options: pg.ClientConfig, backend: string): Promise<void> {
  const other = new pg.Client({ ...options, connectionTimeoutMillis: CANCEL_MS, query_timeout: CANCEL_MS });
  other.on("error", () => {});
  try {
    await other.connect();
    await other.query("select pg_cancel_backend($1)", [backend]);
  } catch {
    // the server itself may be gone
  } finally {
    await other.end().catch(() => {});
  }
}

/** Adds the password to the URL, because what `pg` reads from a URL overrides its other options. */
function withPassword({ url, password }: DatabaseTarget): string {
  if (password === undefined) return url;
  const [path = "", query = ""] = url.split("?", 2);
  return `${path}?${query === "" ? "" : `${query}&`}password=${encodeURIComponent(password)}`;
}

function connection(
  client: pg.Client,
  serverVersion: string,
  failure: (error: unknown) => unknown,
  ended: () => Promise<void>,
): Connection {
  const query = async (sql: string, values: readonly Cell[]) => {
    try {
      return await client.query<Cell[]>({ text: numbered(sql), values: [...values], rowMode: "array", types });
    } catch (error) {
      throw failure(error);
    }
  };
  const own: Connection = {
    engine: postgres,
    serverVersion,
    quote,
    rows: async (sql, parameters = []) => (await query(sql, parameters)).rows,
    run: async (sql, parameters = []) => (await query(sql, parameters)).rowCount ?? 0,
    async *stream(sql, parameters = []) {
      const cursor = client.query(new Cursor<Row>(numbered(sql), [...parameters], { rowMode: "array", types }));
      try {
        for (let rows; (rows = await cursor.read(BATCH)).length > 0;) yield rows;
      } catch (error) {
        throw failure(error);
      } finally {
        await cursor.close().catch(() => {});
      }
    },
    async *streamBytes(sql, parameters = []) {
      // COPY takes no parameters.
      if (parameters.length > 0) {
        for await (const batch of own.stream(sql, parameters)) yield CellBatch.of(batch);
        return;
      }
      const reader = new CopyReader();
      const answer = client.query(copyTo(`copy (${sql}) to stdout`));
      let isOver = false;
      try {
        for await (const chunk of answer) if (Buffer.isBuffer(chunk)) yield reader.rows(chunk);
        isOver = true;
      } catch (error) {
        isOver = error instanceof pg.DatabaseError;
        throw failure(error);
      } finally {
        // The rest of the result would be the answer to the next query.
        if (!isOver) client.connection.stream.destroy();
      }
    },
    async load(table, columns, batches) {
      let count = 0;
      const lines = async function* (): AsyncGenerator<string> {
        for await (const batch of batches) {
          count += batch.length;
          yield copyLines(batch);
        }
      };
      try {
        await pipeline(lines, client.query(copyFrom(`copy ${table} (${columns.map(quote).join(", ")}) from stdin`)));
      } catch (error) {
        throw failure(error);
      }
      return count;
    },
    async close() {
      await ended();
      await client.query("rollback").catch(() => {});
      await client.end().catch(() => {});
    },
  };
  return own;
}

/** Replaces each `?` outside of quotes and comments by `$1`, `$2` … */
function numbered(sql: string): string {
  let count = 0;
  const skipped = /'(?:[^']|'')*'|"(?:[^"]|"")*"|\$([A-Za-z_]*)\$[\s\S]*?\$\1\$|--[^\n]*|\/\*[\s\S]*?\*\/|\?/g;
  return sql.replace(skipped, (found) => (found === "?" ? `$${++count}` : found));
}

function databaseError(error: unknown, signal: AbortSignal, password: string | undefined): unknown {
  if (signal.aborted) return new HoldfastError("E_INTERRUPTED", "interrupted", { cause: signal.reason });
  if (error instanceof HoldfastError) return error;
  const said = error instanceof Error ? [error.message] : [String(error)];
  if (error instanceof pg.DatabaseError) said.push(error.detail ?? "", error.where ?? "");
  const text = said.filter((part) => part !== "").join("; ");
  return new HoldfastError("E_DATABASE", `PostgreSQL: ${password ? text.replaceAll(password, "***") : text}`);
}
