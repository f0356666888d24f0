/** PostgreSQL. */
import type { DatabaseEngine } from "../engine.ts";
import { inspectPostgres } from "../postgres/inspect.ts";
import { postgresServer } from "../postgres/private-server.ts";
import { postgresCommands } from "../postgres/restore-commands.ts";
import { checkPostgres } from "../postgres/restore/check-dump.ts";
import { openPostgresRestorer } from "../postgres/restore/restorer.ts";
import { openPostgres } from "../postgres/snapshot.ts";
import { describePostgres, postgresEnvironment, postgresUrl } from "../postgres/url.ts";

export const postgres: DatabaseEngine = {
  name: "postgresql",
  family: "postgresql",
  files: undefined,
  server: postgresServer,
  describe: describePostgres,
  serverUrl: postgresUrl,
  openSnapshot: openPostgres,
  openRestorer: openPostgresRestorer,
  inspector: inspectPostgres,
  environment: postgresEnvironment,
  extension: ".dump",
  checkDump: checkPostgres,
  restoreCommands: postgresCommands,
  byHand: {
    packages: ["postgresql"],
    prepare:
      "Start the server and create the user of the site (`createuser`). Let `PGHOST`, `PGPORT`, `PGUSER` and `PGPASSWORD` (or `~/.pgpass`) name a user who may create databases, such as `postgres`. The database itself must not exist yet.",
  },
  packageCommands: (dump) => ["createdb site", `pg_restore --no-owner --exit-on-error --dbname=site ${dump}`],
};
