/** `init` on small installations of each application: the config that it writes loads, prints the passwords, and brings the site back. */
import { execFileSync } from "node:child_process";
import { existsSync, mkdirSync, readFileSync, symlinkSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { expect, test } from "vitest";
import { loadConfig, type SiteConfig } from "../../../lib/config/load.ts";
import { runInProcess } from "../../support/commands/in-process.ts";
import type { RunResult } from "../../support/commands/run.ts";
import { runSql } from "../../support/sqlite.ts";
import { tempDirectory } from "../../support/temp.ts";

interface Made {
  readonly directory: string;
  readonly root: string;
  readonly file: string;
}

/** An installation of the given files, `site/` in a directory of its own. */
function install(files: Readonly<Record<string, string>>): Made {
  const directory = tempDirectory("holdfast-init-");
  const root = join(directory, "site");
  mkdirSync(root);
  for (const [name, text] of Object.entries(files)) {
    mkdirSync(dirname(join(root, name)), { recursive: true });
    writeFileSync(join(root, name), text);
  }
  return { directory, root, file: join(directory, "config/site.yaml") };
}

const init = async ({ root, file }: Made, ...args: string[]): Promise<RunResult> =>
  await runInProcess("init", [root, "-o", file, ...args]);

/** Runs `init` where no server answers: the config is written, and the status says that it is not proved. */
async function initConfig(made: Made, secrets: readonly string[] = []): Promise<SiteConfig> {
  const { code, stdout, stderr } = await init(made);
  expect([code, stderr.split("\n").filter((line) => line.startsWith("error"))]).toEqual([3, []]);
  const text = readFileSync(made.file, "utf8");
  for (const secret of secrets)
    for (const shown of [stdout, stderr, text]) expect(shown.includes(secret), `${secret} in ${shown}`).toBe(false);
  return loadConfig(made.file, {});
}

/** Runs a password command as it stands in the config, from another directory. */
function printed(config: SiteConfig, index = 0): string | undefined {
  const [program = "", ...args] = config.database?.[index]?.password_command ?? [];
  return program === "" ? undefined : execFileSync(program, args, { cwd: "/", encoding: "utf8" }).split("\n")[0];
}

const urls = (config: SiteConfig): string[] => (config.database ?? []).map(({ url }) => url);
const trees = (config: SiteConfig): Record<string, string> =>
  Object.fromEntries(config.trees.map(({ name = "", path }) => [name, path]));

/** Backs the site up by the new config and restores it to a directory that `diff` finds equal; databases are asked for their row. */
async function roundTrip(made: Made, databases: readonly string[]): Promise<void> {
  const back = join(made.directory, "back");
  const backup = await runInProcess("backup_all", ["--config", made.file, "--workers", "1"]);
  expect([backup.code, backup.stderr.match(/no step covers.*/)]).toEqual([0, null]);
  const restore = await runInProcess("restore", ["--config", made.file, "--to", back]);
  expect([restore.code, restore.stderr]).toEqual([0, restore.stderr]);
  const query = (file: string): string =>
    execFileSync("sqlite3", [file, "select title from book"], { encoding: "utf8" });
  const excluded = databases.flatMap((name) => ["-x", name.split("/").at(-1) ?? name]);
  // Equal but for the databases, which a dump may lay out anew.
  execFileSync("diff", ["-r", "--no-dereference", ...excluded, made.root, back]);
  for (const name of databases) expect(query(join(back, name))).toBe(query(join(made.root, name)));
}

const makeBook = (file: string, title: string): void => {
  mkdirSync(dirname(file), { recursive: true });
  runSql(file, "create table book (title text)", `insert into book values ('${title}')`);
};

test("a plain directory: all of it, and each SQLite file as a database", async () => {
  const made = install({ "app.js": "1", "public/a b.txt": "text", "odd\nname/x": "x" });
  makeBook(join(made.root, "data/books.db"), "Emma");
  makeBook(join(made.root, "other/books.db"), "Persuasion");
  symlinkSync("app.js", join(made.root, "link"));
  const { code, stdout } = await init(made);
  expect(code).toBe(0);
  expect(stdout).toContain("plain directory in ");
  const config = loadConfig(made.file, {});
  expect(urls(config)).toEqual(["sqlite:///data/books.db", "sqlite:///other/books.db"]);
  expect(trees(config)).toEqual({ site: "." });
  await roundTrip(made, ["data/books.db", "other/books.db"]);
});

const DJANGO = {
  "manage.py": 'os.environ.setdefault("DJANGO_SETTINGS_MODULE", "shop.settings")\nraise SystemExit("executed")\n',
  "shop/views.py": "pass\n",
  "media/photo.jpg": "photo",
};

test("Django with SQLite and a MEDIA_ROOT of its own, restored", async () => {
  const made = install({
    ...DJANGO,
    "shop/settings.py": `from pathlib import Path
BASE_DIR = Path(__file__).resolve().parent.parent
# DATABASES = {'default': {'ENGINE': 'django.db.backends.postgresql', 'NAME': 'old'}}
DATABASES = {"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": BASE_DIR / "db.sqlite3"}}
MEDIA_ROOT = BASE_DIR / "media"
SECRET_KEY = "it's kept # here"
`,
  });
  makeBook(join(made.root, "db.sqlite3"), "Emma");
  const { code, stdout } = await init(made);
  expect(code).toBe(0);
  expect(stdout).toContain("Django in ");
  const config = loadConfig(made.file, {});
  expect(urls(config)).toEqual(["sqlite:///db.sqlite3"]);
  expect(trees(config)).toEqual({ site: ".", media: "media" });
  await roundTrip(made, ["db.sqlite3"]);
});

test("MediaWiki with SQLite, restored", async () => {
  const made = install({
    "LocalSettings.php": `<?php
$wgDBtype = "sqlite"; // not "mysql"
$wgDBname = 'my_wiki';
$wgSQLiteDataDir = "$IP/data";
$wgSecretKey = "a1b2";
`,
    "images/a/logo.png": "logo",
    "index.php": "<?php exit(1);",
  });
  makeBook(join(made.root, "data/my_wiki.sqlite"), "Emma");
  makeBook(join(made.root, "data/wikicache.sqlite"), "cached");
  expect((await init(made)).code).toBe(0);
  const config = loadConfig(made.file, {});
  expect(urls(config)).toEqual(["sqlite:///data/my_wiki.sqlite", "sqlite:///data/wikicache.sqlite"]);
  expect(trees(config)).toEqual({ site: ".", images: "images" });
  await roundTrip(made, ["data/my_wiki.sqlite", "data/wikicache.sqlite"]);
});

test("WordPress with MariaDB", async () => {
  const password = String.raw`it's "quoted" \ ${"$"}{HOME} / & #1`;
  const made = install({
    "wp-config.php": `<?php
/* define( 'DB_NAME', 'old' ); */
define( 'DB_NAME', 'word press' );
define('DB_USER', "wp@site");
define( 'DB_PASSWORD', ${String.raw`'it\'s "quoted" \\ ${"$"}{HOME} / & #1'`} ); // the password
define( 'DB_HOST', 'localhost:/nowhere/mysqld.sock' );
`,
    "wp-includes/version.php": "<?php",
    "wp-content/uploads/2024/a.jpg": "a",
  });
  const config = await initConfig(made, [password, "quoted"]);
  expect(urls(config)).toEqual(["mysql://wp%40site@localhost/word%20press?socket=/nowhere/mysqld.sock"]);
  expect(trees(config)).toEqual({ site: ".", uploads: "wp-content/uploads" });
  expect(printed(config)).toBe(password);
  // No server answers: what every version of WordPress has.
  expect(config.portable?.foreign_keys).toEqual({
    wp_posts: { post_author: "wp_users" },
    wp_comments: { user_id: "wp_users" },
    wp_links: { link_owner: "wp_users" },
    wp_usermeta: { user_id: "wp_users" },
  });
});

/** Exports without users by the config that `init` wrote, which is refused where a column of users is not declared. */
async function exportWithoutUsers({ directory, file }: Made, users: string): Promise<void> {
  const args = ["--config", file, "--exclude", users, "-o", join(directory, "export"), "--no-timestamp"];
  const { code, stderr } = await runInProcess("portable", ["export", ...args]);
  expect([code, stderr]).toEqual([0, expect.not.stringContaining("seem to reference")]);
}

test("WordPress's columns of users are declared with the prefix that was found, as the database has them", async () => {
  const made = install({
    "wp-config.php": `<?php
// $table_prefix = 'wp_';
$table_prefix  = 'blog_';
`,
    "wp-includes/version.php": "<?php",
  });
  const database = join(made.root, "wp-content/database/.ht.sqlite");
  mkdirSync(dirname(database), { recursive: true });
  const post = "(ID integer primary key, post_author integer not null default 0, post_title text not null)";
  runSql(
    database,
    "create table blog_users (ID integer primary key, user_login text not null default '', user_pass text)",
    `create table blog_posts ${post}`,
    `create table blog_2_posts ${post}`,
    `create table wp_posts ${post}`,
    "create table blog_comments (comment_ID integer primary key, user_id integer not null default 0)",
    "create table blog_links (link_id integer primary key, link_owner integer references blog_users)",
    "insert into blog_users values (1, 'ann', 'x')",
    "insert into blog_posts values (1, 1, 'a')",
    "insert into blog_2_posts values (1, 1, 'b')",
    "insert into blog_comments values (1, 1)",
  );
  expect((await init(made)).code).toBe(0);
  expect(loadConfig(made.file, {}).portable).toMatchObject({
    keys: { blog_users: ["user_login"] },
    foreign_keys: {
      blog_posts: { post_author: "blog_users" },
      blog_2_posts: { post_author: "blog_users" },
      blog_comments: { user_id: "blog_users" },
    },
  });
  expect(Object.keys(loadConfig(made.file, {}).portable?.foreign_keys ?? {})).toHaveLength(3);
  await exportWithoutUsers(made, "blog_users,blog_links,wp_posts");
});

test("MediaWiki's columns of users and actors are declared, with its prefix", async () => {
  const made = install({
    "LocalSettings.php": `<?php
$wgDBtype = "sqlite";
$wgDBname = 'wiki';
$wgDBprefix = "mw_";
$wgSQLiteDataDir = "$IP/data";
`,
  });
  mkdirSync(join(made.root, "data"));
  runSql(
    join(made.root, "data/wiki.sqlite"),
    "create table mw_user (user_id integer primary key, user_name text not null unique, user_password text)",
    "create table mw_actor (actor_id integer primary key, actor_user integer unique, actor_name text not null unique)",
    "create table mw_revision (rev_id integer primary key, rev_actor integer not null)",
    "create table mw_block_target (bt_id integer primary key, bt_user integer)",
    "insert into mw_user values (1, 'Ann', 'x')",
    "insert into mw_actor values (1, 1, 'Ann'), (2, null, '10.0.0.1')",
    "insert into mw_revision values (1, 1), (2, 2)",
  );
  expect((await init(made)).code).toBe(0);
  expect(loadConfig(made.file, {}).portable?.foreign_keys).toEqual({
    mw_actor: { actor_user: "mw_user" },
    mw_block_target: { bt_user: "mw_user" },
    mw_revision: { rev_actor: "mw_actor" },
  });
  await exportWithoutUsers(made, "mw_user");
});

test("Redmine's columns of users are declared, as the database has them", async () => {
  const made = install({
    "config/database.yml": "production:\n  adapter: sqlite3\n  database: db/redmine.sqlite3\n",
    "lib/redmine.rb": "exit 1",
  });
  mkdirSync(join(made.root, "db"));
  runSql(
    join(made.root, "db/redmine.sqlite3"),
    "create table users (id integer primary key, login text not null default '', hashed_password text, lastname text not null default '')",
    "create table issues (id integer primary key, author_id integer not null, assigned_to_id integer)",
    "create table watchers (id integer primary key, user_id integer)",
    "create table journals (id integer primary key, user_id integer, updated_by_id integer)",
    "insert into users values (1, 'ann', 'x', 'A'), (2, '', '', 'Testers')",
    "insert into issues values (1, 1, 2)",
    "insert into journals values (1, 1, 1)",
    "insert into watchers values (1, 1)",
  );
  expect((await init(made)).code).toBe(0);
  expect(loadConfig(made.file, {}).portable).toMatchObject({
    keys: { users: ["login", "lastname"] },
    foreign_keys: {
      issues: { author_id: "users", assigned_to_id: "users" },
      watchers: { user_id: "users" },
      journals: { user_id: "users", updated_by_id: "users" },
    },
  });
  await exportWithoutUsers(made, "users");
});

test("a password that no command prints is left to the operator", async () => {
  const made = install({
    "wp-config.php": `<?php define( 'DB_NAME', 'wp' ); define('DB_PASSWORD', 'o' . 'dd-one');
define( 'DB_HOST', 'localhost:/nowhere/mysqld.sock' );`,
  });
  const config = await initConfig(made, ["dd-one"]);
  expect(config.database?.[0]?.password_command).toBeUndefined();
  expect(readFileSync(made.file, "utf8")).toContain("# password_file:");
});

test("Redmine with MariaDB", async () => {
  const made = install({
    "config/database.yml": `default: &default
  adapter: mysql2
  password: "with \\"quotes\\" #1"
test:
  adapter: sqlite3
  database: db/test.db
production:
  <<: *default
  database: redmine
  host: 127.0.0.1
  port: 1
  username: redmine
`,
    "lib/redmine.rb": "exit 1",
    "files/2024/a.pdf": "a",
    "plugins/agile/init.rb": "exit 1",
  });
  const config = await initConfig(made, ["quotes"]);
  expect(urls(config)).toEqual(["mysql://redmine@127.0.0.1:1/redmine"]);
  expect(trees(config)).toEqual({ site: ".", files: "files", plugins: "plugins" });
  expect(printed(config)).toBe('with "quotes" #1');
});

test("Nextcloud with its data elsewhere, on PostgreSQL", async () => {
  const made = install({ "version.php": "<?php exit(1);", "config/.keep": "" });
  const data = join(made.directory, "data dir");
  mkdirSync(data);
  writeFileSync(
    join(made.root, "config/config.php"),
    `<?php
$CONFIG = array (
  'trusted_domains' => array (0 => 'cloud.example'),
  'datadirectory' => '${data}',
  'dbtype' => 'pgsql',
  'dbname' => 'nextcloud',
  'dbhost' => '/nowhere/postgresql',
  'dbuser' => 'oc_admin',
  'dbpassword' => 'p\\'w\\\\d',
);
`,
  );
  const config = await initConfig(made, ["p'w\\d", "p\\'w"]);
  expect(urls(config)).toEqual(["postgresql://oc_admin@/nextcloud?host=/nowhere/postgresql"]);
  expect(trees(config)).toEqual({ site: ".", data });
  expect(printed(config)).toBe("p'w\\d");
});

test("Docker Compose with PostgreSQL in a container", async () => {
  const made = install({
    ".env": "PG_PASSWORD='of the env'\n",
    "docker-compose.yml": `services:
  web:
    image: example/web
    volumes: ["./uploads:/uploads", "/nowhere/at/all:/x", "../shared:/shared:ro", "/etc/localtime:/etc/localtime"]
  db.main:
    image: docker.io/library/postgres:16-alpine
    environment:
      POSTGRES_PASSWORD: \${PG_PASSWORD:?missing}
    volumes: ["./pgdata:/var/lib/postgresql/data"]
`,
    "uploads/a": "a",
    "pgdata/PG_VERSION": "16",
  });
  const shared = join(made.directory, "shared");
  mkdirSync(shared);
  const config = await initConfig(made, ["of the env"]);
  expect(urls(config)).toEqual(["postgresql://postgres@localhost/postgres"]);
  expect(config.exec_prefix).toEqual(["docker", "exec", "-i", "-e", "PGPASSWORD", "site-db.main-1"]);
  expect(printed(config)).toBe("of the env");
  expect(Object.values(trees(config))).toEqual([".", shared]);
  expect(config.trees[0]?.exclude).toEqual(["/pgdata/"]);
});

test("a config is never overwritten, and none is left where it cannot be loaded", async () => {
  const made = install({ "index.html": "" });
  mkdirSync(dirname(made.file), { recursive: true });
  writeFileSync(made.file, "site: mine\n");
  const again = await init(made);
  expect([again.code, again.stderr]).toEqual([2, expect.stringContaining("hint: choose another file with -o")]);
  expect(readFileSync(made.file, "utf8")).toBe("site: mine\n");

  const other = { ...made, file: join(made.directory, "other.yaml") };
  const inside = await init(other, "--dest", join(made.root, "store"));
  expect([inside.code, existsSync(other.file)]).toEqual([2, false]);
});

test("names that look like variables or control the terminal do no harm", async () => {
  const made = install({ "a.txt": "a" });
  makeBook(join(made.root, "${HOME}\u001b[31m.db"), "Emma");
  const { code, stdout } = await init(made);
  expect([code, stdout.includes("\u001b[31m")]).toEqual([0, false]);
  expect(urls(loadConfig(made.file, {}))).toEqual(["sqlite:///${HOME}\u001b[31m.db"]);
});
