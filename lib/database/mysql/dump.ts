/**
 * Runs the dump program. It starts together with the session, so that both see the same snapshot, and waits with a
 * little of its output read ahead until the dump is requested.
 */
import { PassThrough } from "node:stream";
import { pipeline } from "node:stream/promises";
import { createGzip } from "node:zlib";
import type { Seal } from "../../model/seal.ts";
import { HoldfastError } from "../../errors.ts";
import { runCommand, startCommand, type RunningCommand } from "../../exec/command.ts";
import type { DumpResult } from "../snapshot.ts";
import { InsertRows } from "./count-insert-rows.ts";
import { findClient, type MysqlAccess } from "./client.ts";
import { dumpRows } from "./floats.ts";
import type { MysqlSession } from "./session.ts";
import type { MysqlTable } from "./tables.ts";
import { writeDump } from "../dump-file.ts";

/** Bytes read ahead. A larger dump waits, which the server allows for net_write_timeout (60 s by default). */
const READ_AHEAD_BYTES = 32 << 20;

const FLAGS = [
  "--single-transaction",
  "--quick",
  "--hex-blob",
  "--no-tablespaces",
  "--comments", // the end mark is one
  "--verbose", // tells when the transaction has begun
  "--max-allowed-packet=1073741824",
];
const CODE = ["--routines", "--triggers", "--events"];
/** Triggers come after rows that are added, else they would fire on them; events likewise. */
const CODE_APART = [
  ["--routines", "--skip-triggers", "--skip-events"],
  ["--no-create-info", "--no-data", "--skip-routines", "--triggers", "--events"],
] as const;
/** Flags for MySQL's own program: no statements that need more rights or that other servers cannot load. */
const MYSQL_FLAGS = ["--set-gtid-purged=OFF", "--loose-column-statistics=0"];

const RIGHTS =
  "the database user needs SELECT, LOCK TABLES, SHOW VIEW, TRIGGER and EVENT on the database, and for routines that others made " +
  "SELECT on mysql.proc (MariaDB) or SHOW_ROUTINE (MySQL)";

export interface Schema {
  readonly tables: readonly MysqlTable[];
  /** The database has sequences. */
  readonly sequences: boolean;
}

/** The arguments for the tables of a dump, and the warnings for tables that it cannot dump whole. */
interface DumpPlan {
  readonly tables: readonly MysqlTable[];
  /** Tables whose rows are written by us, between the program's tables and its triggers. */
  readonly byUs: readonly MysqlTable[];
  /** Tables whose FLOAT columns lose digits. */
  readonly rounded: readonly MysqlTable[];
  readonly flags: readonly string[];
}

/** A dump program. */
interface DumpProgram {
  /** With the prefix. */
  readonly program: readonly string[];
  readonly flavour: "mysql" | "mariadb";
  /** Its line about itself. */
  readonly version: string;
  /** Set if it is made for another kind of server. */
  readonly warning: string | undefined;
}

/** Finds the dump program for the server. Throws `E_DUMP` if none is installed. */
export async function findDumpProgram(access: MysqlAccess, server: "mysql" | "mariadb"): Promise<DumpProgram> {
  const names = server === "mysql" ? ["mysqldump", "mariadb-dump"] : ["mariadb-dump", "mysqldump"];
  const { signal } = access.options;
  const found = await findClient(names, access.execPrefix, { signal, code: "E_DUMP" });
  if (found === undefined) {
    const hint = "apt-get install mariadb-client, or the mysql-client of the server's vendor";
    throw new HoldfastError("E_DUMP", `${names.join(" and ")} are not installed`, { hint });
  }
  const program = [...access.execPrefix, found];
  const { stdout } = await runCommand([...program, "--version"], { signal, code: "E_DUMP" });
  const version = stdout.trim();
  const flavour = /mariadb/i.test(stdout) ? "mariadb" : "mysql";
  const warning =
    flavour === server
      ? undefined
      : `dumped from a ${server} server with ${version}: load it into a new database of the server's own kind to be sure`;
  return { program, flavour, version, warning };
}

export class MysqlDump {
  readonly warnings: readonly string[];
  /** Settles when the program's transaction has begun, or when it has ended. */
  readonly begun: Promise<void>;
  readonly #command: RunningCommand;
  readonly #output: PassThrough;
  readonly #abort: AbortController;
  readonly #access: MysqlAccess;
  readonly #argv: readonly string[];
  readonly #plan: DumpPlan;

  private constructor(
    access: MysqlAccess,
    program: readonly string[],
    flags: readonly string[],
    plan: DumpPlan,
    warnings: readonly string[],
  ) {
    this.warnings = warnings;
    this.#abort = new AbortController();
    this.#access = access;
    this.#plan = plan;
    this.#argv = [...program, ...access.connection, ...FLAGS, ...flags];
    const code = plan.byUs.length > 0 ? CODE_APART[0] : CODE;
    const command = this.#start([...code, ...plan.flags]);
    this.#command = command;
    this.#output = new PassThrough({ highWaterMark: READ_AHEAD_BYTES });
    this.#output.on("error", () => {}); // whoever reads it gets the error as well
    pipeline(command.stdout, this.#output, { signal: this.#signal }).catch(() => {});
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

  /** Starts the dump program for the server. Throws `E_DUMP` if none is installed. */
  static async start(access: MysqlAccess, server: "mysql" | "mariadb", schema: Schema): Promise<MysqlDump> {
    const { program, flavour, version, warning } = await findDumpProgram(access, server);
    const plan = await planFor(program, access, schema);
    const rounded = plan.rounded.map(
      ({ key, floats }) => `FLOAT columns of ${key} (${floats.join(", ")}) are rounded to six digits by ${version}`,
    );
    return new MysqlDump(access, program, flavour === "mysql" ? MYSQL_FLAGS : [], plan, [
      ...(warning === undefined ? [] : [warning]),
      ...rounded,
    ]);
  }

  /** The tables, with what is known of their history in the dump. */
  get tables(): readonly MysqlTable[] {
    return this.#plan.tables;
  }

  /** Tables whose FLOAT columns lose digits in the dump. */
  get rounded(): readonly MysqlTable[] {
    return this.#plan.rounded;
  }

  get #signal(): AbortSignal {
    return AbortSignal.any([this.#access.options.signal, this.#abort.signal]);
  }

  #start(flags: readonly string[]): RunningCommand {
    const argv = [...this.#argv, ...flags, "--", this.#access.database];
    const command = startCommand(argv, { ...this.#access.options, signal: this.#signal, code: "E_DUMP" });
    command.stdin.on("error", () => {}).end();
    return command;
  }

  /**
   * Writes the dump, compressed. `session` is the snapshot's, for the rows that the program cannot write. `check` gets
   * the rows by table and throws when they are not those of the snapshot.
   */
  async write(
    path: string,
    {
      session,
      onBytes,
      seal,
      check,
    }: {
      readonly session: MysqlSession;
      readonly onBytes: (bytes: number) => void;
      readonly seal: Seal | undefined;
      readonly check: (rows: ReadonlyMap<string, number>) => void;
    },
  ): Promise<DumpResult> {
    const rows = new InsertRows();
    const scanned = async function* (chunks: AsyncIterable<Buffer>): AsyncGenerator<Buffer> {
      for await (const chunk of chunks) {
        rows.push(chunk);
        yield chunk;
      }
    };
    const parts = this.#parts(session);
    const signal = this.#signal;
    const squeezed = async function* (): AsyncGenerator<Buffer> {
      const gzip = createGzip();
      const done = pipeline(parts, scanned, gzip, { signal });
      done.catch(() => {}); // it destroys gzip with the error, which comes out below
      yield* gzip;
      await done;
    };
    try {
      const written = await writeDump(path, squeezed(), {
        signal,
        onBytes,
        seal,
        check: async () => {
          await this.#command.done;
          if (!rows.complete) throw new HoldfastError("E_DUMP", "the dump has no end mark: it is truncated");
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

  /** The program's output, with the rows that are written by us, and the triggers and events behind them. */
  async *#parts(session: MysqlSession): AsyncGenerator<Buffer> {
    const { byUs } = this.#plan;
    if (byUs.length === 0) {
      yield* this.#output;
      return;
    }
    yield* withoutEndMark(this.#output, this.#command.done);
    yield* dumpRows(session, byUs);
    const code = this.#start(CODE_APART[1]);
    yield* code.stdout as AsyncIterable<Buffer>;
    await code.done;
  }

  /** Ends the program if it still runs. Never throws. */
  async stop(): Promise<void> {
    this.#abort.abort();
    await this.#command.done.catch(() => {});
  }
}

async function planFor(
  program: readonly string[],
  { database, options }: MysqlAccess,
  { tables, sequences }: Schema,
): Promise<DumpPlan> {
  // A table that is locked alone cannot take values of a sequence as its defaults: such a dump would not load.
  const locks = sequences ? ["--skip-add-locks"] : [];
  const versioned = tables.filter((table) => table.versioned);
  const withFloats = tables.filter(({ floats }) => floats.length > 0);
  if (versioned.length + withFloats.length === 0) return { tables, byUs: [], rounded: [], flags: locks };
  const { stdout: help } = await runCommand([...program, "--help"], { signal: options.signal, code: "E_DUMP" });
  // The program refuses the whole dump where one table numbers its versions by transactions.
  const withHistory =
    versioned.length > 0 && /--dump-history\b/.test(help) && !versioned.some(({ byTransaction }) => byTransaction);
  const known = tables.map((table) => ({ ...table, withHistory: table.versioned && withHistory }));
  const floats = known.filter((table) => table.floats.length > 0);
  const byUs = /--ignore-table-data\b/.test(help) ? floats : [];
  return {
    tables: known,
    byUs,
    rounded: byUs.length > 0 ? [] : floats,
    flags: [
      ...locks,
      ...(withHistory ? ["--dump-history"] : []),
      ...byUs.map(({ key }) => `--ignore-table-data=${database}.${key}`),
    ],
  };
}

/** The bytes in which the end mark is looked for. */
const END_BYTES = 1000;

/** Takes away the mark of the end, which may stand once only. */
async function* withoutEndMark(chunks: AsyncIterable<Buffer>, ended: Promise<unknown>): AsyncGenerator<Buffer> {
  let held = Buffer.alloc(0);
  for await (const chunk of chunks) {
    held = Buffer.concat([held, chunk]);
    if (held.length <= END_BYTES) continue;
    yield held.subarray(0, -END_BYTES);
    held = held.subarray(-END_BYTES);
  }
  await ended; // a program that failed says why
  const end = /(?:^|\n)-- Dump completed[^\n]*\n$/.exec(held.toString("latin1"));
  if (end === null) throw new HoldfastError("E_DUMP", "the dump has no end mark: it is truncated");
  yield held.subarray(0, end.index + 1);
}
