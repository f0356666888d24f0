/** Databases that plain dumps and plain loads get wrong: each comes back, or what is missing of it is named. */
import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { gunzipSync } from "node:zlib";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { DatabaseFacts, DatabaseTarget, DumpResult, TableDigests } from "../../lib/database/snapshot.ts";
import { openSnapshot } from "../../lib/database/engines/open.ts";
import { openRestorer } from "../../lib/database/engines/open.ts";
import type { DatabaseRestorer } from "../../lib/database/restorer.ts";
import { acquireMariadb, acquirePostgres, type TestServer } from "../support/servers/acquire.ts";
import { watchTemp } from "../support/watched-temp.ts";
import { tempDirectory } from "../support/temp.ts";
import { PYTHON } from "../support/python.ts";

let postgres: TestServer;
let mariadb: TestServer;
watchTemp("holdfast-test-");
const signal = new AbortController().signal;

beforeAll(async () => {
  [postgres, mariadb] = await Promise.all([acquirePostgres(), acquireMariadb()]);
});
afterAll(async () => {
  await Promise.all([postgres?.release(), mariadb?.release()]);
});
interface Dumped extends DumpResult {
  readonly path: string;
  readonly facts: DatabaseFacts;
  readonly digests: TableDigests;
}

async function dump(target: DatabaseTarget): Promise<Dumped> {
  const snapshot = await openSnapshot(target, signal);
  try {
    const path = join(tempDirectory(), `dump${snapshot.extension}`);
    await snapshot.facts({ exactRows: 1000 });
    const result = await snapshot.dump(path, () => {});
    return { ...result, path, facts: await snapshot.facts({ exactRows: 1000 }), digests: await snapshot.digests() };
  } finally {
    await snapshot.close();
  }
}

async function withRestorer<T>(target: DatabaseTarget, use: (restorer: DatabaseRestorer) => Promise<T>): Promise<T> {
  const restorer = await openRestorer(target, signal);
  try {
    return await use(restorer);
  } finally {
    await restorer.close();
  }
}

/** Loads a dump as `name`, which must hold what was recorded, digests included; gives the warnings of the check. */
async function load(
  target: DatabaseTarget,
  { path, facts, digests }: Dumped,
  name: string,
): Promise<readonly string[]> {
  return await withRestorer(target, async (restorer) => {
    const warnings = await restorer.check(path, { restoreFlags: [] });
    await restorer.load(path, name, { onBytes: () => {}, restoreFlags: [], searchPath: facts.search_path });
    const loaded = await restorer.facts(name, { digests: true });
    for (const [table, { rows }] of Object.entries(facts.tables)) {
      expect(loaded.tables[table]).toMatchObject({ rows, exact: true });
      expect(loaded.tables[table]?.digest).toBe(digests.digests[table]);
    }
    return warnings;
  });
}

describe("PostgreSQL", () => {
  /** The superuser on a database. */
  const at = (database: string): DatabaseTarget => ({
    url: `postgresql://postgres@127.0.0.1:${postgres.port}/${database}`,
    password: postgres.superuserPassword,
    execPrefix: [],
    root: "/",
  });
  const user = (database: string): DatabaseTarget => ({
    url: postgres.urlOf(database),
    password: postgres.password,
    execPrefix: [],
    root: "/",
  });

  test("queries and functions in a text find their tables by the search_path of the role that made the dump", async () => {
    const name = await postgres.createDatabase();
    await postgres.sql(
      `create schema first; create schema shop; create role lister superuser login password 'listerpw';
       alter role lister in database "${name}" set search_path = shop, public;
       create table first.articles (tv tsvector); insert into first.articles values ('wrong');
       set search_path = shop;
       create table articles (tv tsvector); insert into articles values ('alpha beta'), ('alpha');
       create function rate(int) returns bigint language sql immutable as 'select count(*) from articles';
       create table orders (amt int, check (rate(amt) > 0), total bigint generated always as (rate(amt)) stored); create index on orders ((amt * rate(amt)));
       insert into orders values (1), (2);
       create materialized view words as select word, ndoc from ts_stat('select tv from articles')`,
      name,
    );
    const dumped = await dump({ ...at(name), url: at(name).url.replace("postgres@", "lister@"), password: "listerpw" });
    expect(dumped.facts.search_path).toEqual(["shop", "public"]);
    const reader = { ...at("postgres"), url: `${at("postgres").url}?options=-csearch_path%3Dshop` };
    await load(reader, dumped, `${name}_copy`);
    expect(await postgres.sql("select word, ndoc from shop.words order by 1", `${name}_copy`)).toBe("alpha|2\nbeta|1");
    expect(
      await postgres.sql("set search_path = shop; select count(*) from orders where total = 2", `${name}_copy`),
    ).toBe("2");
  });

  test("an index that the planner cannot evaluate keeps neither the dump nor the count from being made", async () => {
    const name = await postgres.createDatabase();
    await postgres.sql(
      `create schema shop; set search_path = shop; create table rates (code text, r numeric); insert into rates values ('USD', 1.1);
       create function rate(text) returns numeric language sql immutable as 'select r from rates where code = $1';
       create table orders (cur text, amt numeric); insert into orders select 'USD', g from generate_series(1, 30) g;
       create index on orders ((amt * rate(cur)));
       create table django_migrations (id int, app text, name text, applied timestamptz); create index on django_migrations (rate(app))`,
      name,
    );
    const dumped = await dump(at(name));
    expect(dumped.warnings).toEqual([expect.stringMatching(/migrations could not be read.*rates/)]);
    expect(dumped.facts.tables["shop.orders"]).toEqual({ rows: 30, exact: true });
    expect(dumped.digests.digests).not.toHaveProperty(["shop.orders"]);
    expect(dumped.digests.warnings).toContainEqual(expect.stringMatching(/shop\.orders.*rates/));
    await load(at("postgres"), dumped, `${name}_copy`);
  });

  test.each(["LATIN1", "SQL_ASCII"])(
    "names of any letters, with dots, blanks and newlines, in a database of %s",
    async (encoding) => {
      const name = `enc_${encoding.toLowerCase()}`;
      await postgres.sql(
        `create database ${name} encoding '${encoding}' template template0 lc_collate 'C' lc_ctype 'C'`,
        "postgres",
      );
      await postgres.sql(
        `set client_encoding to '${encoding === "LATIN1" ? "UTF8" : encoding}'; create schema "a.b";
         create table "größe" (id int); insert into "größe" values (1), (2);
         create table "a.b"."two\nlines ""x"" " (id int); insert into "a.b"."two\nlines ""x"" " values (3)`,
        name,
      );
      const dumped = await dump(at(name));
      expect(dumped.facts.tables).toEqual({
        "public.größe": { rows: 2, exact: true },
        'a.b.two\nlines "x" ': { rows: 1, exact: true },
      });
      // Where live has another encoding, the dump's is taken.
      const live = at(await postgres.createDatabase(`${name}_live`));
      expect(await load(live, dumped, `${name}_new`)).toContainEqual(expect.stringContaining("has the encoding UTF8"));
    },
  );

  test("a name that no query can write is in the dump, with the rows that were dumped", async () => {
    await postgres.sql(
      "create database raw encoding 'SQL_ASCII' template template0 lc_collate 'C' lc_ctype 'C'",
      "postgres",
    );
    await postgres.sql(
      `do $$ declare name text := '"' || convert_from('\\x67f6'::bytea, 'SQL_ASCII') || '"'; begin
         execute 'create table ' || name || ' (id int)'; execute 'insert into ' || name || ' values (1), (2)'; end $$`,
      "raw",
    );
    const dumped = await dump(at("raw"));
    expect(dumped.facts.tables).toEqual({ "public.g\u00f6": { rows: 2, exact: true } });
    expect(dumped.warnings).toEqual([expect.stringContaining("could not be counted")]);
  });

  test("text that is valid in no encoding: digests differ where rows do, and are left out where they cannot be read", async () => {
    await postgres.sql(
      "create database ascii encoding 'SQL_ASCII' template template0 lc_collate 'C' lc_ctype 'C'",
      "postgres",
    );
    await postgres.sql(
      "create database win encoding 'WIN1252' template template0 lc_collate 'C' lc_ctype 'C'",
      "postgres",
    );
    const rows = "(id int, n text); insert into t1 select g, 'row' || g from generate_series(1, 300) g;";
    await postgres.sql(
      `set client_encoding to 'SQL_ASCII'; create table t1 ${rows} insert into t1 values (4000, E'caf\\xe9');
       create table t2 as select * from t1; insert into t2 values (5000, 'one more'); create table t3 as select id, replace(n, E'\\xe9', E'\\xe8') as n from t1`,
      "ascii",
    );
    const ascii = await dump(at("ascii"));
    expect(new Set(Object.values(ascii.digests.digests)).size).toBe(3);
    await load(at("postgres"), ascii, "ascii_copy");
    // A byte that WIN1252 does not know: rows break off in the middle.
    await postgres.sql(
      `set client_encoding to 'WIN1252'; create table t1 ${rows} insert into t1 values (4000, E'x\\x81'); create table t2 (id int); insert into t2 values (1)`,
      "win",
    );
    const win = await dump(at("win"));
    expect(win.facts.tables["public.t1"]).toEqual({ rows: 301, exact: true });
    expect(Object.keys(win.digests.digests)).toEqual(["public.t2"]);
    expect(win.digests.warnings).toEqual([expect.stringMatching(/no digest of the table public\.t1: .*0x81/)]);
    await load(at("postgres"), win, "win_copy");
  });

  test("a tablespace that is missing, or that the user may not use, is reported, and the default one is used", async () => {
    const name = await postgres.createDatabase();
    await postgres.sql("set allow_in_place_tablespaces = on; create tablespace fastdisk location ''", "postgres");
    await postgres.sql(
      "create table t (id int primary key) tablespace fastdisk; insert into t values (1); alter table t owner to clara",
      name,
    );
    const dumped = await dump(at(name));
    expect(await load(at("postgres"), dumped, `${name}_same`)).toEqual([]);
    await postgres.sql("alter role clara createdb", "postgres");
    const warnings = await load(user("clara"), dumped, `${name}_copy`);
    expect(warnings).toContainEqual(expect.stringMatching(/tablespace fastdisk/));
  });

  test("a private server gets the roles that policies, grants and owners name", async () => {
    const name = await postgres.createDatabase();
    await postgres.sql(
      'create role "the reader"; create role owner_gone; create role granted; create role member_of',
      "postgres",
    );
    await postgres.sql(
      `create table acct (id int, who text); insert into acct values (1, 'a'); alter table acct enable row level security;
       create policy own on acct for select to "the reader", granted using (true); grant select on acct to granted; alter table acct owner to owner_gone;
       alter default privileges for role member_of grant select on tables to granted`,
      name,
    );
    const dumped = await dump(at(name));
    await postgres.sql(`drop database "${name}"`, "postgres");
    await postgres.sql(
      'drop role "the reader"; drop role owner_gone; drop role granted; drop role member_of',
      "postgres",
    );
    await expect(load(at("postgres"), dumped, `${name}_copy`)).rejects.toMatchObject({
      hint: expect.stringContaining("create role"),
    });
    await withRestorer(at("postgres"), async (restorer) => await restorer.furnish(dumped.path));
    expect(await load(at("postgres"), dumped, `${name}_copy`)).toEqual([]);
    expect(await postgres.sql("select tableowner from pg_tables where tablename = 'acct'", `${name}_copy`)).toBe(
      "owner_gone",
    );
    expect(
      await postgres.sql(
        "select count(*) from pg_roles where rolcanlogin and rolname in ('the reader', 'owner_gone', 'granted', 'member_of')",
        "postgres",
      ),
    ).toBe("0");
  });

  test.each([
    ["a sequence", "create table t (id serial); grant select on t to reader", "permission denied for sequence"],
    [
      "row security",
      "create table t (id int); grant select on t to reader; alter table t enable row level security; create policy p on t using (true)",
      "row-level security",
    ],
    [
      "a large object",
      "create table t (id int); grant select on t to reader; select lo_from_bytea(0, 'x')",
      "permission denied for large object",
    ],
  ])("what pg_dump says of a right to %s that is missing is in the failure", async (_, statements, words) => {
    const name = await postgres.createDatabase();
    await postgres.sql(
      "do $$ begin create role reader login password 'readerpw'; exception when duplicate_object then null; end $$",
      "postgres",
    );
    await postgres.sql(statements, name);
    const target = { ...at(name), url: at(name).url.replace("postgres@", "reader@"), password: "readerpw" };
    const snapshot = await openSnapshot(target, signal);
    try {
      await expect(snapshot.dump(join(tempDirectory(), "dump"), () => {})).rejects.toMatchObject({
        code: "E_DUMP",
        message: expect.stringContaining(words),
      });
    } finally {
      await snapshot.close();
    }
  });
});

describe("MariaDB", () => {
  const at = (database: string): DatabaseTarget => ({
    url: `mariadb://root@127.0.0.1:${mariadb.port}/${database}`,
    password: mariadb.superuserPassword,
    execPrefix: [],
    root: "/",
  });
  const sqlOf = (path: string): string => gunzipSync(readFileSync(path)).toString();

  test("qualified names, lost definers and sequences come back under another name, without the old database", async () => {
    const name = await mariadb.createDatabase();
    const copy = `${name}-copy`;
    await mariadb.sql(
      "create database if not exists ref; create table if not exists ref.c (id int); insert into ref.c values (1)",
      name,
    );
    await mariadb.sql(
      `create sequence sq; create table t (i int default nextval(sq)); insert into t values (1); create table log (i int);
       create user gone@localhost; grant all on *.* to gone@localhost;
       create view v as select t.i from t join ref.c on c.id = t.i; create definer=gone@localhost view w as select i from t; create view w2 as select i from w;
       create function one() returns int return (select count(*) from \`${name}\`.t);
       create view w3 as select one() as n, '\`${name}\`.t' as txt;
       create trigger tr after insert on t for each row insert into ${name}.log values (new.i); drop user gone@localhost`,
      name,
    );
    const dumped = await dump(at(name));
    await mariadb.sql(`drop database \`${name}\``, "mysql");
    await withRestorer(at("mysql"), async (restorer) => await restorer.furnish(dumped.path));
    expect(await load(at("mysql"), dumped, copy)).toEqual([]);
    expect(await mariadb.sql("select i from v; select i from w2; select n, txt from w3", copy)).toBe(
      `1\n1\n1\t\`${name}\`.t`,
    );
    await mariadb.sql("insert into t values (default)", copy);
    expect(await mariadb.sql("select count(*) from log", copy)).toBe("1");
    expect(
      await mariadb.sql(
        "select account_locked from (select json_value(priv, '$.account_locked') as account_locked from mysql.global_priv where user = 'gone') as g",
        copy,
      ),
    ).toBe("1");
  });

  test("a dump that needs what the server lacks is refused before anything is changed, with the remedy", async () => {
    const name = await mariadb.createDatabase();
    await mariadb.sql("create database other; create table other.c (id int)", name);
    await mariadb.sql(
      "create table t (b longblob); insert into t values (repeat('x', 3000000)); create view v as select id from other.c",
      name,
    );
    const dumped = await dump(at(name));
    await mariadb.sql("drop database other", name);
    await expect(load(at("mysql"), dumped, `${name}_copy`)).rejects.toMatchObject({
      code: "E_RESTORE",
      message: expect.stringContaining("lacks the database other"),
    });
    await mariadb.sql(
      "create database other; create table other.c (id int); set global max_allowed_packet = 2097152",
      name,
    );
    await expect(load(at("mysql"), dumped, `${name}_copy`)).rejects.toMatchObject({
      code: "E_RESTORE",
      hint: expect.stringContaining("set global max_allowed_packet = 8388608"),
    });
    await mariadb.sql("set global max_allowed_packet = 16777216", name);
    expect(await load(at("mysql"), dumped, `${name}_copy`)).toEqual([]);
  });

  test("the history of system-versioned tables comes back, or its loss is named with its rows", async () => {
    const name = await mariadb.createDatabase();
    await mariadb.sql(
      `create table price (id int primary key, amt float) with system versioning; insert into price values (1, 1234567), (2, 20); update price set amt = 11 where id = 1; delete from price where id = 2;
       create table own (x int, sa timestamp(6) generated always as row start invisible, sb timestamp(6) generated always as row end invisible, period for system_time (sa, sb)) with system versioning;
       insert into own values (1); update own set x = 2`,
      name,
    );
    const dumped = await dump(at(name));
    expect(dumped.warnings).toEqual([]);
    expect(dumped.facts.tables).toMatchObject({ price: { rows: 3 }, own: { rows: 2 } });
    await load(at("mysql"), dumped, `${name}_copy`);
    const past =
      "select id, amt + 0e0, row_start, row_end from price for system_time all order by id, row_start; select x, sa, sb from own for system_time all order by sa";
    expect(await mariadb.sql(past, `${name}_copy`)).toBe(await mariadb.sql(past, name));
    await mariadb.sql(
      `create table trx (x int, a bigint unsigned generated always as row start, b bigint unsigned generated always as row end, period for system_time (a, b)) with system versioning engine=innodb;
       insert into trx (x) values (1); update trx set x = 2`,
      name,
    );
    const partly = await dump(at(name));
    for (const [table, words] of [
      ["trx", "1 of its 2 rows"],
      ["price", "2 of its 3 rows"],
      ["own", "1 of its 2 rows"],
    ])
      expect(partly.warnings).toContainEqual(
        expect.stringMatching(`history of the system-versioned table ${table}.*${words}`),
      );
    await load(at("mysql"), partly, `${name}_partly`);
  });

  test("FLOAT comes back bit for bit, whatever else is in the table", async () => {
    const name = await mariadb.createDatabase();
    await mariadb.sql(
      `create table log (n int);
       create table sensor (id int primary key, v float, u float unsigned, m float(9,3), d double, g float generated always as (v + 1) virtual, txt text, bin varbinary(9), bits bit(9), js json, at timestamp(3) null, p point, e enum('a','b'), hidden float invisible default 0.1);
       insert into sensor (id, v, u, m, d, txt, bin, bits, js, at, p, e) values
         (1, 1234567, 52.520008, 1234.5678, 0.1, 'it''s \\\\ \\n\\r\\t\\0 é 🎉', x'00ff27', b'101010101', '{"a": 1}', '2026-11-29 01:02:03.456', point(13.4, 52.5), 'b'),
         (2, 3.1415927e-38, null, null, 1e300, '', '', null, null, null, null, null), (3, -3.4028234e38, 16777217, 0, -0.0, null, null, b'0', null, null, null, 'a');
       create trigger tr before insert on sensor for each row insert into log values (new.id);
       create event ev on schedule every 1 day do delete from log; create procedure pr() select 1; create table after_it (id int); insert into after_it values (1)`,
      name,
    );
    const dumped = await dump(at(name));
    expect(dumped.warnings).toEqual([]);
    expect(sqlOf(dumped.path).match(/^-- Dump completed/gm)).toHaveLength(1);
    await load(at("mysql"), dumped, `${name}_copy`);
    const all =
      "select id, v + 0e0, u + 0e0, m + 0e0, d, g + 0e0, hex(txt), hex(bin), bits + 0, js, at, st_astext(p), e, hidden + 0e0 from sensor order by id";
    expect(await mariadb.sql(all, `${name}_copy`)).toBe(await mariadb.sql(all, name));
    expect(await mariadb.sql("select count(*) from log", `${name}_copy`)).toBe("0");
    for (const text of ["trigger tr ", "EVENT `ev`", "PROCEDURE `pr`"])
      expect(sqlOf(dumped.path).split(text)).toHaveLength(2);
  });

  test("rights that hide tables, triggers or routines are named; those that hide nothing are not", async () => {
    const name = await mariadb.createDatabase("s_1");
    await mariadb.sql(
      "create table t (i int); insert into t values (1); create trigger audit before insert on t for each row set new.i = 1; create procedure bill() select 1",
      name,
    );
    const warningsOf = async (grants: string): Promise<readonly string[]> => {
      await mariadb.sql(`create or replace user bk@'127.0.0.1' identified by 'bkpw'; ${grants}`, name);
      return (await dump({ ...at(name), url: at(name).url.replace("root@", "bk@"), password: "bkpw" })).warnings;
    };
    const to = "to bk@'127.0.0.1'";
    expect(
      await warningsOf(`grant select, lock tables, show view, event on s_1.* ${to}; grant trigger on other_db.* ${to}`),
    ).toEqual([expect.stringContaining("TRIGGER"), expect.stringContaining("procedures and functions")]);
    expect(
      await warningsOf(
        `grant lock tables, show view, event, trigger on \`s\\_1\`.* ${to}; grant select on s_1.t ${to}; grant select on mysql.proc ${to}`,
      ),
    ).toEqual([expect.stringContaining("SELECT privilege on the whole database")]);
    expect(
      await warningsOf(
        `grant select, lock tables, show view, event on \`s%\`.* ${to}; grant trigger on s_1.t ${to}; grant select on mysql.* ${to}`,
      ),
    ).toEqual([]);
    await mariadb.sql(
      "create or replace role backup_role; grant select, lock tables, show view, event, trigger on s_1.* to backup_role; grant select on mysql.proc to backup_role",
      name,
    );
    expect(await warningsOf(`grant backup_role ${to}; set default role backup_role for bk@'127.0.0.1'`)).toEqual([]);
  });

  test("geometry has a digest", async () => {
    const name = await mariadb.createDatabase();
    await mariadb.sql(
      "create table a (p point not null, spatial key (p)); insert into a values (point(13.4, 52.5)); create table b like a; insert into b values (point(13.4, 52.6))",
      name,
    );
    const dumped = await dump(at(name));
    expect(dumped.digests.warnings).toEqual([]);
    expect(dumped.digests.digests.a).not.toBe(dumped.digests.digests.b);
    await load(at("mysql"), dumped, `${name}_copy`);
  });
});

/** Makes a database as an application does that brings a collation, a function and a tokenizer of its own. */
const APPLICATION = `
import sqlite3, sys
db = sqlite3.connect(sys.argv[1])
db.create_function("slug", 1, lambda text: str(text).lower(), deterministic=True)
db.executescript("""
create table decks (name text not null collate rtrim); create unique index ix on decks (name); insert into decks values ('Ab'), ('cd');
create table keyed (name text collate rtrim primary key) without rowid; insert into keyed values ('x');
create table slugs (t text, low text generated always as (slug(t)) virtual); create index sx on slugs (slug(t)); insert into slugs values ('A');
create table plain (id integer primary key); insert into plain values (1), (2);
create virtual table fts using fts4 (body, tokenize=porter); insert into fts values ('hello');
pragma writable_schema = on;
update sqlite_master set sql = replace(replace(sql, 'rtrim', 'unicase'), 'porter', 'mozown');
""")
db.close()
`;

test("SQLite: collations, functions and tokenizers of the application do not keep a database from being copied and restored", async () => {
  const root = tempDirectory();
  execFileSync(PYTHON, ["-c", APPLICATION, join(root, "app.db")]);
  const target = { url: "sqlite:///app.db", execPrefix: [], root };
  const dumped = await dump({ ...target });
  expect(dumped.facts.tables).toMatchObject({
    decks: { rows: 2, exact: true },
    plain: { rows: 2, exact: true },
    keyed: { exact: false },
  });
  expect(dumped.warnings).toContainEqual(expect.stringMatching(/could not check the table decks: .*unicase/));
  expect(dumped.warnings).toContainEqual(expect.stringMatching(/rows of keyed could not be counted/));
  expect(Object.keys(dumped.digests.digests)).toContain("plain");
  await withRestorer({ url: "sqlite:///back.db", execPrefix: [], root }, async (restorer) => {
    expect(await restorer.check(dumped.path, { restoreFlags: [] })).not.toEqual([]);
    await restorer.load(dumped.path, "scratch.db", { onBytes: () => {}, restoreFlags: [] });
    await restorer.exchange("scratch.db", "aside.db");
  });
  const rows = execFileSync("sqlite3", [join(root, "back.db"), "select count(*) from decks"], { encoding: "utf8" });
  expect(rows).toBe("2\n");
});
