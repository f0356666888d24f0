/** PostgreSQL servers, with scram authentication and without fsync. */
import { existsSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import glob from "fast-glob";
import type { Endpoint, RunningServer, ServerEngine, Template } from "./engine.ts";
import { copyData, freePort, HOST, missing, run, secret, serverDirectory, startServer } from "./process.ts";

const SETTINGS = [
  "fsync=off",
  "synchronous_commit=off",
  "full_page_writes=off",
  "max_wal_size=32MB",
  "min_wal_size=8MB",
  "wal_init_zero=off",
  `listen_addresses=${HOST}`,
];

/** Directories with `initdb` and `postgres`: those of Debian, and `<major>/bin` below `TEST_POSTGRES_DIRECTORY`. */
export function postgresDirectories(): string[] {
  const more = process.env.TEST_POSTGRES_DIRECTORY;
  const roots = ["/usr/lib/postgresql", ...(more === undefined ? [] : [more])];
  return roots
    .flatMap((root) => glob.sync(`${root}/*/bin`, { onlyDirectories: true }))
    .filter((bin) => existsSync(join(bin, "initdb")));
}

/** Returns the directory of the newest programs that Debian has installed, if it has any. */
export const debianPrograms = (): string | undefined =>
  glob.sync("/usr/lib/postgresql/*/bin", { onlyDirectories: true }).toSorted(byNumber).at(-1);

/** Returns the programs of the newest version that Debian has installed. */
function newestPrograms(): string {
  const bin = debianPrograms();
  if (bin === undefined || !existsSync(join(bin, "initdb"))) throw missing("initdb", "postgresql");
  return bin;
}

/** Servers with the programs of a directory; the newest of Debian's where none is given. */
export function postgres(programs?: string): ServerEngine {
  // Looked for where it is needed first: a host without it runs the tests that need none.
  const bin = (): string => programs ?? newestPrograms();
  return {
    name: "postgres",
    async prepare() {
      const { directory, as, remove } = serverDirectory("postgres");
      const file = join(directory, "password");
      const password = secret();
      writeFileSync(file, password, { mode: 0o644 });
      const data = join(directory, "data");
      const initdb = [join(bin(), "initdb"), "-D", data, "-U", "postgres", "--auth=scram-sha-256", `--pwfile=${file}`];
      await run([...as, ...initdb, "--no-sync", "--wal-segsize=1", "-E", "UTF8", "--locale=C.UTF-8"]);
      return { data, password, remove };
    },
    boot: async (template) => await boot(bin(), template),
  };
}

async function boot(bin: string, template: Template): Promise<RunningServer> {
  const { directory, as, remove } = serverDirectory("postgres");
  const data = join(directory, "data");
  copyData(template.data, data);
  const port = await freePort();
  const options = SETTINGS.flatMap((setting) => ["-c", setting]);
  const argv = [...as, join(bin, "postgres"), "-D", data, "-p", `${port}`, "-k", directory, ...options];
  const server = startServer(argv, "SIGQUIT", remove);
  let endpoint: Endpoint = { port, directory, superuserPassword: template.password };
  const sql = async (statements: string): Promise<string> => await runPsql(endpoint, statements, "template1");
  await server.ready(async () => await sql("select 1"));
  const asNew = await sql(STATE);
  return {
    async hand() {
      const superuserPassword = secret();
      await sql(`alter role postgres password '${superuserPassword}'`);
      endpoint = { ...endpoint, superuserPassword };
      return endpoint;
    },
    async reset() {
      await sql(RESET);
      return (await sql(STATE)) === asNew;
    },
    stop: server.stop,
  };
}

/** Runs statements with psql itself, as the superuser: Debian's `psql` is a Perl script around it. */
export async function runPsql(endpoint: Endpoint, statements: string, database: string): Promise<string> {
  const flags = ["-X", "-q", "-A", "-t", "-v", "ON_ERROR_STOP=1", "-h", HOST, "-p", `${endpoint.port}`];
  const argv = [join(newestPrograms(), "psql"), ...flags, "-U", "postgres", "-d", database];
  return await run(argv, { input: statements, env: { PGPASSWORD: endpoint.superuserPassword } });
}

const OTHERS = "from pg_database where datname not in ('template0', 'template1')";
/** The database `postgres` is made anew with the others: a test may have made objects in it. */
const RESET = `
  select format('alter database %I is_template false', datname) ${OTHERS} and datistemplate \\gexec
  select format('drop database %I with (force)', datname) ${OTHERS} \\gexec
  create database postgres;
  select format('drop tablespace %I', spcname) from pg_tablespace where spcname not like 'pg\\_%' \\gexec
  select format('drop role %I', rolname) from pg_roles where rolname not like 'pg\\_%' and rolname <> 'postgres' \\gexec
  alter role all reset all;
  alter role postgres reset all;
  alter system reset all;
  select pg_reload_conf();`;

/** All that tests could change about a server and that is seen from `template1`. */
const STATE = `
  select datname, datacl, datallowconn, datistemplate, datconnlimit, pg_get_userbyid(datdba) from pg_database order by 1;
  select rolname, rolsuper, rolinherit, rolcreaterole, rolcreatedb, rolcanlogin, rolreplication, rolbypassrls, rolconnlimit,
    rolvaliduntil from pg_roles order by 1;
  select roleid::regrole, member::regrole, grantor::regrole from pg_auth_members order by 1, 2, 3;
  select spcname, spcacl from pg_tablespace order by 1;
  select setdatabase, setrole, setconfig from pg_db_role_setting;
  select nspname, nspacl from pg_namespace where nspname !~ '^pg_(toast_)?temp' order by 1;
  select count(*) from pg_class; select count(*) from pg_proc; select count(*) from pg_largeobject_metadata;
  select extname from pg_extension order by 1; select slot_name from pg_replication_slots; select gid from pg_prepared_xacts;
  select name, setting from pg_settings where source = 'configuration file' order by 1;`;

function byNumber(a: string, b: string): number {
  return Number(/\d+/.exec(a)?.[0]) - Number(/\d+/.exec(b)?.[0]);
}
