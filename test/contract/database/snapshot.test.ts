/** What every database engine promises, and what each must do beyond that: against real servers, checked with their own tools. */
import { createHash } from "node:crypto";
import { chmodSync, existsSync, readFileSync, readdirSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { setImmediate as immediate, setTimeout as sleep } from "node:timers/promises";
import { gunzipSync } from "node:zlib";
import { execa } from "execa";
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import type { DatabaseSnapshot, DatabaseTarget } from "../../../lib/database/snapshot.ts";
import { openSnapshot } from "../../../lib/database/engines/open.ts";
import { acquireMariadb, acquirePostgres, type TestServer } from "../../support/servers/acquire.ts";
import { watchTemp } from "../../support/watched-temp.ts";
import { tempDirectory } from "../../support/temp.ts";
import { runSql } from "../../support/sqlite.ts";
import { execFileSync } from "node:child_process";
import { ageIdentity } from "../../support/sealed/identities.ts";

/** One database in which a test works, and how to restore a dump of it. */
interface Site {
  readonly target: DatabaseTarget;
  run(statements: string): Promise<void>;
  /** Loads a dump with the engine's own tool into a new database. */
  restore(dump: string): Promise<DatabaseTarget>;
  /** A text as a literal of this engine. */
  literal(text: string): string;
  quote(name: string): string;
  /** A table's key in `facts().tables`. */
  key(table: string): string;
}

let postgres: TestServer;
let mariadb: TestServer;
const temporary = watchTemp("holdfast-test-");

beforeAll(async () => {
  [postgres, mariadb] = await Promise.all([acquirePostgres(), acquireMariadb()]);
});
afterAll(async () => {
  await Promise.all([postgres?.release(), mariadb?.release()]);
});

async function open(
  target: DatabaseTarget,
  signal: AbortSignal = new AbortController().signal,
): Promise<DatabaseSnapshot> {
  const snapshot = await openSnapshot(target, signal);
  temporary.opened.push(snapshot);
  return snapshot;
}

const SITES: Record<string, () => Promise<Site>> = {
  postgresql: async () => {
    const name = await postgres.createDatabase();
    const server = { password: postgres.password, execPrefix: [], root: "/" };
    const asUser = async (statements: string, database: string): Promise<void> => {
      await postgres.sql(`set session authorization clara;\n${statements}`, database);
    };
    return {
      target: { ...server, url: postgres.urlOf(name) },
      run: async (statements) => await asUser(statements, name),
      restore: async (dump) => {
        const copy = await postgres.createDatabase();
        const args = ["--exit-on-error", "--no-owner", "--dbname", postgres.urlOf(copy), dump];
        await execa("pg_restore", args, { env: { PGPASSWORD: postgres.password } });
        return { ...server, url: postgres.urlOf(copy) };
      },
      literal: (text) => `'${text.replaceAll("'", "''")}'`,
      quote: (table) => `"${table.replaceAll('"', '""')}"`,
      key: (table) => `public.${table}`,
    };
  },
  mariadb: async () => {
    const name = await mariadb.createDatabase();
    const server = { password: mariadb.password, execPrefix: [], root: "/" };
    const client = async (statements: string, database: string): Promise<void> => {
      const argv = [
        "--no-defaults",
        "--default-character-set=utf8mb4",
        "--host=127.0.0.1",
        `--port=${mariadb.port}`,
        "--user=clara",
      ];
      await execa("mariadb", [...argv, database], { input: statements, env: { MYSQL_PWD: mariadb.password } });
    };
    return {
      target: { ...server, url: mariadb.urlOf(name) },
      run: async (statements) => await client(statements, name),
      restore: async (dump) => {
        const copy = await mariadb.createDatabase();
        await client(gunzipSync(readFileSync(dump)).toString(), copy);
        return { ...server, url: mariadb.urlOf(copy) };
      },
      literal: (text) => `'${text.replaceAll("\\", "\\\\").replaceAll("'", "''")}'`,
      quote: (table) => `\`${table.replaceAll("`", "``")}\``,
      key: (table) => table,
    };
  },
  sqlite: async () => {
    const root = tempDirectory();
    const run = async (statements: string): Promise<void> => {
      runSql(join(root, "site.db"), "pragma journal_mode = wal", statements);
    };
    await run("");
    return {
      target: { url: "sqlite:///site.db", execPrefix: [], root },
      run,
      restore: async (dump) => {
        const copy = join(root, "restored.db");
        await execa("sqlite3", [copy, `.restore '${dump}'`]);
        return { url: `sqlite:///${copy}`, execPrefix: [], root };
      },
      literal: (text) => `'${text.replaceAll("'", "''")}'`,
      quote: (table) => `"${table.replaceAll('"', '""')}"`,
      key: (table) => table,
    };
  },
};

const AWKWARD = "tab\t new\nline \r back\\slash \\n 'single' \"double\" `tick` <b>&amp; é 🎉 $$ :name \\. );";
const BIG = "9223372036854775807";
const DECIMAL = "12345678901234567.1200";
const TEXT = { postgresql: "text", mariadb: "text", sqlite: "text" };
const TIME = { postgresql: "timestamp(6)", mariadb: "datetime(6)", sqlite: "text" };
const JSON_TYPE = { postgresql: "json", mariadb: "json", sqlite: "text" };
const DECIMAL_TYPE = { postgresql: "numeric(30,4)", mariadb: "decimal(30,4)", sqlite: "text" };

describe.each(["postgresql", "mariadb", "sqlite"] as const)("%s", (engine) => {
  let site: Site;
  beforeEach(async () => {
    site = await (SITES[engine] as () => Promise<Site>)();
  });

  /** A table with a row of everything that is easily lost. */
  async function awkwardTable(): Promise<void> {
    await site.run(
      `create table kinds (id bigint primary key, big bigint, deci ${DECIMAL_TYPE[engine]}, txt ${TEXT[engine]}, absent ${TEXT[engine]},
         empty ${TEXT[engine]}, word ${TEXT[engine]}, digits ${TEXT[engine]}, js ${JSON_TYPE[engine]}, at ${TIME[engine]});
       insert into kinds values (1, ${BIG}, '${DECIMAL}', ${site.literal(AWKWARD)}, null, '', 'NULL', '0012',
         ${site.literal('{"b":  1,\n "a": [1.5, "x\\ny"], "id": 9007199254740993}')}, '2026-11-20 02:00:04.123456');
       insert into kinds (id, big) values (2, -9007199254740993), (3, 9007199254740991);`,
    );
  }

  test("values of every kind come as they are: 64-bit integers, decimals, NULL, '', 'NULL', newlines, quotes, emoji, JSON, microseconds", async () => {
    await awkwardTable();
    const snapshot = await open(site.target);
    const [row, second, third] = await snapshot.query("select * from kinds order by id;  ;\n");
    expect(row).toEqual({
      id: 1,
      big: BIG,
      deci: DECIMAL,
      txt: AWKWARD,
      absent: null,
      empty: "",
      word: "NULL",
      digits: "0012",
      js:
        engine === "sqlite"
          ? '{"b":  1,\n "a": [1.5, "x\\ny"], "id": 9007199254740993}'
          : { b: 1, a: [1.5, "x\ny"], id: "9007199254740993" },
      at: expect.stringMatching(/^2026-11-20[T ]02:00:04\.123456$/),
    });
    expect(Object.keys(row ?? {})).toEqual([
      "id",
      "big",
      "deci",
      "txt",
      "absent",
      "empty",
      "word",
      "digits",
      "js",
      "at",
    ]);
    expect([second?.big, third?.big]).toEqual(["-9007199254740993", Number.MAX_SAFE_INTEGER]);
    expect(await snapshot.query("select id from kinds where id > 100")).toEqual([]);
    expect(
      await snapshot.query(`select id as ${site.quote('a <b> "c" é')} from kinds where id = 2 -- the end`),
    ).toEqual([{ 'a <b> "c" é': 2 }]);
  });

  test("values of megabytes come whole", async () => {
    await site.run("create table wide (id int)");
    const text = { postgresql: "repeat", mariadb: "repeat", sqlite: "replace(hex(zeroblob(200000)), '00', " }[engine];
    const piece = site.literal('\n\\"<é');
    const sql = engine === "sqlite" ? `select ${text}${piece}) as t` : `select ${text}(${piece}, 200000) as t`;
    const snapshot = await open(site.target);
    const [row] = await snapshot.query(sql);
    expect(row?.t === '\n\\"<é'.repeat(200_000)).toBe(true);
  });

  test("a query that fails is reported in the server's words and harms neither the next one nor the dump", async () => {
    await awkwardTable();
    const snapshot = await open(site.target);
    await expect(snapshot.query("select nope from kinds")).rejects.toMatchObject({
      code: "E_DATABASE",
      message: expect.stringContaining("nope"),
    });
    await expect(snapshot.query("select 'left open")).rejects.toMatchObject({ code: "E_DATABASE" });
    await expect(snapshot.query("select id, big as id from kinds")).rejects.toMatchObject({
      code: "E_DATABASE",
      message: expect.stringContaining("two columns with the name id"),
    });
    await expect(snapshot.query("delete from kinds")).rejects.toMatchObject({ code: "E_DATABASE" });
    expect(await snapshot.query("select count(*) as n from kinds")).toEqual([{ n: 3 }]);
    const directory = tempDirectory();
    await snapshot.dump(join(directory, "dump"), () => {});
  });

  test("the dump, restored with the engine's own tool, gives the same rows; its size, sha256 and mode are as told", async () => {
    await awkwardTable();
    const odd = ["Order Items", "MixedCase", "naïve ж", "with.dot", 'qu"o`te', "select"];
    for (const table of odd) {
      await site.run(`create table ${site.quote(table)} (id int); insert into ${site.quote(table)} values (1), (2);`);
    }
    await site.run("create table nothing_in_it (id int); create view seen as select id from kinds");
    const snapshot = await open(site.target);
    const path = join(tempDirectory(), `site${snapshot.extension}`);
    const heard: number[] = [];
    const result = await snapshot.dump(path, (bytes) => heard.push(bytes));
    expect(result).toMatchObject({
      size_bytes: statSync(path).size,
      sha256: createHash("sha256").update(readFileSync(path)).digest("hex"),
      warnings: [],
    });
    expect(heard.at(-1)).toBe(result.size_bytes);
    expect(statSync(path).mode & 0o777).toBe(0o640);
    const restored = await open(await site.restore(path));
    const all = "select * from kinds order by id";
    expect(await restored.query(all)).toEqual(await snapshot.query(all));
    const facts = await snapshot.facts({ exactRows: 1e6 });
    expect((await restored.facts({ exactRows: 1e6 })).tables).toEqual(facts.tables);
    expect(facts.tables).toEqual(
      Object.fromEntries([
        [site.key("kinds"), { rows: 3, exact: true }],
        [site.key("nothing_in_it"), { rows: 0, exact: true }],
        ...odd.map((table) => [site.key(table), { rows: 2, exact: true }]),
      ]),
    );
  });

  test("a sealed dump is nowhere plain, and age opens it to a dump that is whole", async () => {
    await awkwardTable();
    const directory = tempDirectory();
    const identity = ageIdentity(directory, "identity");
    const snapshot = await open(site.target);
    const path = join(directory, `site${snapshot.extension}`);
    const result = await snapshot.dump(path, () => {}, {
      program: "age",
      recipients: [identity.recipient],
      names: false,
    });
    expect(existsSync(path)).toBe(false);
    expect(result.sha256).toBe(
      createHash("sha256")
        .update(readFileSync(`${path}.age`))
        .digest("hex"),
    );
    execFileSync("age", ["-d", "-i", identity.file, "-o", path, `${path}.age`]);
    expect(result.plain).toEqual({
      size_bytes: statSync(path).size,
      sha256: createHash("sha256").update(readFileSync(path)).digest("hex"),
    });
    const restored = await open(await site.restore(path));
    const all = "select * from kinds order by id";
    expect(await restored.query(all)).toEqual(await snapshot.query(all));
  });

  test("facts name the server, the moment, the size and the applied migrations", async () => {
    await site.run(
      `create table django_migrations (id int, app varchar(255), name varchar(255), applied ${TIME[engine]});
       insert into django_migrations values (2, 'main', '0002_b', null), (1, 'main', '0001_a', null), (3, 'auth', '0001_initial', null)`,
    );
    const before = Date.now();
    const snapshot = await open(site.target);
    const facts = await snapshot.facts({ exactRows: 1e6 });
    expect(facts.engine).toBe(engine);
    expect(facts.server_version).toMatch(/^\d+\.\d+/);
    expect(facts.database_size).toBeGreaterThan(4000);
    expect(Math.abs(Date.parse(facts.snapshot_at) - before)).toBeLessThan(30_000);
    expect(facts.snapshot_at).toMatch(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/);
    expect(facts.migrations).toEqual({ tool: "Django", applied: ["auth.0001_initial", "main.0001_a", "main.0002_b"] });
  });

  test("tables beyond the row budget are estimates, so marked, until the dump has counted them", async () => {
    const rows = Array.from({ length: 5000 }, (_, index) => `(${index}, 'some text to fill the row')`).join(", ");
    await site.run(`create table small (id int); insert into small values (1); create table large (id int primary key, txt text);
      insert into large values ${rows};`);
    const snapshot = await open(site.target);
    const { tables } = await snapshot.facts({ exactRows: 100 });
    if (engine !== "sqlite") expect(tables[site.key("large")]).toMatchObject({ exact: false });
    await snapshot.dump(join(tempDirectory(), "dump"), () => {});
    const after = await snapshot.facts({ exactRows: 100 });
    if (engine !== "sqlite") expect(after.tables[site.key("large")]).toEqual({ rows: 5000, exact: true });
  });

  test("queries, counts and the dump are of one moment while others write", async () => {
    await site.run(
      "create table busy (id integer primary key, txt text); create table pair (id integer primary key, txt text)",
    );
    let running = true;
    let id = 0;
    let written = 0;
    const writer = async (): Promise<void> => {
      while (running) {
        const values = Array.from({ length: 20 }, () => `(${++id}, 'row')`).join(", ");
        await site.run(`begin; insert into busy values ${values}; insert into pair values ${values}; commit;`);
        written = id;
        await sleep(5);
      }
    };
    const writing = writer();
    /** A slow machine may take its time for a transaction. */
    const writeMore = async (): Promise<void> => {
      for (const before = written; written <= before + 20;) await sleep(10);
    };
    await writeMore();
    try {
      const snapshot = await open(site.target);
      const [queried] = await snapshot.query("select count(*) as n from busy");
      await writeMore();
      const path = join(tempDirectory(), "dump");
      await snapshot.dump(path, () => {});
      await writeMore();
      const { tables } = await snapshot.facts({ exactRows: 1e6 });
      running = false;
      await writing;
      expect(queried?.n).toBeGreaterThan(0);
      expect(queried?.n).toBeLessThan(id);
      expect(tables[site.key("busy")]).toEqual({ rows: queried?.n, exact: true });
      expect(tables[site.key("pair")]).toEqual({ rows: queried?.n, exact: true });
      const restored = await open(await site.restore(path));
      expect(await restored.query("select count(*) as n from busy")).toEqual([queried]);
      expect(await restored.query("select count(*) as n from pair")).toEqual([queried]);
    } finally {
      running = false;
      await writing;
    }
  });

  test("a database without tables is no dump of a site", async () => {
    const snapshot = await open(site.target);
    const path = join(tempDirectory(), "dump");
    await expect(snapshot.dump(path, () => {})).rejects.toMatchObject({ code: "E_DUMP" });
    expect(existsSync(path)).toBe(false);
  });

  test("a file that is there already is neither overwritten nor removed", async () => {
    await awkwardTable();
    const snapshot = await open(site.target);
    const path = join(tempDirectory(), "dump");
    writeFileSync(path, "precious");
    await expect(snapshot.dump(path, () => {})).rejects.toThrow(/EEXIST|exist/);
    expect(readFileSync(path, "utf8")).toBe("precious");
  });

  test("a signal in the middle of a dump leaves no process, no temporary file and no half dump", async () => {
    const rows = Array.from(
      { length: 2000 },
      (_, index) => `(${index}, '${createHash("sha512").update(`${index}`).digest("hex")}')`,
    );
    await site.run("create table large (id int, txt text)");
    for (let i = 0; i < 30; i++) await site.run(`insert into large values ${rows.join(", ")}`);
    const abort = new AbortController();
    const snapshot = await open(site.target, abort.signal);
    const path = join(tempDirectory(), "dump");
    const dumping = snapshot.dump(path, () => abort.abort());
    await expect(dumping).rejects.toMatchObject({ code: "E_INTERRUPTED" });
    await snapshot.close();
    expect(existsSync(path)).toBe(false);
    expect(temporary.left()).toEqual([]);
    expect(await clients(site.target.url)).toEqual([]);
  });

  test("a signal that has come before is heeded at once", async () => {
    await expect(openSnapshot(site.target, AbortSignal.abort())).rejects.toMatchObject({ name: "AbortError" });
  });
});

describe.each(["postgresql", "mariadb"] as const)("%s, a server", (engine) => {
  const server = (): TestServer => (engine === "mariadb" ? mariadb : postgres);

  test("a wrong password is E_DATABASE, and no message holds it", async () => {
    const password = "wr0ng-Secret:\\with\"signs'#";
    const error: unknown = await openSnapshot(
      { url: server().url, password, execPrefix: [], root: "/" },
      signal(),
    ).catch((it: unknown) => it);
    expect(error).toMatchObject({ code: "E_DATABASE" });
    expect(textOf(error)).not.toContain("wr0ng-Secret");
  });

  test("a server that is not there is E_DATABASE", async () => {
    const url = server().url.replace(/:\d+\//, ":1/");
    await expect(openSnapshot({ url, password: "x", execPrefix: [], root: "/" }, signal())).rejects.toMatchObject({
      code: "E_DATABASE",
      message: expect.stringContaining("127.0.0.1"),
    });
  });

  test("a database that does not exist is E_DATABASE and named", async () => {
    const target = { url: server().urlOf("no such"), password: server().password, execPrefix: [], root: "/" };
    await expect(openSnapshot(target, signal())).rejects.toMatchObject({
      code: "E_DATABASE",
      message: expect.stringContaining("no such"),
    });
  });

  test("the password is in no argument and no environment of any process, neither while reading nor while dumping", async () => {
    const site = await (SITES[engine] as () => Promise<Site>)();
    await site.run("create table t (id int); insert into t values (1)");
    const seen: string[] = [];
    let watching = true;
    const watch = (async () => {
      while (watching) {
        seen.push(...whoKnows(server().password));
        await sleep(20);
        await immediate(); // timers alone would keep the event loop to themselves on a busy machine
      }
    })();
    const { password, ...target } = site.target;
    const url = target.url.replace("clara@", `clara:${password}@`); // also when it came with the URL
    const snapshot = await open({ ...target, url });
    await snapshot.query("select id from t");
    await snapshot.facts({ exactRows: 10 });
    seen.push(...whoKnows(server().password));
    await snapshot.dump(join(tempDirectory(), "dump"), () => seen.push(...whoKnows(server().password)));
    watching = false;
    await watch;
    expect(seen).toEqual([]);
  });

  test("awkward passwords reach the server through our file", async () => {
    const password = "a:b\\c\"d'e#f g%h;$é";
    const name = await server().createDatabase();
    const user = `u${Math.random().toString(36).slice(2)}`;
    if (engine === "postgresql") {
      await server().sql(`create role ${user} login password '${password.replaceAll("'", "''")}'`);
      await server().sql(`grant all on schema public to ${user}`, name);
    } else {
      const literal = password.replaceAll("\\", "\\\\").replaceAll("'", "''");
      await server().sql(
        `create user ${user}@'127.0.0.1' identified by '${literal}'; grant all on \`${name}\`.* to ${user}@'127.0.0.1'`,
      );
    }
    const url = server().urlOf(name).replace("clara@", `${user}@`);
    const snapshot = await open({ url, password, execPrefix: [], root: "/" });
    expect(await snapshot.query("select 1 as one")).toEqual([{ one: 1 }]);
  });

  test("behind a prefix the password comes by the environment, and programs are those of the prefix", async () => {
    const site = await (SITES[engine] as () => Promise<Site>)();
    await site.run("create table t (id int); insert into t values (1), (2)");
    const directory = tempDirectory();
    const prefix = script(directory, 'echo "$1" >> "$(dirname "$0")/started"; exec "$@"');
    const snapshot = await open({ ...site.target, execPrefix: [prefix] });
    const path = join(directory, "dump");
    await snapshot.dump(path, () => {});
    expect((await snapshot.facts({ exactRows: 10 })).tables[site.key("t")]).toEqual({ rows: 2, exact: true });
    const started = readFileSync(join(directory, "started"), "utf8").trim().split("\n");
    const wanted = engine === "postgresql" ? ["psql", "pg_dump", "pg_restore"] : ["mariadb", "mariadb-dump"];
    expect([...new Set(started)].toSorted()).toEqual(wanted.toSorted());
    await expect(site.restore(path)).resolves.toBeDefined();
  });

  test("a prefix that fails is reported", async () => {
    const directory = tempDirectory();
    const prefix = script(directory, 'echo "no such container: web" >&2; exit 125');
    const target = { url: server().url, password: server().password, execPrefix: [prefix], root: "/" };
    await expect(openSnapshot(target, signal())).rejects.toMatchObject({
      code: "E_DATABASE",
      message: expect.stringContaining("no such container"),
    });
  });

  const program = engine === "postgresql" ? "pg_dump" : "mariadb-dump";
  test.each([
    ["exits 0 with half a dump", "head -c $(($(wc -c < $whole) / 2)) $whole; exit 0"],
    ["exits 0 without its last bytes", "head -c -5 $whole; exit 0"],
    ["exits 1 with half a dump", "head -c $(($(wc -c < $whole) / 2)) $whole; exit 1"],
    ["exits 1 with a whole dump", "cat $whole; exit 1"],
    ["exits 0 with nothing", "exit 0"],
    ["exits 0 with something else", "echo 'table_name,column_count'; exit 0"],
  ])("success reported for nothing: a dump program that %s is E_DUMP", async (_name, end) => {
    const site = await (SITES[engine] as () => Promise<Site>)();
    const rows = Array.from(
      { length: 3000 },
      (_, index) => `(${index}, '${createHash("md5").update(`${index}`).digest("hex")}')`,
    );
    await site.run(`create table a (id int, txt text); insert into a values ${rows.join(", ")};
      create table b (id int, txt text); insert into b values ${rows.join(", ")};`);
    const directory = tempDirectory();
    const body = `case "$*" in *--version*) exec "$@" ;; ${program}*) whole=${directory}/whole; "$@" > $whole; ${end} ;; *) exec "$@" ;; esac`;
    const snapshot = await open({ ...site.target, execPrefix: [script(directory, body)] });
    const path = join(directory, "dump");
    await expect(snapshot.dump(path, () => {})).rejects.toMatchObject({ code: "E_DUMP" });
    expect(existsSync(path)).toBe(false);
    expect(await snapshot.query("select count(*) as n from a")).toEqual([{ n: 3000 }]);
  });
});

describe("postgresql alone", () => {
  const target = async (prepare: string): Promise<DatabaseTarget> => {
    const name = await postgres.createDatabase();
    await postgres.sql(prepare, name);
    return {
      url: postgres.superuserUrl.replace(/\/postgres$/, `/${name}`).replace(`:${postgres.superuserPassword}`, ""),
      password: postgres.superuserPassword,
      execPrefix: [],
      root: "/",
    };
  };

  test("partitions are counted once, under their table; other schemas by name; views, temporary tables and those of extensions not at all", async () => {
    const snapshot = await open(
      await target(`
        create table measure (id int, at date) partition by range (at);
        create table measure_2025 partition of measure for values from ('2025-01-01') to ('2026-01-01') partition by list (id);
        create table measure_2025_1 partition of measure_2025 for values in (1);
        create schema "Odd schema";
        create table "Odd schema"."measure 2026" partition of measure for values from ('2026-01-01') to ('2027-01-01');
        insert into measure values (1, '2025-05-05'), (2, '2026-05-05'), (3, '2026-05-06');
        create table parent (id int); create table child () inherits (parent);
        insert into parent values (1); insert into child values (2), (3);
        create table no_columns (); insert into no_columns default values;
        create table empty_parts (id int) partition by hash (id);
        create unlogged table unlogged (id int); insert into unlogged values (1);
        create materialized view mat as select 1 as id; create view v as select 1 as id`),
    );
    const path = join(tempDirectory(), "site.dump");
    await snapshot.dump(path, () => {});
    const { tables, extensions } = await snapshot.facts({ exactRows: 1e6 });
    expect(tables).toEqual({
      "public.measure": { rows: 3, exact: true },
      "public.parent": { rows: 1, exact: true },
      "public.child": { rows: 2, exact: true },
      "public.no_columns": { rows: 1, exact: true },
      "public.empty_parts": { rows: 0, exact: true },
      "public.unlogged": { rows: 1, exact: true },
    });
    expect(extensions).toEqual({ plpgsql: expect.any(String) });
  });

  test("a table that the dump lacks is named: the dump holds less than the database", async () => {
    const site = await (SITES.postgresql as () => Promise<Site>)();
    await site.run("create table kept (id int); create table lost (id int); insert into lost values (1)");
    const prefix = script(
      tempDirectory(),
      'case "$1" in pg_dump) exec "$@" --exclude-table=lost ;; *) exec "$@" ;; esac',
    );
    const snapshot = await open({ ...site.target, execPrefix: [prefix] });
    const path = join(tempDirectory(), "dump");
    await expect(snapshot.dump(path, () => {})).rejects.toMatchObject({
      code: "E_DUMP",
      message: expect.stringContaining("public.lost"),
    });
  });

  test("a table whose rows the dump lacks is named", async () => {
    const site = await (SITES.postgresql as () => Promise<Site>)();
    await site.run("create table kept (id int); create table lost (id int)");
    const prefix = script(
      tempDirectory(),
      'case "$1" in pg_dump) exec "$@" --exclude-table-data=lost ;; *) exec "$@" ;; esac',
    );
    const snapshot = await open({ ...site.target, execPrefix: [prefix] });
    const path = join(tempDirectory(), "dump");
    await expect(snapshot.dump(path, () => {})).rejects.toMatchObject({
      code: "E_DUMP",
      message: expect.stringContaining("public.lost"),
    });
  });

  test("a dump of another moment has other rows, and that is reported", async () => {
    const site = await (SITES.postgresql as () => Promise<Site>)();
    await site.run("create table t (id int); insert into t values (1), (2)");
    const body = `args=(); for a in "$@"; do [[ $a == --snapshot=* ]] || args+=("$a"); done; exec "\${args[@]}"`;
    const snapshot = await open({ ...site.target, execPrefix: [script(tempDirectory(), body)] });
    await site.run("insert into t values (3)");
    await expect(snapshot.dump(join(tempDirectory(), "dump"), () => {})).rejects.toMatchObject({
      code: "E_DUMP",
      message: "the dump holds 3 rows of the table public.t, the database 2",
    });
  });

  test("foreign tables are not counted; their rows are said not to be in the dump, also where they are partitions", async () => {
    const snapshot = await open(
      await target(`create extension file_fdw; create server files foreign data wrapper file_fdw;
        create table mixed (id int) partition by list (id);
        create table mixed_1 partition of mixed for values in (1);
        create foreign table mixed_2 partition of mixed for values in (2) server files options (filename '/etc/hostname');
        create foreign table afar (txt text) server files options (filename '/etc/hostname');
        insert into mixed values (1)`),
    );
    const { warnings } = await snapshot.dump(join(tempDirectory(), "dump"), () => {});
    expect(warnings).toEqual([expect.stringContaining("public.afar"), expect.stringContaining("public.mixed_2")]);
    const facts = await snapshot.facts({ exactRows: 1000 });
    expect(facts.tables).toEqual({ "public.mixed": { rows: 1, exact: true } });
    expect(Object.keys(facts.extensions)).toEqual(["file_fdw", "plpgsql"]);
  });

  test.each([
    ["older", "9.6.24", "E_DUMP"],
    ["newer", "99.1", "pg_dump 99 from a PostgreSQL"],
  ])("a pg_dump %s than the server is refused or warned of", async (_name, version, wanted) => {
    const site = await (SITES.postgresql as () => Promise<Site>)();
    await site.run("create table t (id int)");
    const body = `case "$*" in "pg_dump --version") echo "pg_dump (PostgreSQL) ${version}" ;; *) exec "$@" ;; esac`;
    const snapshot = await open({ ...site.target, execPrefix: [script(tempDirectory(), body)] });
    const result: unknown = await snapshot
      .dump(join(tempDirectory(), "dump"), () => {})
      .catch((error: unknown) => error);
    expect(JSON.stringify(result)).toContain(wanted);
  });

  test("arrays, booleans, bytea, NaN and json with newlines come through", async () => {
    const snapshot = await open(await target("create table x ()"));
    expect(
      await snapshot.query(
        `select array['fr', null, 'e"n'] as languages, true as yes, '\\x00ff'::bytea as bytes, 'NaN'::float8 as nan,
        0.1::float8 as f, 5::numeric as n, E'{"a":\\n1}'::json as js, '[]'::jsonb as list, 'text'::jsonb is null as no`.replace(
          "'text'",
          `'"text"'`,
        ),
      ),
    ).toEqual([
      {
        languages: ["fr", null, 'e"n'],
        yes: true,
        bytes: "\\x00ff",
        nan: "NaN",
        f: "0.1",
        n: 5,
        js: { a: 1 },
        list: [],
        no: false,
      },
    ]);
  });

  test("~/.pgpass and PGPASSWORD count when no password is configured, and not when one is", async () => {
    process.env.PGPASSWORD = postgres.password;
    try {
      const snapshot = await open({ url: postgres.url, execPrefix: [], root: "/" });
      expect(await snapshot.query("select 1 as one")).toEqual([{ one: 1 }]);
      process.env.PGPASSWORD = "wrong";
      const other = await open({ url: postgres.url, password: postgres.password, execPrefix: [], root: "/" });
      expect(await other.query("select 1 as one")).toEqual([{ one: 1 }]);
    } finally {
      delete process.env.PGPASSWORD;
    }
  });

  test("large objects are in the dump and do not disturb the counting of rows", async () => {
    const snapshot = await open(
      await target(`create table t (id int); insert into t values (1), (2);
        select lo_from_bytea(0, convert_to(repeat(E'COPY public.t (id) FROM stdin;\\n\\\\.\\n', 1000), 'UTF8'))`),
    );
    const path = join(tempDirectory(), "dump");
    await snapshot.dump(path, () => {});
    expect((await snapshot.facts({ exactRows: 100 })).tables).toEqual({ "public.t": { rows: 2, exact: true } });
    const { stdout } = await execa("pg_restore", ["--data-only", "--file=-", path]);
    const hex = Buffer.from("COPY public.t (id) FROM stdin;\n\\.\n".repeat(1000)).toString("hex");
    expect([...stdout.matchAll(/lowrite\(0, '\\x([0-9a-f]+)'\)/g)].map(([, part]) => part).join("")).toBe(hex);
  });
});

describe("mariadb alone", () => {
  test("routines, triggers, events, sequences and views are in the dump, and what looks like data in them is not counted", async () => {
    const site = await (SITES.mariadb as () => Promise<Site>)();
    await site.run(`create table t (id int); insert into t values (1); create sequence numbers; create view seen as select * from t;
      create table log (id int, txt varchar(200) default 'INSERT INTO \`t\` VALUES (1);');
      create table shape (a int, b int generated always as (a + 1) stored, invisible_one int invisible default 3); insert into shape (a) values (1), (2);
      create table versions (id int) with system versioning; insert into versions values (1); update versions set id = 2;
      insert into log values (1, 'it''s \\\\'), (2, '), (''), ('), (3, '\\nINSERT INTO \`t\` VALUES\\n(1);');
      delimiter //
      create procedure fill() begin
INSERT INTO \`t\` VALUES (1),(2);
CREATE TABLE \`ghost\` (id int);
      end//
      create trigger after_t after insert on t for each row begin
INSERT INTO \`log\` VALUES (new.id, 'x');
      end//
      create event nightly on schedule every 1 day do begin
INSERT INTO \`t\` VALUES (7);
      end//`);
    const snapshot = await open(site.target);
    const path = join(tempDirectory(), "dump.sql.gz");
    await snapshot.dump(path, () => {});
    const sql = gunzipSync(readFileSync(path)).toString();
    for (const text of ["PROCEDURE `fill`", "trigger after_t", "EVENT `nightly`", "SEQUENCE `numbers`", "VIEW `seen`"])
      expect(sql).toContain(text);
    const { tables } = await snapshot.facts({ exactRows: 100 });
    expect(tables).toEqual({
      t: { rows: 1, exact: true },
      log: { rows: 3, exact: true },
      shape: { rows: 2, exact: true },
      versions: { rows: 2, exact: true }, // with the past version
    });
    const copy = await mariadb.createDatabase();
    await mariadb.sql(sql, copy);
    expect(await mariadb.sql("select count(*) from log", copy)).toBe("3");
  });

  test("without the right to lock tables the rows are those of the dump, and it says so", async () => {
    const name = await mariadb.createDatabase();
    await mariadb.sql(
      "create table t (id int) engine=innodb; insert into t values (1), (2); create table m (id int) engine=myisam",
      name,
    );
    await mariadb.sql(
      `create or replace user reader@'127.0.0.1' identified by 'readerpw'; grant select, show view, trigger, event on \`${name}\`.* to reader@'127.0.0.1'`,
    );
    const url = mariadb.urlOf(name).replace("clara@", "reader@");
    const snapshot = await open({ url, password: "readerpw", execPrefix: [], root: "/" });
    expect((await snapshot.facts({ exactRows: 100 })).tables.t).toMatchObject({ exact: false });
    const { warnings } = await snapshot.dump(join(tempDirectory(), "dump"), () => {});
    expect(warnings).toEqual([
      expect.stringMatching(/rows are counted in the dump.*Access denied/),
      expect.stringContaining("procedures and functions of other users"),
      expect.stringContaining("m (MyISAM) is not in the snapshot"),
    ]);
    expect((await snapshot.facts({ exactRows: 100 })).tables.t).toEqual({ rows: 2, exact: true });
  });

  test("the tables are not locked any more when the snapshot is open", async () => {
    const site = await (SITES.mariadb as () => Promise<Site>)();
    await site.run("create table t (id int); insert into t values (1)");
    const snapshot = await open(site.target);
    await site.run("insert into t values (2)");
    expect(await snapshot.query("select count(*) as n from t")).toEqual([{ n: 1 }]);
    await snapshot.dump(join(tempDirectory(), "dump"), () => {});
  });

  test("a table that the dump lacks is named", async () => {
    const site = await (SITES.mariadb as () => Promise<Site>)();
    await site.run("create table kept (id int); create table lost (id int)");
    const database = new URL(site.target.url).pathname.slice(1);
    const body = `case "$*" in *--version*) exec "$@" ;; mariadb-dump*) shift; exec mariadb-dump "$@" --ignore-table=${database}.lost ;; *) exec "$@" ;; esac`;
    // Options after `--` are tables to the program: put ours before.
    const prefix = script(
      tempDirectory(),
      body.replace(`"$@" --ignore-table=${database}.lost`, `--ignore-table=${database}.lost "$@"`),
    );
    const snapshot = await open({ ...site.target, execPrefix: [prefix] });
    await expect(snapshot.dump(join(tempDirectory(), "dump"), () => {})).rejects.toMatchObject({
      code: "E_DUMP",
      message: expect.stringContaining("lost"),
    });
  });

  test("rows that the dump lacks are reported", async () => {
    const site = await (SITES.mariadb as () => Promise<Site>)();
    await site.run("create table t (id int); insert into t values (1), (2)");
    const body =
      'case "$*" in *--version*) exec "$@" ;; mariadb-dump*) shift; exec mariadb-dump --where=id=1 "$@" ;; *) exec "$@" ;; esac';
    const snapshot = await open({ ...site.target, execPrefix: [script(tempDirectory(), body)] });
    await expect(snapshot.dump(join(tempDirectory(), "dump"), () => {})).rejects.toMatchObject({
      code: "E_DUMP",
      message: "the dump holds 1 row of the table t, the database 2",
    });
  });

  test("missing rights are reported: by the program, or, for triggers, by us", async () => {
    const name = await mariadb.createDatabase();
    await mariadb.sql(
      "create table t (id int); insert into t values (1); create trigger tr before insert on t for each row set new.id = 1",
      name,
    );
    await mariadb.sql(
      `create or replace user poor@'127.0.0.1' identified by 'poorpw'; grant select, lock tables, event on \`${name}\`.* to poor@'127.0.0.1'`,
    );
    const url = mariadb.urlOf(name).replace("clara@", "poor@");
    const snapshot = await open({ url, password: "poorpw", execPrefix: [], root: "/" });
    const { warnings } = await snapshot.dump(join(tempDirectory(), "dump"), () => {});
    expect(warnings).toEqual([
      expect.stringContaining("TRIGGER"),
      expect.stringContaining("procedures and functions of other users"),
    ]);
    await mariadb.sql(`revoke event on \`${name}\`.* from poor@'127.0.0.1'`);
    const other = await open({ url, password: "poorpw", execPrefix: [], root: "/" });
    await expect(other.dump(join(tempDirectory(), "dump"), () => {})).rejects.toMatchObject({
      code: "E_DUMP",
      message: expect.stringContaining("Access denied"),
      hint: expect.stringContaining("EVENT"),
    });
  });

  test("a dump program that is missing fails the dump, not the queries", async () => {
    const site = await (SITES.mariadb as () => Promise<Site>)();
    await site.run("create table t (id int)");
    const prefix = script(
      tempDirectory(),
      'case "$1" in *dump) echo "no such program" >&2; exit 127 ;; *) exec "$@" ;; esac',
    );
    const snapshot = await open({ ...site.target, execPrefix: [prefix] });
    expect(await snapshot.query("select count(*) as n from t")).toEqual([{ n: 0 }]);
    await expect(snapshot.dump(join(tempDirectory(), "dump"), () => {})).rejects.toMatchObject({ code: "E_DUMP" });
  });

  test("a configured password wins over ~/.my.cnf, whose other settings still count", async () => {
    const home = tempDirectory();
    const old = process.env.HOME;
    writeFileSync(join(home, ".my.cnf"), "[client]\npassword=wrong\nconnect-timeout=7\n");
    process.env.HOME = home;
    try {
      const snapshot = await open({ url: mariadb.url, password: mariadb.password, execPrefix: [], root: "/" });
      expect(await snapshot.query("select 1 as one")).toEqual([{ one: 1 }]);
      writeFileSync(join(home, ".my.cnf"), `[client]\npassword=${mariadb.password}\n`);
      const other = await open({ url: mariadb.url, execPrefix: [], root: "/" });
      expect(await other.query("select 1 as one")).toEqual([{ one: 1 }]);
    } finally {
      process.env.HOME = old;
    }
  });
});

/** A program that can stand before every client program, as `docker exec -i web` does. */
function script(directory: string, body: string): string {
  const path = join(directory, "prefix");
  writeFileSync(path, `#!/bin/bash\n${body}\n`);
  chmodSync(path, 0o755);
  return path;
}

function signal(): AbortSignal {
  return new AbortController().signal;
}

/** An error with its causes, hint and stack: all that could ever be shown of it. */
function textOf(error: unknown): string {
  return error instanceof Error ? `${error.stack} ${JSON.stringify(error)} ${textOf(error.cause)}` : String(error);
}

/** Command lines of the programs that talk to this database. */
async function clients(url: string): Promise<string[]> {
  const database = url.split("/").at(-1) ?? "";
  const { stdout } = await execa("ps", ["-eo", "args"]);
  return stdout
    .split("\n")
    .filter((line) => /psql|pg_dump|pg_restore|mariadb|mysql/.test(line) && line.includes(`/${database}`));
}

/** The processes in whose arguments or environment a secret can be read; our own is left out, and ps itself. */
function whoKnows(secret: string): string[] {
  const found: string[] = [];
  for (const pid of readdirSync("/proc")) {
    if (!/^\d+$/.test(pid) || pid === String(process.pid)) continue;
    for (const file of ["cmdline", "environ"]) {
      try {
        const text = readFileSync(`/proc/${pid}/${file}`, "latin1");
        if (text.includes(secret)) found.push(`${file} of ${text.replaceAll("\0", " ").slice(0, 200)}`);
      } catch {
        // It has ended meanwhile.
      }
    }
  }
  return found;
}
