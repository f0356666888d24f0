/** Databases for tests of portable data: one schema in three dialects, and a way to ask each. */
import { join } from "node:path";
import { afterAll, beforeAll } from "vitest";
import { connect } from "../../../lib/portable/engines/connect.ts";
import type { Connection } from "../../../lib/portable/engine/connection.ts";
import type { ConnectionMode } from "../../../lib/portable/engine/session.ts";
import { acquireMariadb, acquirePostgres, type TestServer } from "../servers/acquire.ts";
import { makeTemp, removeTree } from "../temp.ts";
import { runSql } from "../sqlite.ts";

export interface PortableEngine {
  readonly name: "PostgreSQL" | "MariaDB" | "SQLite";
  /** A new database that holds what these statements make; gives its URL, with the password in it. */
  make(sql: string): Promise<string>;
}

interface PortableEngines {
  of(name: string): PortableEngine;
  stop(): Promise<void>;
}

async function startEngines(): Promise<PortableEngines> {
  const directory = makeTemp("holdfast-portable-");
  const [postgres, mariadb] = await Promise.all([acquirePostgres(), acquireMariadb()]);
  let count = 0;
  const all: PortableEngine[] = [
    { name: "PostgreSQL", make: async (sql) => await onServer(postgres, asOwner(sql)) },
    { name: "MariaDB", make: async (sql) => await onServer(mariadb, sql) },
    {
      name: "SQLite",
      make: async (sql) => {
        const file = join(directory, `portable-${++count}.db`);
        runSql(file, sql);
        return `sqlite:///${file}`;
      },
    },
  ];
  return {
    of(name) {
      const found = all.find((engine) => engine.name === name);
      if (found === undefined) throw new Error(`no engine ${name}`);
      return found;
    },
    async stop() {
      await Promise.all([postgres.release(), mariadb.release()]);
      removeTree(directory);
    },
  };
}

/** Starts the engines before the tests of a file, and stops them after. */
export function useEngines(): Pick<PortableEngines, "of"> & {
  readonly make: (name: PortableEngine["name"], sql: string) => Promise<string>;
} {
  let engines: PortableEngines | undefined;
  beforeAll(async () => {
    engines = await startEngines();
  }, 120_000);
  afterAll(async () => {
    await engines?.stop();
  });
  const of = (name: string): PortableEngine => {
    if (engines === undefined) throw new Error("the engines are there for tests alone");
    return engines.of(name);
  };
  return { of, make: async (name, sql) => await of(name).make(sql) };
}

/** The tables belong to the user who will import: they are nobody's who is not their owner. */
const asOwner = (sql: string): string => `set role clara; set search_path = public; ${sql}`;

async function onServer(server: TestServer, sql: string): Promise<string> {
  const database = await server.createDatabase();
  await server.sql(sql, database);
  return server.urlOf(database).replace("clara@", `clara:${server.password}@`);
}

/** Opens a database, and closes it when `work` is done. */
export async function on<T>(
  url: string,
  mode: ConnectionMode,
  work: (connection: Connection) => Promise<T>,
): Promise<T> {
  const connection = await connect({ url, execPrefix: [], root: "/" }, mode, new AbortController().signal);
  try {
    return await work(connection);
  } finally {
    await connection.close();
  }
}

/** Runs statements for good. */
export const change = async (url: string, ...statements: readonly string[]): Promise<void> =>
  await on(url, "write", async (connection) => {
    for (const statement of statements) await connection.run(statement);
    await connection.run("commit");
  });

export const rowsOf = async (url: string, sql: string): Promise<string[]> =>
  await on(url, "read", async (connection) => (await connection.rows(sql)).map((row) => row.map(String).join("|")));
