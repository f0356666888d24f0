/** SQLite, whose databases are files. */
import { HoldfastError } from "../../errors.ts";
import type { DatabaseEngine } from "../engine.ts";
import { inspectSqlite } from "../sqlite/inspect.ts";
import { checkSqlite } from "../sqlite/check-dump.ts";
import { openSqliteRestorer } from "../sqlite/restorer.ts";
import { openSqlite } from "../sqlite/snapshot.ts";
import { describeSqlite, sqliteFiles } from "../sqlite/url.ts";

export const sqlite: DatabaseEngine = {
  name: "sqlite",
  family: "sqlite",
  files: sqliteFiles,
  server: undefined,
  describe: describeSqlite,
  serverUrl: () => {
    throw new HoldfastError("E_INTERNAL", "SQLite has no server");
  },
  openSnapshot: async (target, signal) => await openSqlite(sqliteFiles.locate(target), signal),
  openRestorer: openSqliteRestorer,
  inspector: inspectSqlite,
  environment: () => ({}),
  extension: ".db",
  checkDump: checkSqlite,
  restoreCommands: undefined,
  byHand: {
    packages: ["sqlite3"],
    prepare: "The database is a file, which comes back with the others: prepare nothing.",
  },
  packageCommands: (dump) => [
    `cp ${dump} /srv/site/db.sqlite3          # the application stopped`,
    "sqlite3 /srv/site/db.sqlite3 'pragma integrity_check'",
  ],
};
