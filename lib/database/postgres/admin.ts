/** Statements of administration, each script in a psql of its own, outside of any transaction unless it begins one. */
import * as z from "zod";
import { HoldfastError } from "../../errors.ts";
import { runCommand } from "../../exec/command.ts";
import type { Credentials } from "../access/credentials.ts";
import type { DatabaseTarget } from "../snapshot.ts";
import { findProgram } from "../access/programs.ts";
import { withTimeout } from "./session.ts";
import { urlWithDatabase } from "../access/url.ts";
import { describePostgres } from "./url.ts";

/** The server's facts, and the connected user. */
const serverSchema = z.object({
  major: z.number(),
  user: z.string(),
  superuser: z.boolean(),
  createdb: z.boolean(),
  /** The server runs on this host, as far as the connection tells. */
  local: z.boolean(),
});
export type PostgresServer = z.infer<typeof serverSchema>;

const SERVER = `
  select current_setting('server_version_num')::int / 10000 as major, current_user as user, rolsuper as superuser,
    rolcreatedb or rolsuper as createdb, inet_client_addr() is not distinct from inet_server_addr() as local
  from pg_catalog.pg_roles where rolname = current_user`;

const SETTINGS = "set client_encoding to 'UTF8'; set standard_conforming_strings to on; set statement_timeout to 0;\n";

/** psql's exit status when it could not connect. */
const NO_CONNECTION = 2;

export class PostgresAdmin {
  readonly live: string;
  readonly server: PostgresServer;
  readonly #access: Access;
  readonly #maintenance: string;

  private constructor(access: Access, live: string, maintenance: string, server: PostgresServer) {
    this.#access = access;
    this.live = live;
    this.#maintenance = maintenance;
    this.server = server;
  }

  /** Connects to the maintenance database. Throws `E_DATABASE`. */
  static async open(target: DatabaseTarget, credentials: Credentials, signal: AbortSignal): Promise<PostgresAdmin> {
    if (target.execPrefix.length === 0 && findProgram(["psql"]) === undefined) {
      throw new HoldfastError("E_DATABASE", "psql is not installed", { hint: "apt-get install postgresql-client" });
    }
    const access: Access = { target, credentials, signal };
    const live = databaseOf(target.url);
    const candidates = ["postgres", "template1"].filter((name) => name !== live);
    for (const name of candidates) {
      const last = name === candidates.at(-1);
      const answer = await psql(access, name, jsonOf(SERVER), last ? [0] : [0, NO_CONNECTION]);
      if (answer.exitCode === 0) {
        return new PostgresAdmin(access, live, name, serverSchema.parse(parseRows(answer.stdout)[0]));
      }
    }
    throw new HoldfastError("E_INTERNAL", "there is no maintenance database to try");
  }

  /** The rows of one SELECT in the maintenance database, or in `database`. */
  async query(sql: string, database: string = this.#maintenance): Promise<Record<string, unknown>[]> {
    return parseRows((await psql(this.#access, database, jsonOf(sql), [0])).stdout);
  }

  /** Runs a script, one statement after the other, to the first that fails. */
  async run(script: string, database: string = this.#maintenance): Promise<void> {
    await psql(this.#access, database, script, [0]);
  }

  /** Checks whether a script runs without an error; it must leave nothing behind. */
  async works(script: string): Promise<boolean> {
    return (await psql(this.#access, this.#maintenance, script, [0, 1, 3])).exitCode === 0;
  }

  /** The URL of another database of this server. */
  urlOf(database: string): string {
    return urlWithDatabase(this.#access.target.url, database);
  }

  async exists(name: string): Promise<boolean> {
    return (
      (await this.query(`select 1 as one from pg_catalog.pg_database where datname = ${literal(name)}`)).length > 0
    );
  }
}

interface Access {
  readonly target: DatabaseTarget;
  readonly credentials: Credentials;
  readonly signal: AbortSignal;
}

async function psql({ target, credentials, signal }: Access, database: string, script: string, okExitCodes: number[]) {
  const options = ["-X", "-q", "-A", "-t", "--no-password", "-v", "ON_ERROR_STOP=1", "-v", "VERBOSITY=terse"];
  const url = withTimeout(urlWithDatabase(target.url, database));
  return await runCommand([...target.execPrefix, "psql", ...options, "-d", url], {
    signal,
    env: credentials.env,
    secrets: credentials.secrets,
    code: "E_DATABASE",
    okExitCodes,
    input: `${SETTINGS}${script}\n`,
  });
}

function jsonOf(sql: string): string {
  return `select coalesce(json_agg(row_to_json(holdfast_row)), '[]') from (${sql}\n) holdfast_row;`;
}

function parseRows(text: string): Record<string, unknown>[] {
  return z.array(z.record(z.string(), z.unknown())).parse(JSON.parse(text));
}

export function quote(name: string): string {
  return `"${name.replaceAll('"', '""')}"`;
}

export function literal(text: string): string {
  return `'${text.replaceAll("'", "''")}'`;
}

/** The name of the database that a URL leads to, by libpq's rules. Throws `E_CONFIG` when it says none. */
function databaseOf(url: string): string {
  const name = parameterOf(url, "dbname") ?? describePostgres(url).database;
  if (name !== "") return name;
  throw new HoldfastError("E_CONFIG", "the database URL names no database", {
    hint: "write it as postgresql://user@host/database",
  });
}

function parameterOf(url: string, name: string): string | undefined {
  const value = new RegExp(`[?&]${name}=([^&#]*)`).exec(url)?.[1];
  return value === undefined ? undefined : decodeURIComponent(value);
}
