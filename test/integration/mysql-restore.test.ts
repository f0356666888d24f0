/** Restoring MariaDB: all that a database may hold comes back, and nothing of a dump reaches what is beside it. */
import { chmodSync, existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { gunzipSync, gzipSync } from "node:zlib";
import { execa } from "execa";
import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import { openRestorer } from "../../lib/database/engines/open.ts";
import { openSnapshot } from "../../lib/database/engines/open.ts";
import { accessMysql } from "../../lib/database/mysql/client.ts";
import { MysqlSession } from "../../lib/database/mysql/session.ts";
import type { DatabaseTarget } from "../../lib/database/snapshot.ts";
import type { DatabaseRestorer } from "../../lib/database/restorer.ts";
import { acquireMariadb, type TestServer } from "../support/servers/acquire.ts";
import { tempDirectory } from "../support/temp.ts";

const options = { onBytes: () => {}, restoreFlags: [] };
const signal = (): AbortSignal => new AbortController().signal;

let server: TestServer;
let directory: string;
const opened: DatabaseRestorer[] = [];

beforeAll(async () => {
  server = await acquireMariadb();
  await server.sql("grant all on `scratch\\_%`.* to clara@'127.0.0.1', clara@localhost", "mysql");
});
afterEach(async () => {
  for (const restorer of opened.splice(0)) await restorer.close();
});
afterAll(async () => {
  await server?.release();
});

async function open(target: DatabaseTarget): Promise<DatabaseRestorer> {
  const restorer = await openRestorer(target, signal());
  opened.push(restorer);
  return restorer;
}

const asUser = (name: string): DatabaseTarget => ({
  url: server.urlOf(name),
  password: server.password,
  execPrefix: [],
  root: "/",
});
const asRoot = (name: string): DatabaseTarget => ({
  url: server.superuserUrl.replace(/\/mysql$/, `/${name}`).replace(/:[^:@/]*@/, "@"),
  password: server.superuserPassword,
  execPrefix: [],
  root: "/",
});

async function dumpOf(target: DatabaseTarget): Promise<string> {
  const snapshot = await openSnapshot(target, signal());
  try {
    const dump = join((directory = tempDirectory()), "dump.sql.gz");
    await snapshot.dump(dump, () => {});
    return dump;
  } finally {
    await snapshot.close();
  }
}

/** What another dump program run says of a database, without what names moments and the database itself. */
async function textOf(name: string): Promise<string> {
  const argv = ["--no-defaults", "-h127.0.0.1", `-P${server.port}`, "-uroot", "--routines", "--triggers", "--events"];
  const more = ["--hex-blob", "--skip-comments", "--skip-extended-insert", "--default-character-set=utf8mb4", name];
  const { stdout } = await execa("mariadb-dump", [...argv, ...more], { env: { MYSQL_PWD: server.superuserPassword } });
  return stdout.replaceAll(`ALTER DATABASE \`${name}\``, "ALTER DATABASE `it`");
}

const EVERYTHING = `
  set names utf8mb4; set sql_mode = '';
  create table a (id int primary key, b_id int); create table b (id int primary key, a_id int);
  insert into a values (1, null); insert into b values (1, 1); update a set b_id = 1;
  alter table a add constraint a_b foreign key (b_id) references b (id);
  alter table b add constraint b_a foreign key (a_id) references a (id);
  create table kinds (id int auto_increment primary key, day date, at timestamp(6) null, dt datetime, bits bit(9), js json, bin blob,
    txt text character set utf8mb4, old varchar(50) character set latin1, dec_ decimal(30,10), e enum('a','b''c','d;'), f double);
  insert into kinds values (1, '0000-00-00', '2026-11-20 02:00:04.123456', '0000-00-00 00:00:00', b'101010101', '{"a": [1, "x\\\\n"]}',
    null, 'emoji 🎉 \\\\ '' " \\0 \\r\\n ; -- /* # \`', 'Ärger', 12345678901234567890.0123456789, 'b''c', 1e-300);
  update kinds set bin = unhex('${Buffer.from(Array.from({ length: 256 }, (_, byte) => byte)).toString("hex")}');
  insert into kinds (id, txt) values (0x7fffffff, repeat('x', 100000)), (5, '''; use mysql; drop database mysql; --');
  create table shape (a int check (a > 0), b int generated always as (a + 1) stored, c int as (a * 2) virtual, hidden int invisible default 3);
  insert into shape (a) values (1), (2);
  create table parts (id int) partition by range (id) (partition p0 values less than (10), partition p1 values less than maxvalue);
  insert into parts values (5), (50);
  create table \`odd \`\`name\`\` é .;\` (id int); create table ver (id int) with system versioning; insert into ver values (1);
  create sequence numbers start with 5; do nextval(numbers);
  create table log (txt varchar(200));
  create view v2 as select * from a; create view v1 as select * from v2; create or replace view v2 as select id, b_id, 1 as one from a;
  create view called as select plus(1) as two;
  set sql_mode = 'NO_BACKSLASH_ESCAPES,ANSI_QUOTES';
  delimiter //
  create procedure fill(in n int) comment 'it''s' begin
    -- a comment; with 'quotes
    declare s varchar(20) default 'a\\'; insert into "log" values (concat('use mysql;', s)); /* block ' */
  end//
  set sql_mode = ''//
  create trigger LIVE.after_a after insert on LIVE.a for each row begin insert into log values ('a;'); insert into log values ("b"); end//
  create trigger before_a before insert on a for each row set new.b_id = null//
  create event nightly on schedule every 1 day comment 'on completion not preserve enable' do begin insert into log values ('event'); end//
  create event asleep on schedule every 1 day on completion preserve disable do insert into log values ('never')//
  delimiter ;
`;

async function everything(): Promise<string> {
  const name = await server.createDatabase();
  const plus = "create function plus(x int) returns int deterministic return x + 1;";
  await server.sql(`alter database ${name} character set latin1; ${plus}${EVERYTHING.replaceAll("LIVE", name)}`, name);
  await server.sql(`alter database ${name} character set utf8mb4 collate utf8mb4_unicode_ci`, name);
  return name;
}

const events = async (name: string): Promise<string> =>
  await server.sql(
    `select event_name, status from information_schema.events where event_schema = '${name}' order by 1`,
    name,
  );

test("a statement that was refused is not held against the next one", async () => {
  const target = asUser(await server.createDatabase());
  const access = await accessMysql(target, signal());
  const session = new MysqlSession(access);
  try {
    for (const next of ["set session foreign_key_checks = 0", "do 1"]) {
      await expect(session.run("kill 4294967295")).rejects.toMatchObject({ code: "E_DATABASE" });
      expect(await session.run(next)).toEqual([]);
    }
  } finally {
    await session.close();
    access.remove();
  }
});

describe("all that a database may hold", () => {
  test("comes back in a scratch database, where no event fires, and live stays as it is", async () => {
    const name = await everything();
    const before = await textOf(name);
    const dump = await dumpOf(asRoot(name));
    const restorer = await open(asRoot(name));
    expect(await restorer.check(dump, options)).toEqual([]);
    await restorer.load(dump, "scratch_all", options);
    expect(await events("scratch_all")).toBe("asleep\tDISABLED\nnightly\tDISABLED");
    expect(await textOf(name)).toBe(before);
    expect(await textOf("scratch_all")).toBe(
      before
        .replaceAll(`${name}.`, "`scratch_all`.")
        .replace("ON COMPLETION NOT PRESERVE ENABLE", "ON COMPLETION NOT PRESERVE DISABLE"),
    );
    await restorer.drop("scratch_all");
  });

  test("comes back in live, over and over, also where live holds other things", async () => {
    const name = await everything();
    const before = await textOf(name);
    const dump = await dumpOf(asRoot(name));
    await server.sql(
      `drop view v1; create view later as select 1; create table newer (id int primary key); create table a2 (id int references newer (id));
       create sequence more; create event other on schedule every 1 day do select 1; create procedure extra() select 1; insert into log values ('x');`,
      name,
    );
    const restorer = await open(asRoot(name));
    for (let again = 0; again < 2; again++) {
      await restorer.reload(dump, options);
      expect(await textOf(name)).toBe(before);
      expect(await events(name)).toBe("asleep\tDISABLED\nnightly\tENABLED");
    }
  });

  test("a reload that was cut off is done by the next", async () => {
    const name = await everything();
    const before = await textOf(name);
    const dump = await dumpOf(asRoot(name));
    const half = join(directory, "half.sql.gz");
    writeFileSync(half, gzipSync(gunzipSync(readFileSync(dump)).subarray(0, 6000)));
    const restorer = await open(asRoot(name));
    await expect(restorer.reload(half, options)).rejects.toMatchObject({ code: "E_RESTORE" });
    await restorer.reload(dump, options);
    expect(await textOf(name)).toBe(before);
  });

  test("the safety copy is made once, whole, and brings back what was there", async () => {
    const name = await everything();
    const restorer = await open(asRoot(name));
    const path = join(tempDirectory(), "safety.sql.gz");
    const saved = await restorer.save(path);
    expect(existsSync(`${path}.partial`)).toBe(false);
    const before = await textOf(name);
    await server.sql("insert into log values ('later')", name);
    expect(await restorer.save(path)).toEqual(saved);
    await restorer.reload(path, options);
    expect(await textOf(name)).toBe(before);
  });
});

describe("a dump", () => {
  const HEAD = "-- MariaDB dump 10.19\n--\n-- Host: localhost    Database: x\n";
  const END = "\n-- Dump completed on 2026-11-20\n";
  const written = (sql: string): string => {
    const path = join(tempDirectory(), "bad.sql.gz");
    writeFileSync(path, gzipSync(sql));
    return path;
  };

  test.each([
    ["use", "USE mysql;"],
    ["use in a version comment", "/*!50001 USE */ /*!50001 mysql */;"],
    ["use behind a comment", "/* x */ use mysql;"],
    ["use behind another delimiter", "DELIMITER //\nuse mysql//\nDELIMITER ;"],
    ["use hidden by quotes in a comment", "-- it's\nuse mysql;\n-- it's"],
    ["create database", "CREATE DATABASE IF NOT EXISTS other;"],
    ["drop database", "DROP DATABASE mysql;"],
    ["another database's table", "CREATE TABLE mysql.evil (id int);"],
    ["another database's rows", "INSERT INTO `mysql`.`db` VALUES (1);"],
    ["two tables", "DROP TABLE IF EXISTS a, mysql.user;"],
    ["two statements in one", "DELIMITER //\ncreate table x (id int); drop database mysql//\nDELIMITER ;"],
    ["a shell command", "\\! touch /tmp/evil\n"],
    ["a file to read", "\\. /etc/passwd\n"],
    ["system", "system touch /tmp/evil\n;"],
    ["source", "source /etc/passwd\n;"],
    ["a grant", "GRANT ALL ON *.* TO evil;"],
    ["a global setting", "SET GLOBAL general_log = 1;"],
    ["a password", "SET PASSWORD = PASSWORD('x');"],
    ["a renaming", "ALTER TABLE t RENAME TO mysql.t;"],
    ["a prepared statement", "PREPARE s FROM 'drop database mysql';"],
    ["a file to load", "LOAD DATA LOCAL INFILE '/etc/passwd' INTO TABLE t;"],
  ])("with %s is refused, before anything is made and while it is loaded", async (_name, statement) => {
    const name = await server.createDatabase();
    const restorer = await open(asUser(name));
    const dump = written(`${HEAD}CREATE TABLE \`t\` (id int);\n${statement}\n${END}`);
    const refused = { code: "E_RESTORE", message: expect.stringMatching(/^the dump was not loaded: it holds a/) };
    await expect(restorer.check(dump, options)).rejects.toMatchObject(refused);
    await expect(restorer.load(dump, "scratch_bad", options)).rejects.toMatchObject(refused);
    expect(await restorer.exists("scratch_bad")).toBe(false);
  });

  test.each([
    [
      "without an end mark",
      (bytes: Buffer) =>
        gzipSync(
          gunzipSync(bytes)
            .toString()
            .replace(/-- Dump completed.*\n$/, ""),
        ),
      "no end mark",
    ],
    ["that is cut off", (bytes: Buffer) => bytes.subarray(0, bytes.length - 20), "is damaged: unexpected end of file"],
    [
      "with a wrong CRC",
      (bytes: Buffer) => (bytes.writeUInt8(bytes.readUInt8(bytes.length - 6) ^ 1, bytes.length - 6), bytes),
      "is damaged: incorrect data check",
    ],
    [
      "with an error in it",
      (bytes: Buffer) =>
        gzipSync(gunzipSync(bytes).toString().replace("CREATE TABLE `t` (", "CREATE TABLE `t` (oops,")),
      "ERROR 1064",
    ],
  ])("%s is refused, and nothing is left of it", async (_name, spoil, message) => {
    const name = await server.createDatabase();
    await server.sql("create table t (id int); insert into t values (1)", name);
    const dump = await dumpOf(asUser(name));
    const bad = join(directory, "bad.sql.gz");
    writeFileSync(bad, spoil(readFileSync(dump)));
    const restorer = await open(asUser(name));
    const refused = { code: "E_RESTORE", message: expect.stringContaining(message) };
    await expect(restorer.load(bad, "scratch_bad", options)).rejects.toMatchObject(refused);
    expect(await restorer.exists("scratch_bad")).toBe(false);
  });

  test("of another definer is refused where the right is missing; a missing definer is reported", async () => {
    const name = await server.createDatabase();
    await server.sql("create table t (id int); create definer = ghost@nowhere view v as select * from t", name);
    const dump = await dumpOf(asRoot(name));
    await expect((await open(asUser(name))).check(dump, options)).rejects.toMatchObject({
      code: "E_RESTORE",
      message: expect.stringContaining("ghost@nowhere"),
      hint: expect.stringContaining("SET USER"),
    });
    expect(await (await open(asRoot(name))).check(dump, options)).toEqual([
      expect.stringContaining("ghost@nowhere is not on this server"),
    ]);
  });

  test("with a collation that the server does not know is refused by its name", async () => {
    const restorer = await open(asUser(await server.createDatabase()));
    const dump = written(`${HEAD}CREATE TABLE t (c text) DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_0900_ai_ci;${END}`);
    await expect(restorer.check(dump, options)).rejects.toMatchObject({
      code: "E_RESTORE",
      message: expect.stringContaining("utf8mb4_0900_ai_ci"),
    });
  });

  test("of many megabytes in one row, with quotes and backslashes at every boundary, comes back", async () => {
    const name = await server.createDatabase();
    await server.sql("set global max_allowed_packet = 67108864", "mysql");
    await server.sql(
      `create table t (id int primary key, body longtext);
       insert into t values (1, repeat('''\\\\";\\nuse mysql;-- /*\`', 300000)), (2, repeat('\\\\', 100001)), (3, '')`,
      name,
    );
    const restorer = await open(asUser(name));
    await restorer.load(await dumpOf(asUser(name)), "scratch_big", options);
    const sums = "select id, md5(body) from t order by id";
    expect(await server.sql(sums, "scratch_big")).toBe(await server.sql(sums, name));
    await restorer.drop("scratch_big");
  });
});

describe("a database user", () => {
  test("a user who may not create a database is shown the grant", async () => {
    const name = await server.createDatabase();
    await server.sql("create table t (id int); insert into t values (1)", name);
    const restorer = await open(asUser(name));
    await expect(restorer.load(await dumpOf(asUser(name)), "other_1", options)).rejects.toMatchObject({
      code: "E_RESTORE",
      message: expect.stringContaining("may not create the database other_1"),
      hint: expect.stringMatching(/^grant all on `other\\_1`\.\* to 'clara'@'.*--database/),
    });
  });

  test("finds everything behind a prefix, and no password on a command line", async () => {
    const name = await server.createDatabase();
    await server.sql("create table t (id int); insert into t values (1)", name);
    const prefix = join(tempDirectory(), "prefix");
    writeFileSync(prefix, `#!/bin/bash\necho "$*" >> ${prefix}.log\nexec "$@"\n`);
    chmodSync(prefix, 0o755);
    const restorer = await open({ ...asUser(name), execPrefix: [prefix] });
    await restorer.load(await dumpOf(asUser(name)), "scratch_prefix", options);
    expect((await restorer.facts("scratch_prefix")).tables).toEqual({ t: { rows: 1, exact: true } });
    expect(await restorer.freeBytes()).toBeUndefined();
    await restorer.drop("scratch_prefix");
    const log = readFileSync(`${prefix}.log`, "utf8");
    expect(log).toContain("--binary-mode");
    expect(log).not.toContain(server.password);
  });
});

test("live is never dropped, nor loaded over as a scratch database", async () => {
  const name = await server.createDatabase();
  await server.sql("create table t (id int)", name);
  const restorer = await open(asUser(name));
  await expect(restorer.drop(name.toUpperCase())).rejects.toMatchObject({ code: "E_INTERNAL" });
  await expect(restorer.load("/dev/null", name, options)).rejects.toMatchObject({ code: "E_INTERNAL" });
  expect(await restorer.exists(name)).toBe(true);
});

test("a connection that holds a scratch database does not keep it from being dropped", async () => {
  const name = await server.createDatabase();
  await server.sql("create table t (id int); insert into t values (1)", name);
  const restorer = await open(asUser(name));
  await restorer.load(await dumpOf(asUser(name)), "scratch_held", options);
  const holder = execa(
    "mariadb",
    [
      "--no-defaults",
      "-h127.0.0.1",
      `-P${server.port}`,
      "-uclara",
      "scratch_held",
      "-e",
      "lock tables t write; select sleep(30)",
    ],
    {
      env: { MYSQL_PWD: server.password },
      reject: false,
    },
  );
  for (;;) {
    if (
      Number(
        await server.sql("select count(*) from information_schema.processlist where info like '%sleep(30)'", "mysql"),
      ) > 0
    )
      break;
  }
  await restorer.drop("scratch_held");
  expect(await restorer.exists("scratch_held")).toBe(false);
  expect((await holder).exitCode).not.toBe(0);
});
