/** Connects to MySQL and MariaDB through `mysql2`, with text for all values but binary ones. */
import mysql from "mysql2";
import type { DatabaseTarget } from "../../../database/snapshot.ts";
import { clientOptions } from "../../../database/access/my-cnf.ts";
import { describeMysql } from "../../../database/mysql/url.ts";
import { HoldfastError } from "../../../errors.ts";
import { CellBatch } from "../../engine/cell-batch.ts";
import { Batch } from "../shared/row-batches.ts";
import { mysqlOptions } from "./option-files.ts";
import type { Connection } from "../../engine/connection.ts";
import { mariadb as mariadbEngine, mysql as mysqlEngine } from "./engine.ts";
import type { Cell, ConnectionMode, Row } from "../../engine/session.ts";

/** The rows that the driver buffers beyond those taken: they may be large. */
const READ_AHEAD = 50;
/** The time limit for killing a statement. */
const KILL_MS = 5000;
const MODE = "STRICT_ALL_TABLES,NO_AUTO_VALUE_ON_ZERO,NO_ENGINE_SUBSTITUTION";
const { quote } = mysqlEngine.dialect;

const isRow = (row: unknown): row is Row => Array.isArray(row);
const isRows = (answer: unknown): answer is Row[] => Array.isArray(answer);

/**
 * Connects to a server. Throws `E_DATABASE` if it does not answer or rejects the connection, `E_USAGE` for option files
 * that ask for more than the driver can do.
 */
export async function connect(target: DatabaseTarget, mode: ConnectionMode, signal: AbortSignal): Promise<Connection> {
  signal.throwIfAborted();
  const options = mysqlOptions(target, describeMysql(target.url), clientOptions());
  const { password } = options;
  const client = mysql.createConnection({
    ...options,
    charset: "utf8mb4",
    rowsAsArray: true,
    jsonStrings: true,
    flags: ["-LOCAL_FILES"],
    typeCast: (field, next) => {
      if (field.type === "BIT") {
        const bits = field.buffer();
        return bits === null ? null : BigInt(`0x${bits.toString("hex") || "0"}`).toString();
      }
      if (field.type === "GEOMETRY") return field.buffer();
      // The driver returns bytes for the character set `binary`; numbers and times have it too, but are text.
      return /BLOB|STRING|VARCHAR/.test(field.type) ? next() : field.string("utf8");
    },
  });
  client.on("error", () => {}); // the running statement, or the next one, reports it
  let abandoned = false;
  let killed = Promise.resolve();
  const abandon = (): void => {
    if (abandoned) return;
    abandoned = true;
    client.destroy(); // the server rolls back, once it notices
    killed = kill(options, client.threadId);
  };
  signal.addEventListener("abort", abandon, { once: true });
  const query = async (sql: string, values: readonly Cell[] = []): Promise<unknown> =>
    await new Promise((resolve, reject) => {
      const aborted = (): void => reject(failure(signal.reason));
      if (signal.aborted) return aborted();
      signal.addEventListener("abort", aborted, { once: true });
      client.query(sql, [...values], (error, result) => {
        signal.removeEventListener("abort", aborted);
        if (error) reject(failure(error));
        else resolve(result);
      });
    });
  const failure = (error: unknown): HoldfastError => {
    if (signal.aborted) return new HoldfastError("E_INTERRUPTED", "interrupted", { cause: signal.reason });
    if (error instanceof HoldfastError) return error;
    const text = error instanceof Error ? error.message : String(error);
    return new HoldfastError("E_DATABASE", `MySQL: ${password ? text.replaceAll(password, "***") : text}`);
  };
  const rows = async (sql: string, parameters: readonly Cell[] = []): Promise<Row[]> => {
    const result = await query(sql, parameters);
    return isRows(result) ? result : [];
  };
  try {
    const serverVersion = String((await rows("select version()"))[0]?.[0]);
    const maria = /mariadb/i.test(serverVersion);
    const limit = maria ? "max_statement_time = 0" : "max_execution_time = 0";
    await query(
      `set time_zone = '+00:00', sql_mode = '${MODE}', net_write_timeout = 3600, net_read_timeout = 3600, ${limit}`,
    );
    await query(`set transaction isolation level ${mode === "read" ? "repeatable read" : "read committed"}`);
    // Applies even if a statement ends this transaction.
    if (mode === "read") await query("set session transaction read only");
    await query(mode === "read" ? "start transaction with consistent snapshot, read only" : "start transaction");
    const packet = Number((await rows("select @@max_allowed_packet"))[0]?.[0]);
    const most = Math.min(1 << 20, Math.floor(packet / 2));
    const own: Connection = {
      engine: maria ? mariadbEngine : mysqlEngine,
      serverVersion,
      quote,
      rows,
      async run(sql, parameters = []) {
        const result = await query(sql, parameters);
        if (isRows(result)) return result.length;
        return typeof result === "object" && result !== null && "affectedRows" in result
          ? Number(result.affectedRows)
          : 0;
      },
      async *stream(sql, parameters = []) {
        const answer = client.query(sql, [...parameters]).stream({ highWaterMark: READ_AHEAD });
        const aborted = (): void => void answer.destroy(failure(signal.reason));
        signal.addEventListener("abort", aborted, { once: true });
        const batch = new Batch();
        let ended = false;
        try {
          for await (const row of answer) {
            if (!isRow(row)) continue;
            batch.add(row);
            if (batch.isFull) yield batch.take();
          }
          ended = true;
        } catch (error) {
          throw failure(error);
        } finally {
          signal.removeEventListener("abort", aborted);
          if (!ended) abandon(); // the rest of the result would be the answer to the next query
        }
        if (!batch.isEmpty) yield batch.take();
      },
      async *streamBytes(sql, parameters) {
        for await (const batch of own.stream(sql, parameters)) yield CellBatch.of(batch);
      },
      async load(table, columns, batches) {
        const head = `insert into ${table} (${columns.map(quote).join(", ")}) values `;
        let [count, size, values] = [0, 0, [] as string[]];
        const flush = async (): Promise<void> => {
          if (values.length > 0)
            await query(head + values.join(",")).catch((error: unknown) => {
              throw inAll(error, count - values.length);
            });
          [size, values] = [0, []];
        };
        for await (const batch of batches) {
          for (const row of batch) {
            const text = `(${row.map((value) => mysql.escape(value)).join(",")})`;
            const bytes = Buffer.byteLength(text) + 1;
            if (size + bytes > most) await flush();
            values.push(text);
            size += bytes;
            count++;
          }
        }
        await flush();
        return count;
      },
      async close() {
        signal.removeEventListener("abort", abandon);
        if (!abandoned) await query("rollback").catch(() => {});
        client.destroy();
        await killed;
      },
    };
    return own;
  } catch (error) {
    signal.removeEventListener("abort", abandon);
    client.destroy();
    throw failure(error);
  }
}

/** Corrects the row number in an error: the server counts the rows of one statement. */
function inAll(error: unknown, before: number): unknown {
  if (!(error instanceof HoldfastError) || error.code !== "E_DATABASE") return error;
  const message = error.message.replace(/ at row (\d+)$/, (_all, row: string) => ` at row ${Number(row) + before}`);
  return new HoldfastError("E_DATABASE", message, { cause: error });
}

/** Kills the running statement: a busy server does not notice that its client has gone. */
async function kill(options: mysql.ConnectionOptions, thread: number | undefined): Promise<void> {
  if (thread === undefined || thread === 0) return;
  const other = mysql.createConnection({ ...options, connectTimeout: KILL_MS });
  other.on("error", () => {});
  await new Promise<void>((resolve) => {
    other.query({ sql: "kill ?", values: [thread], timeout: KILL_MS }, () => resolve()); // it may have ended already
  });
  other.destroy();
}
