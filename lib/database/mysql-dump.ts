/**
 * The dump program, started while its snapshot can still be made the same as the session's: it waits, a little of its output read ahead,
 * until somebody asks for the dump.
 */
import { PassThrough } from "node:stream";
import { pipeline } from "node:stream/promises";
import { createGzip } from "node:zlib";
import { HoldfastError } from "../errors.ts";
import { runCommand, startCommand, type RunningCommand } from "../exec/command.ts";
import type { DumpResult } from "./engine.ts";
import { InsertRows } from "./insert-rows.ts";
import { findClient, type MysqlAccess } from "./mysql-access.ts";
import { writeDump } from "./output.ts";

/** So much is read ahead. What is larger stands still, which the server bears for net_write_timeout (60 s unless set). */
const READ_AHEAD_BYTES = 32 << 20;

const FLAGS = [
  "--single-transaction",
  "--quick",
  "--routines",
  "--triggers",
  "--events",
  "--hex-blob",
  "--no-tablespaces",
  "--comments", // the end mark is one
  "--verbose", // tells when the transaction has begun
];
/** Of MySQL's own program only: nothing that asks for more rights, or that another server could not load. */
const MYSQL_FLAGS = ["--set-gtid-purged=OFF", "--loose-column-statistics=0"];

const RIGHTS =
  "the database user needs SELECT, LOCK TABLES, SHOW VIEW, TRIGGER and EVENT on the database, and for routines that others made " +
  "SELECT on mysql.proc (MariaDB) or SHOW_ROUTINE (MySQL)";

export class MysqlDump {
  readonly warnings: readonly string[];
  /** Settles when the program's transaction has begun, or when it has ended. */
  readonly begun: Promise<void>;
  readonly #command: RunningCommand;
  readonly #output: PassThrough;
  readonly #abort: AbortController;
  readonly #signal: AbortSignal;

  private constructor(
    access: MysqlAccess,
    program: readonly string[],
    flags: readonly string[],
    warnings: readonly string[],
  ) {
    this.warnings = warnings;
    this.#abort = new AbortController();
    this.#signal = access.options.signal;
    const signal = AbortSignal.any([this.#signal, this.#abort.signal]);
    const argv = [...program, ...access.connection, ...FLAGS, ...flags, "--", access.database];
    const command = startCommand(argv, { ...access.options, signal, code: "E_DUMP" });
    this.#command = command;
    command.stdin.on("error", () => {}).end();
    this.#output = new PassThrough({ highWaterMark: READ_AHEAD_BYTES });
    this.#output.on("error", () => {}); // whoever reads it gets the error as well
    pipeline(command.stdout, this.#output, { signal }).catch(() => {});
    this.begun = new Promise((resolve) => {
      command.stderr.on("data", (text: Buffer) => {
        if (/^-- (?:Setting savepoint|Retrieving)/m.test(text.toString())) resolve();
      });
      command.done.then(
        () => resolve(),
        () => resolve(),
      );
    });
  }

  /** Starts the program that suits the server. Throws `E_DUMP` when there is none. */
  static async start(access: MysqlAccess, server: "mysql" | "mariadb"): Promise<MysqlDump> {
    const names = server === "mysql" ? ["mysqldump", "mariadb-dump"] : ["mariadb-dump", "mysqldump"];
    const { signal } = access.options;
    const found = await findClient(names, access.execPrefix, { signal, code: "E_DUMP" });
    if (found === undefined) {
      const hint = "apt-get install mariadb-client, or the mysql-client of the server's vendor";
      throw new HoldfastError("E_DUMP", `${names.join(" and ")} are not installed`, { hint });
    }
    const program = [...access.execPrefix, found];
    const { stdout } = await runCommand([...program, "--version"], { signal, code: "E_DUMP" });
    const flavour = /mariadb/i.test(stdout) ? "mariadb" : "mysql";
    const warning = `dumped from a ${server} server with ${stdout.trim()}: load it into a new database of the server's own kind to be sure`;
    return new MysqlDump(access, program, flavour === "mysql" ? MYSQL_FLAGS : [], flavour === server ? [] : [warning]);
  }

  /** Writes the dump, compressed. `check` gets the rows by table and throws when they are not those of the snapshot. */
  async write(
    path: string,
    onBytes: (bytes: number) => void,
    check: (rows: ReadonlyMap<string, number>) => void,
  ): Promise<DumpResult> {
    const rows = new InsertRows();
    const scanned = async function* (chunks: AsyncIterable<Buffer>): AsyncGenerator<Buffer> {
      for await (const chunk of chunks) {
        rows.push(chunk);
        yield chunk;
      }
    };
    const output = this.#output;
    const signal = this.#signal;
    const squeezed = async function* (): AsyncGenerator<Buffer> {
      const gzip = createGzip();
      const done = pipeline(output, scanned, gzip, { signal });
      done.catch(() => {}); // it destroys gzip with the error, which comes out below
      yield* gzip;
      await done;
    };
    try {
      const written = await writeDump(path, squeezed(), {
        signal,
        onBytes,
        check: async () => {
          await this.#command.done;
          if (!rows.complete) throw new HoldfastError("E_DUMP", "the dump has no end mark: it was cut short");
          check(rows.tables);
        },
      });
      return { ...written, media_type: "application/gzip", warnings: this.warnings };
    } catch (error) {
      await this.stop();
      if (error instanceof HoldfastError && error.code === "E_DUMP" && /ended with status/.test(error.message)) {
        const message = error.message.replace(/-- [^\n]*?\.\.\. ?/g, ""); // what --verbose tells
        throw new HoldfastError("E_DUMP", message, { hint: RIGHTS });
      }
      throw error;
    }
  }

  /** Ends the program if it still runs. Never throws. */
  async stop(): Promise<void> {
    this.#abort.abort();
    await this.#command.done.catch(() => {});
  }
}
