/** Emptying a MySQL database that is to stay: its rights, its character set and its name. */
import { HoldfastError } from "../../../errors.ts";
import type { MysqlSession } from "../session.ts";
import { quoteMysql, text } from "../names.ts";

const KINDS: Readonly<Record<string, string>> = {
  "BASE TABLE": "table",
  "SYSTEM VERSIONED": "table",
  SEQUENCE: "sequence",
  VIEW: "view",
};

/**
 * Drops everything in the session's database: events first, which could still fire. Cut off, it can be called again.
 */
export async function emptyDatabase(session: MysqlSession): Promise<void> {
  await session.run("set session foreign_key_checks = 0");
  for (const { name } of await session.run(
    "select event_name as name from information_schema.events where event_schema = database()",
  )) {
    await session.run(`drop event if exists ${quoteMysql(name ?? "")}`);
  }
  const tables = await session.run(
    `select table_name as name, table_type as kind from information_schema.tables where table_schema = database()
     order by table_type = 'VIEW' desc, table_type = 'SEQUENCE', table_name`,
  );
  for (const { name, kind } of tables) {
    const what = KINDS[kind ?? ""];
    if (what === undefined)
      throw new HoldfastError("E_DATABASE", `the database holds ${name}, of an unknown kind: ${kind}`);
    await session.run(`drop ${what} if exists ${quoteMysql(name ?? "")}`);
  }
  const routines = await session.run(
    `select routine_name as name, routine_type as kind from information_schema.routines where routine_schema = database()
     order by routine_type = 'PACKAGE BODY' desc`,
  );
  for (const { name, kind } of routines) await session.run(`drop ${kind} if exists ${quoteMysql(name ?? "")}`);
}

/** Ends the connections that are in a database, as far as the rights go: others can only hinder, and then say so. */
export async function endConnections(session: MysqlSession, database: string): Promise<void> {
  const rows = await session.run(
    `select id from information_schema.processlist where db = ${text(database)} and id <> connection_id()`,
  );
  for (const { id } of rows) {
    await session.run(`kill ${id}`).catch((error: unknown) => {
      if (!(error instanceof HoldfastError)) throw error; // it has ended, or is another user's
    });
  }
}
