/** Users in columns without a foreign key: by the config they are followed, undeclared they are refused, and no row becomes another user's. */
import { existsSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { runInProcess } from "../../../support/commands/in-process.ts";
import { makeDatabase } from "../../../support/sites/package.ts";
import { rowsOf, useEngines, type PortableEngine } from "../../../support/portable/engines.ts";
import { tempDirectory } from "../../../support/temp.ts";

type Name = PortableEngine["name"];
const { make } = useEngines();
const ENGINES: readonly Name[] = ["PostgreSQL", "MariaDB", "SQLite"];
const idOf = (name: Name): string =>
  ({ PostgreSQL: "serial primary key", MariaDB: "integer auto_increment primary key", SQLite: "integer primary key" })[name]; // prettier-ignore

const WORDPRESS = (name: Name): string => `
  create table site_users (ID ${idOf(name)}, user_login varchar(60) not null default '', user_pass varchar(255) not null default '');
  create table site_usermeta (umeta_id ${idOf(name)}, user_id bigint not null default 0, meta_key varchar(255), meta_value text);
  create table site_posts (ID ${idOf(name)}, post_author bigint not null default 0, post_title varchar(60) not null);
  create table site_comments (comment_ID ${idOf(name)}, user_id bigint not null default 0, comment_content varchar(60));`;
const WORDPRESS_ROWS = `
  insert into site_users values (1, 'ann', 'x'), (2, 'bob', 'x');
  insert into site_usermeta values (1, 1, 'session_tokens', 'secret');
  insert into site_posts values (1, 1, 'by ann'), (2, 2, 'by bob'), (3, 0, 'by nobody');
  insert into site_comments values (1, 2, 'from bob'), (2, 0, 'from nobody');`;
const WORDPRESS_CONFIG = {
  keys: { site_users: ["user_login"] },
  foreign_keys: { site_comments: { user_id: "site_users" }, site_posts: { post_author: "site_users" } },
};
const OTHERS = "insert into site_users values (1, 'root', 'x'), (2, 'eve', 'x'), (7, 'bob', 'x'), (9, 'ann', 'x');";
const POSTS =
  "select p.post_title, u.user_login from site_posts p left join site_users u on u.ID = p.post_author union all " +
  "select c.comment_content, u.user_login from site_comments c left join site_users u on u.ID = c.user_id order by 1";
const RIGHT = ["by ann|ann", "by bob|bob", "by nobody|null", "from bob|bob", "from nobody|null"];

/** A config with this under `portable`. */
function configOf(portable: object): string {
  const root = tempDirectory();
  const config = join(root, "site.yaml");
  writeFileSync(config, `site: s\nroot: ${root}\nportable: ${JSON.stringify(portable)}\n`);
  return config;
}

async function portable(verb: string, url: string, config: object, ...args: readonly string[]) {
  const { code, stdout, stderr } = await runInProcess("portable", [verb, ...args, "--config", configOf(config), "--database", url]); // prettier-ignore
  return { code, said: `${stderr}${stdout}` };
}

async function packed(url: string, config: object, ...args: readonly string[]) {
  const file = join(tempDirectory(), "site.tgz");
  return { file, ...(await portable("package", url, config, "-o", file, ...args)) };
}

async function restored(file: string, url: string, ...args: readonly string[]) {
  const { code, stdout, stderr } = await runInProcess("restore", ["--package", file, "--to", join(tempDirectory(), "to"), "--database", url, ...args]); // prettier-ignore
  return { code, said: `${stderr}${stdout}` };
}

async function exported(url: string, config: object, ...args: readonly string[]): Promise<string> {
  const at = join(tempDirectory(), "export");
  expect(await portable("export", url, config, "-o", at, "--no-timestamp", ...args)).toMatchObject({ code: 0 });
  return at;
}

describe("a package without users", () => {
  test.each(ENGINES)("%s: WordPress is refused with the lines that its config needs, and by them each row finds its user", async (name) => {
    const url = await make(name, WORDPRESS(name) + WORDPRESS_ROWS);
    const refused = await packed(url, {});
    expect(refused.code).toBe(2);
    expect(existsSync(refused.file)).toBe(false);
    expect(refused.said).toMatch(/site_comments\.user_id, (?:public\.)?site_posts\.post_author seem to reference (?:public\.)?site_users/);
    expect(refused.said).not.toContain("site_usermeta.user_id");
    for (const line of [/keys:\s+(?:public\.)?site_users: \[user_login\]/, /foreign_keys:\s/, /site_posts: \{ post_author: (?:public\.)?site_users \}/])
      expect(refused.said).toMatch(line);
    const { code, file, said } = await packed(url, WORDPRESS_CONFIG);
    expect([code, said]).toMatchObject([0, expect.stringMatching(/not in it: table (?:public\.)?site_usermeta \(users/)]);
    for (const to of ENGINES) {
      const other = await make(to, WORDPRESS(to) + OTHERS);
      expect(await restored(file, other)).toMatchObject({ code: 0 });
      expect(await rowsOf(other, POSTS)).toEqual(RIGHT);
      expect(await rowsOf(other, "select post_author from site_posts order by ID")).toEqual(["9", "7", "0"]);
    }
  });

  test("a user that is not there is named, and nothing is changed", async () => {
    const { file } = await packed(await make("SQLite", WORDPRESS("SQLite") + WORDPRESS_ROWS), WORDPRESS_CONFIG);
    const other = await make("SQLite", `${WORDPRESS("SQLite")} insert into site_users values (1, 'root', 'x'), (2, 'ann', 'x');`);
    expect(await restored(file, other)).toMatchObject({ code: 1, said: expect.stringMatching(/missing rows of (?:public\.)?site_users by \w+: \(bob\)/) });
    expect(await rowsOf(other, "select count(*) from site_posts")).toEqual(["0"]);
  });

  test("Redmine: users and groups are in one table, and columns are called author_id and assigned_to_id", async () => {
    const schema = (name: Name): string => `
      create table users (id ${idOf(name)}, login varchar(60) not null default '', hashed_password varchar(40) not null default '', lastname varchar(60) not null default '', type varchar(60));
      create table issues (id ${idOf(name)}, subject varchar(60) not null, author_id integer not null, assigned_to_id integer, project_id integer not null);
      create table groups_users (group_id integer not null, user_id integer not null);
      create table tokens (id ${idOf(name)}, user_id integer not null, action varchar(30) not null, value varchar(40) not null);`;
    const rows = `
      insert into users values (1, 'admin', 'x', 'A', 'User'), (2, '', '', 'Anonymous', 'AnonymousUser'), (3, '', '', 'Developers', 'Group'), (4, '', '', 'Testers', 'Group'), (5, 'ann', 'x', 'B', 'User');
      insert into issues values (1, 'one', 5, 4, 1), (2, 'two', 1, null, 1); insert into groups_users values (3, 5); insert into tokens values (1, 5, 'api', 'secret');`;
    const url = await make("MariaDB", schema("MariaDB") + rows);
    const links = { foreign_keys: { issues: { author_id: "users", assigned_to_id: "users" } } };
    expect((await packed(url, {})).said).toMatch(/issues: \{ author_id: users, assigned_to_id: users \}/);
    // Groups have no login: it does not tell them apart.
    expect(await packed(url, { ...links, keys: { users: ["login"] } })).toMatchObject({ code: 1, said: expect.stringContaining("users: 3 rows have the key ()") });
    const { code, file } = await packed(url, { ...links, keys: { users: ["login", "lastname"] } });
    expect(code).toBe(0);
    const users = "insert into users values (1, 'eve', 'x', 'E', 'User'), (4, 'mallory', 'x', 'M', 'User'), (5, 'admin', 'x', 'A', 'User'), (6, '', '', 'Testers', 'Group'), (7, 'ann', 'x', 'B', 'User')";
    const other = await make("PostgreSQL", `${schema("PostgreSQL")} ${users};`);
    expect(await restored(file, other)).toMatchObject({ code: 0 });
    expect(await rowsOf(other, "select subject, author_id, assigned_to_id from issues order by 1")).toEqual(["one|7|6", "two|5|null"]);
    expect(await rowsOf(other, "select (select count(*) from tokens), (select count(*) from groups_users)")).toEqual(["0|0"]);
    // Two users of the other site share the key: nobody can say whose the rows are.
    const twins = await make("SQLite", `${schema("SQLite")} ${users}, (8, 'ann', 'x', 'B', 'User');`);
    expect(await restored(file, twins)).toMatchObject({ code: 1, said: expect.stringContaining("users: 2 rows have the key (ann, B)") });
    expect(await rowsOf(twins, "select count(*) from issues")).toEqual(["0"]);
  });

  test("MediaWiki: revisions belong to actors, which stand for users", async () => {
    const schema = (name: Name): string => {
      const user = name === "MariaDB" ? "`user`" : '"user"';
      return `
      create table ${user} (user_id ${idOf(name)}, user_name varchar(255) not null unique, user_password varchar(255) not null);
      create table actor (actor_id ${idOf(name)}, actor_user integer unique, actor_name varchar(255) not null unique);
      create table revision (rev_id ${idOf(name)}, rev_actor bigint not null, rev_comment varchar(60) not null);
      create table user_groups (ug_user integer not null, ug_group varchar(60) not null, primary key (ug_user, ug_group));`;
    };
    const from = `insert into ${"`user`"} values (1, 'Ann', 'x'), (2, 'Bob', 'x'); insert into actor values (1, 1, 'Ann'), (2, 2, 'Bob'), (3, null, '10.0.0.1'); insert into revision values (1, 1, 'ann'), (2, 2, 'bob'), (3, 3, 'ip'); insert into user_groups values (1, 'sysop');`;
    const url = await make("MariaDB", schema("MariaDB") + from);
    const refused = await packed(url, {});
    expect([refused.code, refused.said]).toMatchObject([2, expect.stringContaining("actor.actor_user, revision.rev_actor seem to reference")]);
    expect((await packed(url, { foreign_keys: { actor: { actor_user: "user" } } })).said).toContain("revision.rev_actor seem to reference actor");
    const { code, file } = await packed(url, { foreign_keys: { actor: { actor_user: "user" }, revision: { rev_actor: "actor" } } });
    expect(code).toBe(0);
    const other = await make("SQLite", `${schema("SQLite")} insert into "user" values (1, 'Bob', 'x'), (5, 'Ann', 'x'); insert into actor values (1, 1, 'Bob'), (2, null, '10.9.9.9');`);
    expect(await restored(file, other)).toMatchObject({ code: 0 });
    expect(await rowsOf(other, "select rev_comment, actor_name, actor_user from revision join actor on actor_id = rev_actor order by 1")).toEqual(["ann|Ann|5", "bob|Bob|1", "ip|10.0.0.1|null"]);
  });
}); // prettier-ignore

describe("an export", () => {
  const from = async (): Promise<string> => await make("SQLite", WORDPRESS("SQLite") + WORDPRESS_ROWS);
  const to = async (name: Name = "SQLite"): Promise<string> => await make(name, WORDPRESS(name) + OTHERS);

  test("without users is refused, and made where the config says that a column holds none", async () => {
    const url = await from();
    const at = join(tempDirectory(), "export");
    for (const args of [["--exclude", "site_users,site_usermeta"], ["--models", "site_posts"], ["--models", "site_posts", "--format", "records"]])
      expect(await portable("export", url, {}, "-o", at, "--no-timestamp", ...args)).toMatchObject({ code: 2, said: expect.stringContaining("site_posts: { post_author: site_users }") });
    expect(existsSync(at)).toBe(false);
    const none = { foreign_keys: { site_posts: { post_author: false } } };
    const made = await exported(url, none, "--models", "site_posts");
    const other = await to();
    expect(await portable("import", other, {}, made)).toMatchObject({ code: 0 });
    expect(await rowsOf(other, "select post_author from site_posts order by ID")).toEqual(["1", "2", "0"]);
  });

  test.each(ENGINES)("%s: made with users before, it is not taken without them by another site", async (name) => {
    const at = await exported(await from(), { instance: "a" });
    const other = await to(name);
    for (const [config, args] of [[{}, ["--models", "site_posts"]], [{ instance: "b", exclude: ["site_users", "site_usermeta"] }, []]] as const) {
      const { code, said } = await portable("import", other, config, at, ...args);
      expect([code, said]).toMatchObject([1, expect.stringMatching(/site_(?:posts\.post_author|comments\.user_id): [12] rows seem to refer/)]);
      expect(said).toMatch(/foreign_keys, as \{ site_\w+: \{ \w+: site_users \} \}/);
      expect(await rowsOf(other, "select count(*) from site_posts")).toEqual(["0"]);
    }
    expect(await portable("check", other, {}, at, "--models", "site_posts", "--values")).toMatchObject({ code: 14 });
    const said = { foreign_keys: { site_posts: { post_author: false } } };
    for (const [config, ...flags] of [[{ instance: "a" }], [{}, "--into-other"], [said]] as const)
      expect(await portable("import", await to(name), config, at, "--models", "site_posts", ...flags)).toMatchObject({ code: 0 });
  });

  test.each(ENGINES)("%s: users that have other numbers here are refused while their rows hold the old ones", async (name) => {
    const key = { keys: { site_users: ["user_login"] } };
    const url = await from();
    const other = await to(name);
    const loose = await exported(url, key);
    const { code, said } = await portable("import", other, {}, loose, "--exclude", "site_usermeta");
    expect([code, said]).toMatchObject([1, expect.stringMatching(/site_users, where row \(\w+\) has id [79] here \([12] in the export\)/)]);
    expect(await rowsOf(other, "select count(*) from site_posts")).toEqual(["0"]);
    const declared = { ...key, foreign_keys: { ...WORDPRESS_CONFIG.foreign_keys, site_usermeta: { user_id: "site_users" } } };
    expect(await portable("import", other, {}, await exported(url, declared))).toMatchObject({ code: 0 });
    expect(await rowsOf(other, POSTS)).toEqual(RIGHT);
  });

  test.each(ENGINES)("%s: a reference to a missing user does not become one to another user", async (name) => {
    const url = await make(name, `${WORDPRESS(name)} ${WORDPRESS_ROWS} insert into site_posts values (4, 7, 'by one who left');`);
    const at = await exported(url, { ...WORDPRESS_CONFIG, instance: "a" }, "--exclude", "site_users,site_usermeta");
    const other = await to(name);
    expect(await portable("import", other, {}, at)).toMatchObject({ code: 1, said: expect.stringMatching(/site_posts: 1 row holds ids in post_author that match no row of (?:public\.)?site_users/) });
    expect(await rowsOf(other, "select count(*) from site_posts")).toEqual(["0"]);
    expect(await portable("import", other, { instance: "a" }, at)).toMatchObject({ code: 0 });
  });

  test("plan warns of numbers of other tables that are left out", async () => {
    const url = makeDatabase(join(tempDirectory(), "a.db"), "create table room (id integer primary key, name text not null unique); create table booking (id integer primary key, code text not null unique, room_id integer)");
    const warning = /room: booking\.room_id seem to reference its id without a foreign key, and it is left out \(excluded\)/;
    expect((await portable("plan", url, {}, "--exclude", "room")).said).toMatch(warning);
    expect((await portable("plan", url, { foreign_keys: { booking: { room_id: "room" } } }, "--exclude", "room")).said).not.toMatch(warning);
    expect((await portable("plan", url, {})).said).not.toMatch(warning);
  });

  test.each(ENGINES)("%s: ids of other tables that are not imported are told at the export, the check and the import", async (name) => {
    const schema = `create table room (id ${idOf(name)}, name varchar(60) not null unique);
      create table booking (id ${idOf(name)}, code varchar(60) not null unique, room_id integer, guest_id integer);
      create table guest (id ${idOf(name)}, name varchar(60) not null unique);`;
    const url = await make(name, `${schema} insert into room values (1, 'blue'), (2, 'red'); insert into guest values (1, 'ann'); insert into booking values (1, 'a', 2, null), (2, 'b', 0, null);`);
    const at = join(tempDirectory(), "export");
    const setting = "portable.foreign_keys: { booking: { room_id: room } }";
    const from = { instance: "a" };
    expect(await portable("export", url, from, "-o", at, "--no-timestamp", "--models", "booking")).toMatchObject({ code: 0, said: expect.stringContaining(setting) });
    const others = `${schema} insert into room values (1, 'red'), (2, 'green');`;
    const other = await make(name, others);
    const warning = expect.stringMatching(/room: (?:public\.)?booking\.room_id seem to reference its rows without a foreign key, and it is not imported.*foreign_keys: \{ booking: \{ room_id: room \} \}/);
    expect(await portable("check", other, {}, at)).toMatchObject({ code: 3, said: warning });
    const tried = await portable("check", other, {}, at, "--values");
    expect(tried).toMatchObject({ code: 3, said: warning });
    // No row holds a guest, so that nothing can be wrong with it.
    expect(tried.said).not.toContain("booking.guest_id seem to reference its rows");
    for (const config of [from, { foreign_keys: { booking: { room_id: false, guest_id: false } } }])
      expect(await portable("check", other, config, at, "--values")).toMatchObject({ code: 0, said: expect.not.stringContaining("not imported") });
    expect(await portable("import", other, {}, at)).toMatchObject({ code: 0, said: warning });
    const followed = join(tempDirectory(), "export");
    expect(await portable("export", url, { ...from, foreign_keys: { booking: { room_id: "room" } } }, "-o", followed, "--no-timestamp", "--models", "booking")).toMatchObject({ code: 0 });
    const right = await make(name, others);
    expect(await portable("import", right, {}, followed)).toMatchObject({ code: 0, said: expect.not.stringContaining("not imported") });
    expect(await rowsOf(right, "select code, room_id from booking order by 1")).toEqual(["a|1", "b|0"]);
  });
}); // prettier-ignore

test.each(ENGINES)("%s: reconcile moves, and reinit regards, what the config declares", async (name) => {
  const url = await make(name, `${WORDPRESS(name)} ${WORDPRESS_ROWS} insert into site_users values (5, 'BOB', 'x'); insert into site_posts values (4, 5, 'by BOB');`);
  const { code } = await portable("reconcile", url, WORDPRESS_CONFIG, "--table", "site_users", "--by", "user_login", "--yes");
  expect(code).toBe(0);
  expect(await rowsOf(url, "select post_author from site_posts order by ID")).toEqual(["1", "2", "0", "2"]);
  const root = tempDirectory();
  const config = join(root, "site.yaml");
  const reinit = { keep: ["site_posts"] };
  writeFileSync(config, `site: s\nroot: ${root}\ndest: ${join(root, "store")}\ndatabase: ${JSON.stringify({ url })}\nportable: ${JSON.stringify({ ...WORDPRESS_CONFIG, reinit })}\n`);
  const refused = await runInProcess("reinit", ["--config", config, "--dry-run"]);
  expect([refused.code, `${refused.stdout}${refused.stderr}`]).toMatchObject([1, expect.stringMatching(/site_posts.*site_users/)]);
}); // prettier-ignore

test.each([
  [{ nowhere: { post_author: "site_users" } }, "foreign_keys: the database has no table nowhere"],
  [{ site_posts: { author: "site_users" } }, "the table site_posts has no column author"],
  [{ site_posts: { post_author: "site_user" } }, "the database has no table site_user"],
  [{ site_posts: { post_title: "site_users" } }, "the column holds text values"],
  [{ site_posts: { post_author: "pair" } }, "pair has no primary key of one column"],
  [{ linked: { user_id: false } }, "linked.user_id has a foreign key to site_users in the database"],
] as const)("a declaration that cannot be is refused: %o", async (foreign_keys, message) => {
  const more =
    "create table pair (a integer, b integer, primary key (a, b)); create table linked (id integer primary key, user_id integer references site_users (ID));";
  const url = makeDatabase(join(tempDirectory(), "a.db"), WORDPRESS("SQLite") + more);
  expect(await portable("plan", url, { foreign_keys })).toMatchObject({ code: 2, said: expect.stringContaining(message) });
}); // prettier-ignore
