/** Further of what the schemas of real applications hold: it arrives, or a message names the row. */
import { describe, expect, test } from "vitest";
import { runInProcess } from "../../../support/commands/in-process.ts";
import { rowsOf, useEngines } from "../../../support/portable/engines.ts";
import { bring, exportOf, refusal } from "../../../support/portable/script.ts";

const ALL = ["PostgreSQL", "MariaDB", "SQLite"] as const;
const { make } = useEngines();

describe("a link that may not be NULL for a time, though its column may", () => {
  test.each([
    ["PostgreSQL", "a partial unique index", "", "create unique index on place (name) where parent_id is null;"],
    ["PostgreSQL", "a unique index over an expression", "", "create unique index on place (coalesce(parent_id, -1), name);"],
    ["PostgreSQL", "a check", ", check (parent_id is not null or kind = 'root')", ""],
    ["MariaDB", "a check", ", constraint c check (parent_id is not null or kind = 'root')", ""],
    ["SQLite", "a partial unique index", "", "create unique index i on place (name) where parent_id is null;"],
    ["SQLite", "a unique index over an expression", "", "create unique index i on place (coalesce(parent_id, -1), name);"],
    ["SQLite", "a check", ", check (parent_id is not null or kind = 'root')", ""],
  ] as const)("%s: %s of a tree", async (name, _what, check, index) => {
    const schema = `create table place (id integer not null primary key, name varchar(20) not null, kind varchar(9), parent_id integer, foreign key (parent_id) references place (id)${check}); ${index}`;
    const rows = "insert into place values (1, 'Earth', 'root', null), (2, 'Rome', '', 1); insert into place values (3, 'Earth', '', 2);";
    const url = await make(name, schema);
    await bring(await exportOf(await make(name, `${schema} ${rows}`)), url);
    expect(await rowsOf(url, "select id, name, coalesce(parent_id, 0) from place order by id")).toEqual(["1|Earth|0", "2|Rome|1", "3|Earth|2"]);
  });

  test.each(ALL)("%s: exactly one of two links, in a ring", async (name) => {
    const key = { PostgreSQL: "serial primary key", MariaDB: "integer auto_increment primary key", SQLite: "integer primary key" }[name];
    const board = (link: string): string =>
      `create table project (id ${key}, name varchar(20) not null unique, board_id integer${link}); create table team (id ${key}, name varchar(20) not null unique);
       create table board (id ${key}, name varchar(20) not null unique, project_id integer, team_id integer, constraint one check ((project_id is null) <> (team_id is null)), foreign key (project_id) references project (id), foreign key (team_id) references team (id));`;
    const schema = name === "SQLite" ? board(", foreign key (board_id) references board (id)") : `${board("")} alter table project add foreign key (board_id) references board (id);`;
    const rows = "insert into project values (1, 'p', null), (2, 'q', null); insert into team values (1, 't'); insert into board values (1, 'b', 1, null), (2, 'c', null, 1); update project set board_id = 2 where id = 1;";
    const output = await exportOf(await make(name, `${schema} ${rows}`));
    await bring(output, await make(name, schema));
    const url = await make(name, `${schema} insert into team values (1, 'other'), (2, 't'); insert into project values (1, 'q', null);`);
    expect(await refusal("import", output, "--database", url)).toBe("");
    expect(await rowsOf(url, "select b.name, coalesce(p.name, t.name) from board b left join project p on p.id = project_id left join team t on t.id = team_id order by 1")).toEqual(["b|p", "c|t"]);
  });
}); // prettier-ignore

test("PostgreSQL: triggers are afterwards as they were, those of partitions as well", async () => {
  const schema = `create table t (id integer primary key, n integer) partition by range (id); create table t1 partition of t for values from (0) to (10); create table u (id integer primary key, n integer);
    create function more() returns trigger language plpgsql as 'begin new.n := new.n + 1; return new; end';
    create trigger whole before insert on t for each row execute function more(); create trigger part before insert on t1 for each row execute function more();
    create trigger off before insert on u for each row execute function more(); alter table u disable trigger off;
    create trigger always before insert on u for each row execute function more(); alter table u enable always trigger always;`;
  const states = "select tgrelid::regclass::text, tgname, tgenabled::text from pg_trigger order by 1, 2";
  const from = await make("PostgreSQL", `${schema} insert into t values (1, 1); insert into u values (1, 1);`);
  const url = await make("PostgreSQL", schema);
  const before = await rowsOf(url, states);
  await bring(await exportOf(from), url);
  expect(await rowsOf(url, "select n from t union all select n from u")).toEqual(["3", "2"]);
  expect(await rowsOf(url, states)).toEqual(before);
});

test.each(ALL)("%s: a schema that was made without its migrations is looked at by its tables", async (name) => {
  const schema = "create table schema_migrations (version varchar(20) not null primary key); create table t (id integer primary key);"; // prettier-ignore
  const output = await exportOf(await make(name, `${schema} insert into schema_migrations values ('20240101000000'); insert into t values (1);`)); // prettier-ignore
  const url = await make(name, schema);
  expect(await refusal("import", output, "--database", url)).toMatch(/has none applied/);
  expect(await refusal("import", output, "--database", url, "--force")).toBe("");
  expect(await rowsOf(url, "select id from t")).toEqual(["1"]);
});

test("rows of one tenant that lead to each other, by keys that share the tenant", async () => {
  const schema = `create table tenant (id integer not null primary key, name varchar(20) not null unique);
    create table doc (tenant integer not null, id integer not null, parent integer, author integer, primary key (tenant, id), foreign key (tenant) references tenant (id), foreign key (tenant, parent) references doc (tenant, id));
    create table note (id integer not null primary key, tenant integer not null, doc integer, other integer, foreign key (tenant, doc) references doc (tenant, id), foreign key (tenant, other) references doc (tenant, id));`;
  const rows = "insert into tenant values (1, 'a'), (2, 'b'); insert into doc values (1, 1, null, 7), (1, 2, 1, null), (2, 1, null, null); insert into note values (1, 1, 2, 1), (2, 2, 1, null), (3, 2, null, null);"; // prettier-ignore
  for (const [from, to] of [["PostgreSQL", "MariaDB"], ["MariaDB", "SQLite"], ["SQLite", "PostgreSQL"]] as const) {
    const output = await exportOf(await make(from, `${schema} ${rows}`));
    const url = await make(to, `${schema} insert into tenant values (5, 'b'), (6, 'a');`);
    await bring(output, url);
    expect(await rowsOf(url, "select tenant, id, parent from doc order by 1, 2")).toEqual(["5|1|null", "6|1|null", "6|2|1"]);
  }
}); // prettier-ignore

test("PostgreSQL: keys of which NULL is a value", async () => {
  const schema = `create table n (id serial primary key, a integer, b text, v integer, unique nulls not distinct (a, b)); create table kid (id serial primary key, n_id integer references n, name text not null unique);`;
  const output = await exportOf(await make("PostgreSQL", `${schema} insert into n (a, b) values (null, null), (1, null), (null, 'x'); insert into kid (n_id, name) values (2, 'two'), (3, 'three'), (null, 'none');`)); // prettier-ignore
  await bring(output, await make("PostgreSQL", schema));
  const url = await make(
    "PostgreSQL",
    `${schema} insert into n (id, a, b, v) values (20, 1, null, 5), (21, null, 'x', 5);`,
  );
  await bring(output, url);
  expect(await rowsOf(url, "select name, n_id from kid order by 1")).toEqual(["none|null", "three|21", "two|20"]);
});

test("bits are the number that they write, and as many as they are", async () => {
  const schema = (key: string): string => `create table t (id integer primary key, b bit(8), w ${key});`;
  const to = await make("MariaDB", schema("bit(64)"));
  await bring(await exportOf(await make("PostgreSQL", `${schema("bit(64)")} insert into t values (1, B'00001010', ~ 0::bit(64)), (2, null, B'1'::bit(64));`)), to); // prettier-ignore
  expect(await rowsOf(to, "select b + 0, w + 0 from t order by id")).toEqual(["10|18446744073709551615", "null|9223372036854775808"]); // prettier-ignore
  const back = await make("PostgreSQL", schema("bit(64)"));
  await bring(await exportOf(to), back);
  expect(await rowsOf(back, "select b, w::text from t where id = 1")).toEqual([`00001010|${"1".repeat(64)}`]);
  expect(await refusal("import", await exportOf(to), "--database", await make("PostgreSQL", schema("bit(5)")))).toMatch(
    /line 2: public\.t\.w expects 0 to 31, found 18446744073709551615/,
  );
  const varying = "create table t (id integer primary key, v bit varying(9), h numeric(5, -2));";
  await bring(await exportOf(await make("PostgreSQL", `${varying} insert into t values (1, '', 12300), (2, B'001', 0);`)), await make("PostgreSQL", varying)); // prettier-ignore
});

test("a table without a key holds texts that differ by case alone", async () => {
  for (const [name, collate] of [
    ["MariaDB", "collate utf8mb4_general_ci"],
    ["SQLite", "collate nocase"],
  ] as const) {
    const schema = `create table t (word varchar(9) ${collate}, n integer);`;
    const url = await make(name, schema);
    await bring(await exportOf(await make(name, `${schema} insert into t values ('a', 1), ('A', 1), ('a', 1);`)), url);
    expect((await rowsOf(url, "select word from t")).toSorted()).toEqual(["A", "a", "a"]);
  }
});

test("SQLite: a whole number that a float would round stays whole in a column of decimals", async () => {
  const schema = "create table t (id integer primary key, n decimal(20,2));";
  const url = await make("SQLite", schema);
  await bring(await exportOf(await make("SQLite", `${schema} insert into t values (1, 9007199254740993);`)), url);
  expect(await rowsOf(url, "select n from t")).toEqual(["9007199254740993"]);
});

test.each(ALL)("%s: a row that a constraint refuses is named", async (name) => {
  const schema = (mail: string, check: string): string => `create table t (code varchar(9) not null primary key, mail varchar(20) ${mail}, n integer${check});`; // prettier-ignore
  const output = await exportOf(await make("SQLite", `${schema("", "")} insert into t values ('a', 'x', 1), ('b', 'y', -3), ('c', 'x', 4);`)); // prettier-ignore
  const checked = await make(name, schema("", ", constraint c check (n > 0)"));
  expect(await refusal("import", output, "--database", checked)).toMatch(/t, row 2 of the export, \(b\): /);
  const unique = await make(name, `${schema("unique", "")} insert into t values ('c', 'q', 4);`);
  expect(await refusal("import", output, "--database", unique)).toMatch(/t, row 3 of the export, \(c\): /);
  expect(await rowsOf(unique, "select code, mail from t")).toEqual(["c|q"]);
});

test.each(["PostgreSQL", "MariaDB"] as const)("%s: times as applications write them into SQLite", async (name) => {
  const from = "create table t (id integer primary key, at datetime, day date);";
  const times = ["'2024-01-05', '2024-01-05'", "'2024-01-05 10:00', '2024-01-05 00:00:00'", "'2024-01-05T10:00:00.5Z', null", "'2024-01-05 10:00:00.000 +00:00', null", "'2024-01-05 01:30:00+02:00', null"]; // prettier-ignore
  const rows = times.map((row, at) => `insert into t values (${at + 1}, ${row});`).join(" ");
  const schema = `create table t (id integer primary key, at ${name === "MariaDB" ? "datetime(6)" : "timestamp"}, day date);`; // prettier-ignore
  const url = await make(name, schema);
  await bring(await exportOf(await make("SQLite", `${from} ${rows}`)), url);
  expect(await rowsOf(url, `select ${name === "MariaDB" ? "date_format(at, '%H:%i:%s')" : "to_char(at, 'HH24:MI:SS')"} from t order by id`)).toEqual(["00:00:00", "10:00:00", "10:00:00", "10:00:00", "23:30:00"]); // prettier-ignore
  for (const guessed of ["20240105, null", "'20240105', null", "null, '2024-01-05 10:00:00'"]) {
    const output = await exportOf(await make("SQLite", `${from} insert into t values (1, ${guessed});`));
    expect(await refusal("import", output, "--database", await make(name, schema))).toMatch(/line 2: (?:public\.)?t\.\w+ expects .*, found/); // prettier-ignore
  }
});

test("MariaDB: a year 0, a tinyint(1) of 2, more than a day, geometry as bytes, a link of which a part is NULL", async () => {
  const schema = (year: string, small: string, time: string, place: string): string =>
    `create table pair (a integer not null, d decimal(5,2) not null, primary key (a, d));
     create table t (id integer not null primary key, y ${year}, s ${small}, h ${time}, g ${place}, a integer, d decimal(5,2), foreign key (a, d) references pair (a, d));`; // prettier-ignore
  const mariadb = schema("year", "tinyint(1)", "time(6)", "geometry");
  const rows = "insert into t values (1, 0, 2, '-838:59:59', point(1, 2), null, 1), (2, 2000, -5, '100:00:00.5', null, null, null);"; // prettier-ignore
  const output = await exportOf(await make("MariaDB", `${mariadb} ${rows}`));
  const same = await make("MariaDB", mariadb);
  await bring(output, same);
  expect(await rowsOf(same, "select y, s + 0, h, st_astext(g), d from t where id = 1")).toEqual(["0000|2|-838:59:59.000000|POINT(1 2)|1.00"]); // prettier-ignore
  const other = await make("PostgreSQL", schema("integer", "smallint", "interval", "bytea"));
  await bring(output, other);
  const back = await make("MariaDB", mariadb);
  await bring(await exportOf(other), back);
  expect(await rowsOf(back, "select y, s + 0, h, st_astext(g), d from t where id = 1")).toEqual(["0000|2|-838:59:59.000000|POINT(1 2)|1.00"]); // prettier-ignore
});

test("a tree of a tenant that is known by another key: told, and refused where its rows have other numbers", async () => {
  const schema = `create table task (id integer primary key, tenant integer not null, nr integer not null, parent integer, unique (tenant, nr), unique (tenant, id), foreign key (tenant, parent) references task (tenant, id));
    create table note (id integer primary key, tenant integer not null, task integer not null, body varchar(9) not null, unique (task, body), foreign key (tenant, task) references task (tenant, id));`;
  const from = await make("SQLite", `${schema} insert into task values (1, 1, 1, null), (2, 1, 2, 1); insert into note values (1, 1, 2, 'x');`); // prettier-ignore
  expect((await runInProcess("portable", ["plan", "--database", from])).stderr).toMatch(/task: \(tenant, parent\) to task shares/); // prettier-ignore
  const output = await exportOf(from);
  await bring(output, await make("PostgreSQL", schema));
  const url = await make("SQLite", `${schema} insert into task values (1, 2, 1, null), (5, 1, 1, null);`);
  expect(await refusal("import", output, "--database", url)).toMatch(/task\.tenant\+parent references task by id, but row \(1, 1\) has id 5 here/); // prettier-ignore
  expect(await rowsOf(url, "select count(*) from task")).toEqual(["2"]);
});
