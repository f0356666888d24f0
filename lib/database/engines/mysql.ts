/** MySQL and MariaDB, whose servers load each other's dumps. */
import type { DatabaseEngine } from "../engine.ts";
import { inspectMysql } from "../mysql/inspect.ts";
import { mariadbServer } from "../mysql/private-server.ts";
import { mysqlCommands } from "../mysql/restore-commands.ts";
import { checkMysql } from "../mysql/restore/check-dump.ts";
import { openMysqlRestorer } from "../mysql/restore/restorer.ts";
import { openMysql } from "../mysql/snapshot.ts";
import { describeMysql, mysqlEnvironment, mysqlUrl } from "../mysql/url.ts";

export const mariadb: DatabaseEngine = {
  name: "mariadb",
  family: "mariadb",
  files: undefined,
  server: mariadbServer,
  describe: describeMysql,
  serverUrl: mysqlUrl,
  openSnapshot: openMysql,
  openRestorer: openMysqlRestorer,
  inspector: inspectMysql,
  environment: mysqlEnvironment,
  extension: ".sql.gz",
  checkDump: checkMysql,
  restoreCommands: (_metadata, database, file) => mysqlCommands(database, file),
  byHand: {
    packages: ["mariadb-server"],
    prepare:
      "Start the server and create the user of the site (`create user`, `grant`). Let `~/.my.cnf` name a user who may create databases; root of the host needs none. The database itself must not exist yet.",
  },
  packageCommands: (dump) => ["mysql -e 'create database site'", `gzip -dc ${dump} | mysql site`],
};

export const mysql: DatabaseEngine = { ...mariadb, name: "mysql" };
