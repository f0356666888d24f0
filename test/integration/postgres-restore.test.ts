/** What only PostgreSQL has: everything a database can hold comes back, roles, extensions, versions of pg_restore, a swap that may be cut off. */
import { chmodSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { execa } from "execa";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { openRestorer } from "../../lib/database/engines/open.ts";
import type { DatabaseRestorer } from "../../lib/database/restorer.ts";
import { HoldfastError } from "../../lib/errors.ts";
import { acquirePostgres } from "../support/servers/acquire.ts";
import { makeTemp, removeTree } from "../support/temp.ts";

let server: Awaited<ReturnType<typeof acquirePostgres>>;
let temporary: string;
let count = 0;
const opened: DatabaseRestorer[] = [];
const options = { onBytes: () => {}, restoreFlags: [] };

beforeAll(async () => {
  server = await acquirePostgres();
  await server.sql("alter role clara createdb; create role reader; create role other login", "postgres");
});
afterAll(async () => {
  await server?.release();
});
beforeEach(() => {
  temporary = makeTemp();
});
afterEach(async () => {
  for (const restorer of opened.splice(0)) await restorer.close();
  removeTree(temporary);
});

async function database(statements = "", asUser = true): Promise<string> {
  const name = await server.createDatabase(`site ${++count}`);
  await server.sql(`${asUser ? "set session authorization clara;" : ""}\n${statements}`, name);
  return name;
}

async function restorerOf(
  name: string,
  { superuser = false, execPrefix = [] as string[] } = {},
): Promise<DatabaseRestorer> {
  const url = superuser ? server.urlOf(name).replace("clara@", "postgres@") : server.urlOf(name);
  const password = superuser ? server.superuserPassword : server.password;
  const restorer = await openRestorer({ url, password, execPrefix, root: "/" }, new AbortController().signal);
  opened.push(restorer);
  return restorer;
}

const asSuperuser = (name: string): string[] => ["-d", server.urlOf(name).replace("clara@", "postgres@")];
const env = (): Record<string, string> => ({ PGPASSWORD: server.superuserPassword });

async function dumpOf(name: string): Promise<string> {
  const dump = join(temporary, `${name}.dump`);
  // As the backup takes it: through a pipe, so that no offsets are in it.
  const { stdout } = await execa("pg_dump", ["-Fc", ...asSuperuser(name)], { env: env(), encoding: "buffer" });
  writeFileSync(dump, stdout);
  return dump;
}

/** All that pg_dump can tell of a database, in an order that does not vary. */
async function textOf(name: string, flags: string[] = []): Promise<string[]> {
  const { stdout } = await execa("pg_dump", ["-Fp", ...flags, ...asSuperuser(name)], { env: env() });
  return stdout
    .split("\n")
    .filter((line) => !/^\\(?:un)?restrict /.test(line))
    .toSorted();
}

const fails = async (promise: Promise<unknown>): Promise<HoldfastError> => {
  const error: unknown = await promise.then(
    () => undefined,
    (reason: unknown) => reason,
  );
  if (error instanceof HoldfastError) return error;
  throw new Error(`a HoldfastError was expected`, { cause: error });
};

const tables = Array.from({ length: 60 }, (_, index) => index);
/** What a plain owner can have. */
const AWKWARD = `
  create extension hstore; create extension pg_trgm;
  create schema "odd schema;"; comment on schema "odd schema;" is 'it''s; odd
-- Name: fake; Type: ACL; Schema: public; Owner: nobody';
  create type mood as enum ('sad', 'o''k', 'happy'); alter type mood add value 'bored' before 'happy';
  create domain positive as integer check (value > 0);
  create type pair as (a integer, b text);
  create sequence counter start 7 increment 3; select nextval('counter'), nextval('counter');
  create table "odd schema;"."Quoted ""Table" (
    id bigint generated always as identity (start 100), "a b" text[] default '{}', m mood[], p positive, c pair, h hstore,
    doubled integer generated always as (p * 2) stored, at timestamptz default now(), b bytea, j jsonb, n numeric(30, 10), primary key (id));
  insert into "odd schema;"."Quoted ""Table" ("a b", m, p, c, h, b, j, n)
    select array['x', null, 'tab	\\n' || i], array['sad', 'bored']::mood[], i, row(i, 'é 🎉')::pair, hstore('k', i::text), decode('00ff', 'hex'), '{"a": 1}', i / 3.0
    from generate_series(1, 500) i;
  create index on "odd schema;"."Quoted ""Table" using gin (h);
  create table part (k integer, at date, primary key (k, at)) partition by range (at);
  create table part_1 partition of part for values from ('2026-01-01') to ('2026-07-01') partition by list (k);
  create table part_1_a partition of part_1 for values in (1, 2); create table part_rest partition of part default;
  insert into part values (1, '2026-02-01'), (2, '2026-03-01'), (9, '2027-01-01');
  create table empty ();
  create unlogged table quick (id integer); insert into quick values (1);
  create table parent (id integer); create table child (more text) inherits (parent); insert into child values (1, 'x');
  create function unqualified(integer) returns bigint language sql immutable as 'select count(*) + $1 from parent';
  create table indexed (id integer); insert into indexed values (1), (2);
  create function touched() returns trigger language plpgsql as $$ begin new.id := new.id + 0; -- ALTER TABLE x OWNER TO nobody;
    return new; end $$;
  create trigger touch before insert on indexed for each row execute function touched();
  create procedure nothing() language sql as 'select 1';
  create aggregate product (integer) (sfunc = int4mul, stype = integer, initcond = '1');
  create operator === (leftarg = integer, rightarg = integer, function = int4eq);
  create view seen as select i.id, unqualified(i.id) as n from indexed i; create rule quiet as on delete to seen do instead nothing;
  create materialized view counted as select k, count(*) as n from part group by k; create unique index on counted (k);
  create materialized view never as select 1 as one with no data;
  create table guarded (id integer, who text); insert into guarded values (1, 'reader'), (2, 'x');
  alter table guarded enable row level security; alter table guarded force row level security;
  create policy own on guarded for select to reader, clara using (who = current_user);
  grant select (id), update on guarded to reader; grant usage on schema "odd schema;" to reader with grant option;
  alter default privileges grant select on tables to reader; revoke all on function unqualified(integer) from public;
  create statistics both_of (dependencies) on k, at from part;
  create publication "some" for table indexed;
  create text search configuration plain (copy = simple); create collation german (provider = icu, locale = 'de');
  select lo_from_bytea(424242, '\\x00ff10'), lo_create(7); grant select on large object 424242 to reader; comment on large object 7 is 'seven';
  ${tables.map((i) => `create table ring_${i} (id integer primary key, next integer);`).join("\n")}
  ${tables.map((i) => `alter table ring_${i} add foreign key (next) references ring_${(i + 1) % 60} deferrable initially deferred;`).join("\n")}
  begin; ${tables.map((i) => `insert into ring_${i} values (1, 1);`).join("\n")} commit;
  comment on table ring_0 is E'line\\nline'; cluster ring_1 using ring_1_pkey; alter table ring_2 replica identity full;
`;

test("everything that a database holds comes back: the text of pg_dump is the same", async () => {
  const name = await database(AWKWARD);
  const [dump, before] = [await dumpOf(name), await textOf(name)];
  const restorer = await restorerOf(name);
  expect(await restorer.check(dump, options)).toEqual([]);
  await restorer.load(dump, "copy all", options);
  expect(await textOf("copy all")).toEqual(before);
  expect(before.join("\n")).toContain("🎉");
  await restorer.drop("copy all");
});

test("what only a superuser may make comes back with a superuser's URL, and is refused clearly without it", async () => {
  const name = await database(
    `create extension file_fdw; create server files foreign data wrapper file_fdw; create table t (id integer); insert into t values (1);
     create function watch() returns event_trigger language plpgsql as 'begin end'; create event trigger watching on ddl_command_end execute function watch();
     create subscription sub connection 'host=127.0.0.1 port=1 dbname=x' publication p with (connect = false, slot_name = 'sub');
     alter table t owner to other; create publication everything for all tables;`,
    false,
  );
  const [dump, before] = [await dumpOf(name), await textOf(name)];
  const refused = await fails((await restorerOf(name)).check(dump, options));
  expect(refused).toMatchObject({ code: "E_RESTORE" });
  expect(refused.message).toContain("superuser");
  const restorer = await restorerOf(name, { superuser: true });
  await restorer.load(dump, "copy_super", options);
  expect(await textOf("copy_super")).toEqual(before);
  expect(await server.sql("select subname from pg_subscription where subenabled", "postgres")).toBe("");
  await restorer.drop("copy_super");
  expect(await restorer.exists("copy_super")).toBe(false);
  await server.sql(
    "alter subscription sub disable; alter subscription sub set (slot_name = none); drop subscription sub",
    name,
  );
});

test("a function that names its tables without a schema does not keep an index or a view from coming back", async () => {
  const name = await database(
    `
    create table word (id integer, t text); insert into word values (1, 'a');
    create function first_word() returns text language sql stable as 'select t from word limit 1';
    create materialized view said as select first_word() as w;
  `,
  );
  const [dump, before] = [await dumpOf(name), await textOf(name)];
  const restorer = await restorerOf(name);
  await restorer.load(dump, "copy_path", options);
  expect(await textOf("copy_path")).toEqual(before);
  expect(await server.sql("select w from said", "copy_path")).toBe("a");
  await restorer.drop("copy_path");
});

describe("roles and rights", () => {
  test("missing roles: objects go to the live database's owner, rights of existing roles stay, and each missing role is named", async () => {
    await server.sql(`create role "Gone; one"; create role "gone two"`, "postgres");
    const name = await database(
      `create table t (id integer); alter table t owner to "Gone; one"; insert into t values (1);
       grant select on t to reader, "gone two"; create table u (id integer); grant select on u to "gone two";
       grant connect on database "site ${count + 1}" to "gone two";`,
      false,
    );
    const dump = await dumpOf(name);
    await server.sql(
      `drop owned by "gone two"; reassign owned by "Gone; one" to clara; drop owned by "Gone; one"`,
      name,
    );
    await server.sql(`drop role "Gone; one", "gone two"`, "postgres");
    const restorer = await restorerOf(name, { superuser: true });
    const warnings = (await restorer.check(dump, options)).join("\n");
    expect(warnings).toContain("Gone; one");
    expect(warnings).toContain("gone two");
    expect(warnings).toContain("belong to clara");
    await restorer.load(dump, "copy_roles", options);
    const owners = "select string_agg(distinct tableowner, ',') from pg_tables where schemaname = 'public'";
    expect(await server.sql(owners, "copy_roles")).toBe("clara");
    expect(await server.sql("select has_table_privilege('reader', 't', 'select')", "copy_roles")).toBe("t");
    await restorer.drop("copy_roles");
  });

  test("a policy that names a missing role is not left out: the restore is refused before anything is made", async () => {
    await server.sql(`create role watcher`, "postgres");
    const name = await database("create table t (id integer); create policy p on t to watcher using (true)");
    const dump = await dumpOf(name);
    await server.sql("drop policy p on t; drop role watcher", name);
    const restorer = await restorerOf(name);
    const error = await fails(restorer.load(dump, "copy_policy", options));
    expect(error.message).toContain("watcher");
    expect(error.hint).toContain('create role "watcher"');
    expect(await restorer.exists("copy_policy")).toBe(false);
  });

  test("without the right to make databases the hint names the fix", async () => {
    const name = await database("create table t (id integer)");
    const dump = await dumpOf(name);
    await server.sql("alter role clara nocreatedb", "postgres");
    try {
      const error = await fails((await restorerOf(name)).check(dump, options));
      expect(error).toMatchObject({ code: "E_RESTORE" });
      expect(error.hint).toContain('alter role "clara" createdb');
    } finally {
      await server.sql("alter role clara createdb", "postgres");
    }
  });
});

describe("pg_restore and extensions", () => {
  test("an extension that the server lacks is refused before anything is made, with its package", async () => {
    const name = await database("create table t (id integer)");
    const dump = await dumpOf(name);
    // The archive of a database with an extension that is not here: its name has as many letters.
    const other = await database("create extension hstore; create table t (id integer)");
    const bytes = readFileSync(await dumpOf(other))
      .toString("latin1")
      .replaceAll("hstore", "h3_pgx");
    writeFileSync(dump, bytes, "latin1");
    const restorer = await restorerOf(name);
    const error = await fails(restorer.load(dump, "copy_ext", options));
    expect(error).toMatchObject({ code: "E_RESTORE", hint: "apt-get install postgresql-15-h3-pgx" });
    expect(error.message).toContain("h3_pgx");
    expect(await restorer.exists("copy_ext")).toBe(false);
  });

  test("the first error of pg_restore is reported, however long the statement was", async () => {
    const name = await database("create table t (id integer)");
    await server.sql(
      `create table early (id integer); create type kind as enum ('a');
      create table long_one (${tables.map((i) => `column_${i} integer`).join(", ")})`,
      name,
    );
    const dump = await dumpOf(name);
    const text = readFileSync(dump).toString("latin1").replaceAll("column_59 integer", "column_59 intager");
    writeFileSync(dump, text, "latin1");
    const error = await fails((await restorerOf(name)).load(dump, "copy_said", options));
    expect(error.message).toContain('type "intager" does not exist');
  });

  test("an archive of a newer pg_dump is refused, naming the version that reads it", async () => {
    const name = await database("create table t (id integer)");
    const dump = await dumpOf(name);
    const bytes = readFileSync(dump);
    bytes[6] = 16;
    writeFileSync(dump, bytes);
    const error = await fails((await restorerOf(name)).check(dump, options));
    expect(error).toMatchObject({ code: "E_RESTORE" });
    expect(error.hint).toContain("postgresql-client-17");
  });

  /** Programs of another version on the PATH that a prefix sees. */
  function fakePrograms(body: string): string[] {
    const path = join(temporary, "pg_restore");
    writeFileSync(path, `#!/bin/bash\n${body}\n`);
    chmodSync(path, 0o755);
    return ["env", `PATH=${temporary}:${process.env.PATH}`];
  }

  test("an old pg_restore behind the prefix is refused", async () => {
    const name = await database("create table t (id integer)");
    const dump = await dumpOf(name);
    const execPrefix = fakePrograms(
      `[ "$1" = --version ] && { echo "pg_restore (PostgreSQL) 9.6.24"; exit 0; }
       echo "pg_restore: [archiver] unsupported version (1.14) in file header" >&2; exit 1`,
    );
    const error = await fails((await restorerOf(name, { execPrefix })).load(dump, "copy_old", options));
    expect(error).toMatchObject({ code: "E_RESTORE" });
    expect(error.message).toContain("unsupported version");
    expect(error.hint).toContain("postgresql-client-");
  });

  test("settings that a newer pg_restore makes and the server does not know are left out", async () => {
    const name = await database(
      `${AWKWARD}; create table sets (line text); insert into sets values ('SET transaction_timeout = 0;')`,
    );
    const [dump, before] = [await dumpOf(name), await textOf(name)];
    const real = "/usr/lib/postgresql/15/bin/pg_restore";
    const execPrefix = fakePrograms(
      `[ "$1" = --version ] && { echo "pg_restore (PostgreSQL) 17.2"; exit 0; }
       case " $* " in *" --file=- "*) ;; *) echo 'unrecognized configuration parameter "transaction_timeout"' >&2; exit 1;; esac
       set -o pipefail
       ${real} "$@" | sed '0,/^SET lock_timeout = 0;$/s//&\\nSET transaction_timeout = 0;/'`,
    );
    const restorer = await restorerOf(name, { execPrefix });
    await restorer.load(dump, "copy_new", options);
    expect(await textOf("copy_new")).toEqual(before);
    await restorer.drop("copy_new");
  });

  test("words in what pg_restore says decide nothing, its exit status does", async () => {
    const name = await database("create table t (id integer)");
    const dump = await dumpOf(name);
    const real = "/usr/lib/postgresql/15/bin/pg_restore";
    const loud = fakePrograms(`echo "pg_restore: error: FATAL: not really" >&2; exec ${real} "$@"`);
    await (await restorerOf(name, { execPrefix: loud })).load(dump, "copy_loud", options);
    // Neither the first attempt nor the second one, whose script goes through psql, counts with a failed pg_restore.
    const quiet = fakePrograms(
      `case " $* " in *" --section="*) ;; *" --dbname="*|*" --file=- "*) ${real} "$@"; exit 1;; esac; exec ${real} "$@"`,
    );
    const restorer = await restorerOf(name, { execPrefix: quiet });
    expect((await fails(restorer.load(dump, "copy_loud", options))).code).toBe("E_RESTORE");
    expect(await restorer.exists("copy_loud")).toBe(false);
  });

  test.each(["--create", "--crea", "-C", "-aC", "-d", "--dbname=x", "-fx", "postgres"])(
    "%s is not passed on",
    async (flag) => {
      const name = await database("create table t (id integer)");
      const dump = await dumpOf(name);
      const error = await fails((await restorerOf(name)).check(dump, { restoreFlags: [flag] }));
      expect(error.code).toBe("E_USAGE");
    },
  );

  test("flags are passed on", async () => {
    const name = await database("create table t (id integer); create schema more; create table more.u (id integer)");
    const dump = await dumpOf(name);
    const restorer = await restorerOf(name);
    await restorer.load(dump, "copy_flags", { ...options, restoreFlags: ["--schema=public", "--no-comments"] });
    expect(Object.keys((await restorer.facts("copy_flags")).tables)).toEqual(["public.t"]);
    await restorer.drop("copy_flags");
  });
});

test("several jobs at a time read the dump as a file; behind a prefix there is none", async () => {
  const name = await database(AWKWARD);
  const [dump, before] = [await dumpOf(name), await textOf(name)];
  const restorer = await restorerOf(name);
  await restorer.load(dump, "copy_jobs", { ...options, restoreFlags: ["--jobs=2"] });
  expect(await textOf("copy_jobs")).toEqual(before);
  await restorer.drop("copy_jobs");
  const prefixed = await restorerOf(name, { execPrefix: ["env"] });
  expect((await fails(prefixed.check(dump, { restoreFlags: ["-j2"] }))).code).toBe("E_USAGE");
});

describe("the exchange", () => {
  const ROW = "create table t (id integer); insert into t values (1)";

  test("owner, rights, limit, settings and comment of live are carried over", async () => {
    const name = await database(ROW);
    const dump = await dumpOf(name);
    await server.sql(
      `alter database "${name}" set search_path to "$user", public, "odd, one"; alter database "${name}" set work_mem = '5MB';
       alter role reader in database "${name}" set statement_timeout = '3s'; alter database "${name}" set "app.name" = 'it''s';
       alter database "${name}" with connection limit 17; comment on database "${name}" is 'it''s; live';
       revoke temporary on database "${name}" from public; grant connect on database "${name}" to reader with grant option;
       alter database "${name}" owner to other; insert into t values (2)`,
      name,
    );
    const before = (await textOf(name, ["--create", "--schema-only"])).filter((line) => line.includes("DATABASE"));
    expect(before.length).toBeGreaterThan(7);
    const restorer = await restorerOf(name, { superuser: true });
    await restorer.load(dump, "copy_props", options);
    await restorer.exchange("copy_props", "aside_props");
    const after = (await textOf(name, ["--create", "--schema-only"])).filter((line) => line.includes("DATABASE"));
    expect(after).toEqual(before);
    expect(await server.sql("select count(*) from t", name)).toBe("1");
    await restorer.exchangeBack("copy_props", "aside_props");
    expect(await server.sql("select count(*) from t", name)).toBe("2");
    await restorer.drop("copy_props");
  });

  test("an application that connects again and again is kept out, and comes back to the new one", async () => {
    const name = await database(ROW);
    const dump = await dumpOf(name);
    const restorer = await restorerOf(name);
    await restorer.load(dump, "copy_busy", options);
    const stop = new AbortController();
    const client = async (): Promise<void> => {
      while (!stop.signal.aborted) {
        const args = ["-X", "-c", "select pg_sleep(60)", "-d", server.urlOf(name)];
        await execa("psql", args, { env: { PGPASSWORD: server.password }, reject: false, timeout: 4000 });
      }
    };
    const clients = [client(), client()];
    await restorer.exchange("copy_busy", "aside_busy");
    stop.abort();
    expect(await restorer.exists("aside_busy")).toBe(true);
    const flags = `select string_agg(datallowconn::text, ',' order by datname) from pg_database where datname in ('${name}', 'aside_busy')`;
    expect(await server.sql(flags, "postgres")).toBe("false,true");
    await Promise.all(clients);
    await restorer.drop("aside_busy");
  });

  test("where sessions cannot be ended nothing is changed, and connections are taken again", async () => {
    const name = await database(ROW);
    const dump = await dumpOf(name);
    const restorer = await restorerOf(name);
    await restorer.load(dump, "copy_held", options);
    const args = ["-X", "-c", "select pg_sleep(60)", ...asSuperuser(name)];
    const holder = execa("psql", args, { env: env(), reject: false });
    await expect
      .poll(async () => await server.sql(`select count(*) from pg_stat_activity where datname = '${name}'`, "postgres"))
      .toBe("1");
    const error = await fails(restorer.exchange("copy_held", "aside_held"));
    expect(error).toMatchObject({ code: "E_RESTORE" });
    expect(error.message).toContain("postgres");
    expect(error.hint).toContain("pg_signal_backend");
    expect(await server.sql("select count(*) from t", name)).toBe("1");
    expect([await restorer.exists("copy_held"), await restorer.exists("aside_held")]).toEqual([true, false]);
    holder.kill("SIGTERM");
    await holder;
    await server.sql(`select pg_terminate_backend(pid) from pg_stat_activity where datname = '${name}'`, "postgres");
    await restorer.exchange("copy_held", "aside_held");
    await restorer.drop("aside_held");
  });

  test("while it is loaded, no other session is in the scratch database", async () => {
    await server.sql("alter role other password 'other'; create role goes_on", "postgres");
    const name = await database(
      `${ROW}; create function waits() returns integer language plpgsql as $$ begin
         while not exists (select from pg_roles where rolname = 'goes_on') loop perform pg_sleep(0.05); end loop;
         return 1; end $$;
       create materialized view slow as select waits()`,
    );
    const dump = await dumpOf(name);
    await server.sql("drop role goes_on", "postgres");
    const restorer = await restorerOf(name);
    const url = server.urlOf("copy_closed").replace("clara@", "other@");
    const enter = async () => {
      const psql = ["psql", "-X", "-c", "select 1", "-d", url];
      const tried = await execa({ env: { PGPASSWORD: "other" }, reject: false })`${psql}`;
      await server.sql("create role goes_on", "postgres");
      return tried;
    };
    let tried: ReturnType<typeof enter> | undefined;
    await restorer.load(dump, "copy_closed", { ...options, onBytes: () => void (tried ??= enter()) });
    expect(await tried).toMatchObject({
      exitCode: 2,
      stderr: expect.stringMatching(/permission denied|not currently accepting/) as string,
    });
    await restorer.drop("copy_closed");
    await server.sql("drop role goes_on", "postgres");
  });

  test("killed at any moment of an exchange, it is finished or taken back by calling it again", async () => {
    const name = await database(ROW);
    const dump = await dumpOf(name);
    const restorer = await restorerOf(name);
    const module = JSON.stringify(join(import.meta.dirname, "../../lib/database/engines/open.ts"));
    const target = JSON.stringify({ url: server.urlOf(name), password: server.password, execPrefix: [], root: "/" });
    const child = (method: string): string => `
      const { openRestorer } = await import(${module});
      const restorer = await openRestorer(${target}, new AbortController().signal);
      console.log("ready");
      await restorer.${method}("copy_kill", "aside_kill");
      await restorer.close();`;
    await restorer.load(dump, "copy_kill", options);
    await server.sql("insert into t values (2)", name);
    for (const [round, milliseconds] of [20, 60, 110, 160, 240, 360].entries()) {
      const method = round % 2 === 0 ? "exchange" : "exchangeBack";
      const process = execa("node", ["--import", "tsx", "--input-type=module", "-e", child(method)], { reject: false });
      await Promise.race([new Promise((resolve) => process.stdout.once("data", resolve)), process]);
      await new Promise((resolve) => setTimeout(resolve, milliseconds));
      process.kill("SIGKILL");
      await process;
      await restorer[method]("copy_kill", "aside_kill");
      expect(await server.sql("select count(*) from t", name)).toBe(method === "exchange" ? "1" : "2");
      const names = `select string_agg(datname, ',') from pg_database where datname in ('copy_kill', 'aside_kill')`;
      expect(await server.sql(names, "postgres")).toBe(method === "exchange" ? "aside_kill" : "copy_kill");
    }
    await restorer.drop("copy_kill");
  });

  test("a rollback never removes a database that no restore made", async () => {
    const name = await database(ROW);
    const restorer = await restorerOf(name);
    expect((await fails(restorer.exchangeBack("copy_none", "aside_none"))).code).toBe("E_RESTORE");
    expect((await fails(restorer.exchange("copy_none", "aside_none")).catch(() => undefined))?.code).toBeUndefined();
    expect(await server.sql("select count(*) from t", name)).toBe("1");
  });

  test("where there was no database it gets the owner, rights, settings and locale that the dump says", async () => {
    const name = await database(ROW);
    await server.sql(
      `alter database "${name}" set work_mem = '7MB'; revoke connect on database "${name}" from public; grant connect on database "${name}" to reader`,
      "postgres",
    );
    const [dump, before] = [await dumpOf(name), await textOf(name, ["--create"])];
    await server.sql(`drop database "${name}"`, "postgres");
    const restorer = await restorerOf(name, { superuser: true });
    expect(await restorer.check(dump, options)).toEqual([]);
    await restorer.load(dump, "copy_fresh", options);
    await restorer.exchange("copy_fresh", "aside_fresh");
    const words = (lines: string[]): string[] =>
      lines.filter((line) => !/^(?:--|)$|Restored as|Type: COMMENT/.test(line));
    expect(words(await textOf(name, ["--create"]))).toEqual(words(before));
    await restorer.exchangeBack("copy_fresh", "aside_fresh");
    expect(await restorer.present()).toBeUndefined();
    await restorer.drop("copy_fresh");
  });
});
