/** MariaDB servers, without binary log and without fsync. */
import { existsSync } from "node:fs";
import { join } from "node:path";
import type { Endpoint, RunningServer, ServerEngine, Template } from "./engine.ts";
import { copyData, freePort, HOST, missing, run, secret, serverDirectory, startServer } from "./process.ts";

const SETTINGS = [
  `--bind-address=${HOST}`,
  "--skip-log-bin",
  "--innodb-flush-log-at-trx-commit=0",
  "--innodb-buffer-pool-size=32M",
  "--innodb-log-file-size=16M",
  "--character-set-server=utf8mb4",
];

export const mariadb: ServerEngine = {
  name: "mariadb",
  async prepare() {
    const { directory, as, remove } = serverDirectory("mysql");
    const data = join(directory, "data");
    const auth = ["--auth-root-authentication-method=normal", "--skip-test-db", "--skip-name-resolve"];
    await run([...as, "mariadb-install-db", "--no-defaults", `--datadir=${data}`, `--tmpdir=${directory}`, ...auth]);
    return { data, password: "", remove };
  },
  boot,
};

async function boot(template: Template): Promise<RunningServer> {
  const mariadbd = ["/usr/sbin/mariadbd", "/usr/sbin/mysqld"].find((path) => existsSync(path));
  if (mariadbd === undefined) throw missing("mariadbd", "mariadb-server");
  const { directory, as, remove } = serverDirectory("mysql");
  const data = join(directory, "data");
  copyData(template.data, data);
  const port = await freePort();
  const own = [
    `--datadir=${data}`,
    // Its own: a killed server leaves tables in it, whose names a later one with the same process number would want.
    `--tmpdir=${directory}`,
    `--port=${port}`,
    `--socket=${socketOf({ directory })}`,
    `--pid-file=${join(directory, "pid")}`,
  ];
  const server = startServer([...as, mariadbd, "--no-defaults", ...own, ...SETTINGS], "SIGKILL", remove);
  let endpoint: Endpoint = { port, directory, superuserPassword: template.password };
  const sql = async (statements: string): Promise<string> => await runMariadb(endpoint, statements, "mysql");
  await server.ready(async () => await sql("select 1"));
  // As a site's installer does it: everything within the databases, nothing global.
  await sql(`create or replace user root@'${HOST}'; grant all on *.* to root@'${HOST}' with grant option`);
  const hand = async (): Promise<Endpoint> => {
    const superuserPassword = secret();
    const identified = `identified by '${superuserPassword}'`;
    await sql(`alter user root@localhost ${identified}, root@'${HOST}' ${identified}`);
    endpoint = { ...endpoint, superuserPassword };
    return endpoint;
  };
  await hand(); // a first password adds more to the user than itself
  const asNew = await sql(STATE);
  return {
    hand,
    async reset() {
      await sql((await sql(LEFT)).replaceAll("\n", ";\n"));
      return (await sql(STATE)) === asNew;
    },
    stop: server.stop,
  };
}

const socketOf = ({ directory }: Pick<Endpoint, "directory">): string => join(directory, "mariadb.sock");

/** Runs statements with the client, as the superuser. */
export async function runMariadb(endpoint: Endpoint, statements: string, database: string): Promise<string> {
  const client = ["mariadb", "--no-defaults", "--batch", "--skip-column-names", "--default-character-set=utf8mb4"];
  const argv = [...client, `--socket=${socketOf(endpoint)}`, "--user=root", database];
  return await run(argv, { input: statements, env: { MYSQL_PWD: endpoint.superuserPassword } });
}

/** Statements that remove what tests left, one a line. */
const LEFT = `
  select concat('drop database \`', replace(schema_name, '\`', '\`\`'), '\`') from information_schema.schemata
    where schema_name not in ('information_schema', 'mysql', 'performance_schema', 'sys');
  select concat('drop user ''', replace(user, '''', ''''''), '''@''', host, '''') from mysql.global_priv
    where user not in ('root', 'mariadb.sys', 'mysql', '', 'PUBLIC') and json_value(priv, '$.is_role') is null;
  select concat('drop role ''', replace(user, '''', ''''''), '''') from mysql.global_priv where json_value(priv, '$.is_role') and user <> 'PUBLIC';`;

/** All that tests could change about a server, but for what is counted and for the superuser's password. */
const STATE = `
  select schema_name, default_character_set_name, default_collation_name from information_schema.schemata order by 1;
  select user, host, json_remove(priv, '$.authentication_string', '$.password_last_changed') from mysql.global_priv order by 1, 2;
  select user, host, db from mysql.db order by 1, 2, 3; select user, host, db, table_name from mysql.tables_priv order by 1, 2, 3, 4;
  select user, host, db, column_name from mysql.columns_priv order by 1, 2, 3, 4;
  select user, host, db, routine_name from mysql.procs_priv order by 1, 2, 3, 4;
  select user, host, role from mysql.roles_mapping order by 1, 2, 3; select user, host from mysql.proxies_priv order by 1, 2;
  select table_name from information_schema.tables where table_schema in ('mysql', 'sys') order by 1;
  select db, name from mysql.proc order by 1, 2; select db, name from mysql.event order by 1, 2;
  select variable_name, variable_value from information_schema.global_variables
    where variable_name not rlike '^(gtid_|timestamp|last_|rand_|innodb_purge_|tx_)' order by 1;`;
