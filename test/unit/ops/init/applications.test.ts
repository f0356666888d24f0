/** The detectors of `init`: databases and trees from the files of each application, and commands that print the passwords. */
import { execFileSync } from "node:child_process";
import { mkdirSync, symlinkSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { describe, expect, test } from "vitest";
import { loadConfig } from "../../../../lib/config/load.ts";
import { detectApplication } from "../../../../lib/ops/init/registry.ts";
import { configText } from "../../../../lib/ops/init/config-text.ts";
import { proveDatabase } from "../../../../lib/ops/init/proven-password.ts";
import { findServices } from "../../../../lib/ops/init/services.ts";
import { tempDirectory } from "../../../support/temp.ts";

function install(files: Readonly<Record<string, string>>): string {
  const root = join(tempDirectory("holdfast-init-"), "site");
  for (const [name, text] of Object.entries(files)) {
    mkdirSync(dirname(join(root, name)), { recursive: true });
    writeFileSync(join(root, name), text);
  }
  return root;
}

interface Seen {
  readonly name: string;
  readonly urls: readonly string[];
  /** What the password commands print; undefined where there is none. */
  readonly passwords: readonly (string | undefined)[];
  readonly trees: Readonly<Record<string, string>>;
  readonly unknown: readonly string[];
}

async function look(root: string): Promise<Seen> {
  const { name, found } = detectApplication(root);
  const databases = await Promise.all(
    found.databases.map(async (database) => await proveDatabase(database, new AbortController().signal)),
  );
  return {
    name,
    urls: databases.map(({ url }) => url),
    passwords: databases.map(({ passwordCommand: [program = "", ...args] = [] }) =>
      program === "" ? undefined : execFileSync(program, args, { encoding: "utf8" }).split("\n")[0],
    ),
    trees: Object.fromEntries(found.trees.map((tree) => [tree.name, tree.path])),
    unknown: found.unknown,
  };
}

describe("WordPress", () => {
  test.each([
    ["'plain'", "plain"],
    [String.raw`'it\'s "quoted" \\ $here / & #1 // {x}'`, String.raw`it's "quoted" \ $here / & #1 // {x}`],
    [String.raw`"it's \"quoted\" \$here"`, `it's "quoted" $here`],
    ["'ümläut ${HOME} \t'", "ümläut ${HOME} \t"],
    [String.raw`"tab\there"`, undefined],
    [`"of $variable"`, undefined],
    ["getenv('SECRET')", undefined],
  ])("prints the password %s", async (written, password) => {
    const root = install({
      "wp-config.php": `<?php
// define( 'DB_PASSWORD', 'old' );
define( 'DB_NAME', 'wp' );
  define( "DB_PASSWORD" , ${written} ); // the password
define( 'DB_HOST', 'db.example:3307' );
`,
    });
    const { urls, passwords, unknown } = await look(root);
    expect(urls).toEqual(["mysql://db.example:3307/wp"]);
    expect(passwords).toEqual([password]);
    expect(unknown.length).toBe(password === undefined ? 1 : 0);
  });

  test("is found with its config one directory above, and uploads behind a link", async () => {
    const root = install({
      "wp-includes/version.php": "",
      "wp-content/x": "",
      "../wp-config.php": "<?php define('DB_NAME', 'w');",
    });
    const uploads = join(root, "../volume");
    mkdirSync(uploads);
    symlinkSync(uploads, join(root, "wp-content/uploads"));
    const { name, trees } = await look(root);
    expect([name, trees]).toEqual(["WordPress", { "wp-config": join(root, "../wp-config.php"), uploads }]);
  });
});

test("MediaWiki with MariaDB and with PostgreSQL", async () => {
  const settings = (type: string): string => `<?php
$wgDBtype = "${type}";
$wgDBserver = "127.0.0.1";
$wgDBport = "5433";
$wgDBname = "wiki";
$wgDBuser = "wikiuser";
$wgDBpassword = 'o\\'clock';
`;
  const mysql = await look(install({ "LocalSettings.php": settings("mysql") }));
  expect([mysql.urls, mysql.passwords]).toEqual([["mysql://wikiuser@127.0.0.1/wiki"], ["o'clock"]]);
  const postgres = await look(install({ "LocalSettings.php": settings("postgres") }));
  expect(postgres.urls).toEqual(["postgresql://wikiuser@127.0.0.1:5433/wiki"]);
});

describe("Redmine", () => {
  test.each([
    ["password: plain-one # a comment", "plain-one"],
    ['password: "with \\"quotes\\" # and \\\\"', 'with "quotes" # and \\'],
    ["password: 'it''s \"one\"'", `it's "one"`],
    ["password: 123456", "123456"],
    ["password: <%= ENV['SECRET'] %>", undefined],
  ])("prints the password of %s", async (line, password) => {
    const root = install({
      "config/database.yml": `default: &default
  adapter: mysql2
  ${line}
test:
  adapter: sqlite3
  database: db/test.db
  password: other
production:
  <<: *default
  database: redmine
  username: redmine
`,
      "lib/redmine.rb": "",
    });
    expect(await look(root)).toMatchObject({
      name: "Redmine",
      urls: ["mysql://redmine@localhost/redmine"],
      passwords: [password],
    });
  });
});

describe("Django", () => {
  const MANAGE = { "manage.py": 'os.environ.setdefault("DJANGO_SETTINGS_MODULE", "shop.settings")\n' };

  test.each([
    ["DATABASE_URL=postgres://shop:pa%40ss%2Fw%25rd%27@127.0.0.1:1/shop", "pa@ss/w%rd'"],
    ["export DATABASE_URL='postgres://shop:simple@127.0.0.1:1/shop?sslmode=disable'", "simple"],
  ])("prints the password of %s", async (line, password) => {
    const root = install({
      ...MANAGE,
      ".env": `DEBUG=0\n${line}\n`,
      "shop/settings.py": 'DATABASES = {"default": env.db()}\n',
    });
    expect(await look(root)).toMatchObject({ urls: ["postgresql://shop@127.0.0.1:1/shop"], passwords: [password] });
  });

  test("reads two databases of a base module, one password in .env", async () => {
    const root = install({
      ...MANAGE,
      ".env": 'DB_PASSWORD="from the env"\nDB_HOST=127.0.0.1\n',
      "media/a": "",
      "shop/settings/__init__.py": "from .base import *\n",
      "shop/settings/base.py": `"""Isn't executed."""
BASE_DIR = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
DATABASES = {
    'default': {
        'ENGINE': 'django.db.backends.mysql', 'NAME': 'shop', 'USER': 'shop',
        'PASSWORD': os.environ["DB_PASSWORD"], 'HOST': env("DB_HOST"), 'PORT': 1,
    },
    'reports': {
        'ENGINE': 'django.db.backends.mysql',
        'NAME': 'reports',
        'HOST': '127.0.0.1',
        'PASSWORD': "it's \\"here\\"",  # 'PASSWORD': 'not'
        'OPTIONS': {'charset': 'utf8mb4'},
    },
}
MEDIA_ROOT = str(BASE_DIR / "media")
`,
    });
    expect(await look(root)).toMatchObject({
      urls: ["mysql://shop@127.0.0.1:1/shop", "mysql://127.0.0.1/reports"],
      passwords: ["from the env", `it's "here"`],
      trees: { media: "media" },
      unknown: [],
    });
  });

  test("names what it cannot read", async () => {
    const root = install({
      ...MANAGE,
      "shop/settings.py": "DATABASES = {'default': make()}\nMEDIA_ROOT = choose()\n",
    });
    expect((await look(root)).unknown).toHaveLength(2);
  });
});

describe("Docker Compose", () => {
  test.each([
    ["      POSTGRES_PASSWORD: 'pa''ss'\n      POSTGRES_DB: app", "pa'ss"],
    ['      - "POSTGRES_PASSWORD=two words"\n      - POSTGRES_DB=app', "two words"],
    ["      - POSTGRES_PASSWORD=plain\n      - POSTGRES_DB=app", "plain"],
    ["      POSTGRES_PASSWORD: ${PG_PASSWORD:?missing}\n      POSTGRES_DB: app", "of the env"],
  ])("prints the password of %s", async (environment, password) => {
    const root = install({
      ".env": "PG_PASSWORD='of the env'\n",
      "docker-compose.yml": `services:
  old: { image: "example/tool", environment: { POSTGRES_PASSWORD: "another" } }
  db.main:
    image: docker.io/library/postgres:16-alpine
    environment:
${environment}
`,
    });
    expect(await look(root)).toMatchObject({
      urls: ["postgresql://postgres@localhost/app"],
      passwords: [password],
    });
  });
});

test("files of services that name the directory, each once, and none of another directory's", () => {
  const root = install({ "deploy/nginx.conf": "" });
  const etc = join(root, "../etc");
  const files = {
    "nginx/sites-available/site": `root ${root}/public;`,
    "nginx/sites-available/other": `root ${root}-old/public;`,
    "apache2/apache2.conf": "",
    "php/8.2/fpm/pool.d/site.conf": `chdir = ${root}\n`,
    "php/8.2/cli/php.ini": `include_path = ${root}\n`,
    "cron.d/site": `* * * * * www-data ${root}/cron.sh`,
    "systemd/system/site.service": `WorkingDirectory=${root}\n`,
  };
  for (const [name, text] of Object.entries(files)) {
    mkdirSync(dirname(join(etc, name)), { recursive: true });
    writeFileSync(join(etc, name), text);
  }
  mkdirSync(join(etc, "nginx/sites-enabled"));
  symlinkSync("../sites-available/site", join(etc, "nginx/sites-enabled/site"));
  writeFileSync(join(root, "deploy/nginx.conf"), `root ${root};`);
  symlinkSync(join(root, "deploy/nginx.conf"), join(etc, "nginx/sites-enabled/own"));
  expect(findServices(root, etc)).toEqual({
    nginx: [join(etc, "nginx/sites-available/site")],
    apache: [],
    php: [join(etc, "php/8.2/fpm/pool.d/site.conf")],
    cron: [join(etc, "cron.d/site")],
    systemd: [join(etc, "systemd/system/site.service")],
  });
  const taken = new Set([join(etc, "cron.d/site")]);
  expect(findServices(root, etc, taken).cron).toEqual([]);
});

test("a config in which trees and databases would share names, or two trees a path, has each once", () => {
  const root = install({ a: "" });
  const file = join(root, "../site.yaml");
  const trees = [
    { name: "Site", path: "/nowhere/1" },
    { name: "data", path: "/nowhere/2" },
    { name: "data", path: "/nowhere/3" },
    { name: "again", path: "/nowhere/3" },
  ];
  const text = configText({
    application: "test",
    site: "test",
    root,
    dest: "/nowhere/store",
    found: { databases: [], trees, secretFiles: ["a\nb: c"], unknown: ["one\ntwo: three"] },
    databases: [{ url: "sqlite:///a/x.db" }, { url: "sqlite:///b/x.db" }],
    services: { nginx: [], apache: [], php: [], cron: [], systemd: [] },
  });
  writeFileSync(file, text);
  const config = loadConfig(file, {});
  expect(config.trees.map(({ path }) => path)).toEqual([".", "/nowhere/1", "/nowhere/2", "/nowhere/3"]);
  expect(new Set(config.trees.map(({ name }) => name?.toLowerCase())).size).toBe(4);
  expect(config.database?.map(({ name }) => name)).toEqual([undefined, "x.db_2"]);
});
