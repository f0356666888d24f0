/**
 * Database servers for tests: on 127.0.0.1, with passwords that are really asked for. A file has its server for itself, as
 * new: nothing that another file made or set is on it. See servers/pool.ts.
 */
import { connect } from "node:net";
import { createInterface } from "node:readline";
import * as z from "zod";
import type { Endpoint } from "./engine.ts";
import { runMariadb } from "./mariadb.ts";
import { POOL_SOCKET } from "./pool.ts";
import { postgres, runPsql } from "./postgres.ts";
import { HOST, secret } from "./process.ts";

export { postgresDirectories } from "./postgres.ts";

export interface TestServer extends Endpoint {
  /** An ordinary user's own database, UTF-8, without the password in it; `password` goes with it. */
  readonly url: string;
  readonly password: string;
  /** The same with the password in it. */
  readonly urlWithPassword: string;
  /** The superuser on the server's maintenance database, with the password in it. */
  readonly superuserUrl: string;
  /** Runs statements, as the superuser, in `database` (the user's own when absent); gives what was printed, unaligned. */
  sql(statements: string, database?: string): Promise<string>;
  /** A new, empty database owned by the ordinary user; gives its name. */
  createDatabase(name?: string): Promise<string>;
  /** `url` for another database of this server. */
  urlOf(database: string): string;
  /** Hands the server to the next file: everything on it is removed. */
  release(): Promise<void>;
}

const USER = "clara";
const DATABASE = "clara";

/** A PostgreSQL server of the newest version of Debian's installed, until it is released. */
export async function acquirePostgres(): Promise<TestServer> {
  return await postgresServer(await acquire("postgres"));
}

/** A PostgreSQL server of its own, with the programs of a directory, e.g. of another version. */
export async function startPostgres(programs: string): Promise<TestServer> {
  const engine = postgres(programs);
  const template = await engine.prepare();
  const server = await engine.boot(template);
  const release = async (): Promise<void> => {
    await server.stop();
    template.remove();
  };
  return await postgresServer({ endpoint: await server.hand(), release });
}

/** A MariaDB server, until it is released. */
export async function acquireMariadb(): Promise<TestServer> {
  const { endpoint, release } = await acquire("mariadb");
  const password = secret();
  const sql: TestServer["sql"] = async (statements, database = DATABASE) =>
    await runMariadb(endpoint, statements, database);
  // As a site's installer does it: everything within the databases, nothing global.
  await sql(
    `create user ${USER}@'${HOST}' identified by '${password}'; create user ${USER}@localhost identified by '${password}'`,
    "mysql",
  );
  const create = (name: string): string =>
    `create database \`${name}\` character set utf8mb4; grant all on \`${name}\`.* to ${USER}@'${HOST}', ${USER}@localhost`;
  return {
    ...(await testServer("mariadb", endpoint, password, sql, create)),
    superuserUrl: `mariadb://root:${endpoint.superuserPassword}@${HOST}:${endpoint.port}/mysql`,
    release,
  };
}

interface Lease {
  readonly endpoint: Endpoint;
  release(): Promise<void>;
}

async function postgresServer({ endpoint, release }: Lease): Promise<TestServer> {
  const password = secret();
  const sql: TestServer["sql"] = async (statements, database = DATABASE) =>
    await runPsql(endpoint, statements, database);
  await sql(`create role ${USER} login password '${password}'`, "postgres");
  return {
    ...(await testServer("postgresql", endpoint, password, sql, createPostgresDatabase)),
    superuserUrl: `postgresql://postgres:${endpoint.superuserPassword}@${HOST}:${endpoint.port}/postgres`,
    release,
  };
}

/** Copies files where the server can: a fifth of the time of a copy through the log. */
const createPostgresDatabase = (name: string): string => `
  select case when :SERVER_VERSION_NUM >= 150000 then 'strategy file_copy' else '' end as strategy \\gset
  create database "${name}" owner ${USER} :strategy;`;

async function testServer(
  scheme: "postgresql" | "mariadb",
  endpoint: Endpoint,
  password: string,
  sql: TestServer["sql"],
  create: (name: string) => string,
) {
  let count = 0;
  const createDatabase = async (name = `db_${++count}`): Promise<string> => {
    await sql(create(name), scheme === "mariadb" ? "mysql" : "postgres");
    return name;
  };
  await createDatabase(DATABASE);
  const at = `${HOST}:${endpoint.port}`;
  const urlOf = (database: string): string => `${scheme}://${USER}@${at}/${encodeURIComponent(database)}`;
  const urlWithPassword = `${scheme}://${USER}:${password}@${at}/${DATABASE}`;
  return { ...endpoint, url: urlOf(DATABASE), password, urlWithPassword, urlOf, sql, createDatabase };
}

const answerSchema = z.union([
  z.object({ port: z.number(), directory: z.string(), superuserPassword: z.string() }),
  z.object({ error: z.string() }),
]);

/** Asks the process that runs all tests for a server. It takes the server back when this process ends, too. */
async function acquire(engine: "postgres" | "mariadb"): Promise<Lease> {
  const path = process.env[POOL_SOCKET];
  if (path === undefined) throw new Error("there are servers within a test run alone");
  const socket = connect(path);
  socket.write(engine);
  const lines = createInterface(socket);
  const { value } = await lines[Symbol.asyncIterator]().next();
  const answer = answerSchema.parse(JSON.parse(String(value)));
  if ("error" in answer) throw new Error(answer.error);
  socket.unref();
  const release = async (): Promise<void> => await new Promise((resolve) => socket.once("close", resolve).end());
  return { endpoint: answer, release };
}
