/** The shapes of an export: by the front door, and looked at with Python, unzip and 7z. */
import { execFileSync } from "node:child_process";
import { existsSync, mkdirSync, readdirSync, readFileSync, statSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { beforeAll, describe, expect, test } from "vitest";
import { LIBRARY, libraryRows, librarySchema } from "../../../support/portable/library.ts";
import { rowsOf, useEngines } from "../../../support/portable/engines.ts";
import { runBuilt, startBuilt } from "../../../support/runs/backup.ts";
import { runInProcess } from "../../../support/commands/in-process.ts";
import { suiteDirectory, tempDirectory } from "../../../support/temp.ts";
import { PYTHON } from "../../../support/python.ts";

const NAMES = ["PostgreSQL", "MariaDB", "SQLite"] as const;
const engines = useEngines();
const directory = suiteDirectory("holdfast-formats-");
const libraries = new Map<string, string>();

beforeAll(async () => {
  for (const name of NAMES)
    libraries.set(name, await engines.make(name, `${librarySchema(name)}\n${libraryRows(name)}`));
}, 120_000);

const library = (name: string): string => libraries.get(name) ?? "";

interface Summary {
  readonly path: string;
  readonly warnings: readonly string[];
}

async function portable(...args: string[]): Promise<{ code: number | null; stderr: string; summary: Summary }> {
  const { code, stdout, stderr } = await runInProcess("portable", [...args, "--json"]);
  const last = stdout.trim().split("\n").at(-1) ?? "";
  return { code, stderr, summary: last === "" ? { path: "", warnings: [] } : (JSON.parse(last) as Summary) };
}

async function run(...args: string[]): Promise<Summary> {
  const { code, stderr, summary } = await portable(...args);
  if (code !== 0) throw new Error(`${args.join(" ")} ended with ${code}: ${stderr}`);
  return summary;
}

const python = (code: string, ...args: string[]): string =>
  execFileSync(PYTHON, ["-c", code, ...args], { encoding: "utf8" }).trim();
const readJson = (file: string): unknown => JSON.parse(readFileSync(file, "utf8"));
const inZip = (zip: string, name: string): unknown =>
  JSON.parse(execFileSync("unzip", ["-p", zip, name], { encoding: "utf8" }));
const namesInZip = (zip: string): string[] =>
  JSON.parse(
    python("import json,sys,zipfile; print(json.dumps(zipfile.ZipFile(sys.argv[1]).namelist()))", zip),
  ) as string[];
const modeOf = (file: string): string => (statSync(file).mode & 0o777).toString(8);

/** Every reader agrees that the archive is whole. */
function isWhole(zip: string): void {
  execFileSync("unzip", ["-tqq", zip]);
  execFileSync("7z", ["t", zip], { stdio: "pipe" });
  expect(python("import sys,zipfile; print(zipfile.ZipFile(sys.argv[1]).testzip())", zip)).toBe("None");
}

interface Records {
  readonly model: string;
  readonly count: number;
  readonly records: readonly { readonly natural_key: unknown[]; readonly fields: Record<string, unknown> }[];
}

describe.each(NAMES)("records from %s", (from) => {
  test("are a file a table, with natural keys in each other, and every value to the last digit", async () => {
    const { path } = await run(
      "export",
      "--database",
      library(from),
      "--format",
      "records",
      "-o",
      join(directory, `records-${from}`),
    );
    expect(path).toMatch(/export_\d{8}_\d{6}$/);
    const manifest = readJson(join(path, "manifest.json")) as Record<string, unknown>;
    expect(manifest).toMatchObject({ export_format: "holdfast-records", data_counts: LIBRARY });
    const of = (model: string): Records => readJson(join(path, `${model}.json`)) as Records;
    for (const [model, count] of Object.entries(LIBRARY)) {
      expect(of(model)).toMatchObject({ model, count });
      expect(of(model).records.length).toBe(count);
      python("import json,sys; json.load(open(sys.argv[1]))", join(path, `${model}.json`));
    }
    expect(readdirSync(path).toSorted()).toEqual(
      [...Object.keys(LIBRARY), "manifest"].map((one) => `${one}.json`).toSorted(),
    );
    expect(of("chapter").records).toContainEqual({
      natural_key: [[["ann"], "One"], 2],
      fields: { book: [["ann"], "One"], number: 2, title: null },
    });
    expect(of("book_tag").records).toContainEqual({
      natural_key: [[["ann"], "One"], ["old"]],
      fields: { book: [["ann"], "One"], tag: ["old"] },
    });
    expect(of("event").records[0]?.natural_key).toEqual([]);
    const zone = from === "SQLite" ? "" : "Z";
    const ann = of("person").records.find(({ natural_key }) => natural_key[0] === "ann");
    expect(ann?.fields).toMatchObject({
      mentor: null,
      team: ["Red"],
      balance: from === "SQLite" ? "12345678901.789" : "12345678901.7890",
      active: true,
      born: "1969-12-31",
      wakes: "06:30:00",
      seen: "2024-02-29T23:59:59.999999",
      made: `2024-03-31T01:30:00.123456${zone}`,
      photo: "AP8KXCc=",
      extra: { a: "x\ny", b: [1, 2.5] },
      big: "9223372036854775807",
    });
    expect(ann?.fields).not.toHaveProperty("id");
    expect(String(ann?.fields["bio"])).toContain("tab\there, 'quote', \"double\", back\\slash\nnew line, emoji 🎧");
  });

  test("and the ZIP of the same: every reader takes it, and it is what Django's serialiser writes", async () => {
    const { path } = await run(
      "export",
      "--database",
      library(from),
      "--format",
      "zip",
      "-o",
      join(directory, `zip-${from}`),
    );
    isWhole(path);
    const app = from === "PostgreSQL" ? "public" : "main";
    const names = namesInZip(path);
    expect(names.toSorted()).toEqual(
      [...Object.keys(LIBRARY).map((one) => `${app}/${one}.json`), "metadata.json"].toSorted(),
    );
    expect(names.at(-1)).toBe("metadata.json");
    expect(inZip(path, "metadata.json")).toMatchObject({
      version: "1.0",
      database_engine: {
        PostgreSQL: "django.db.backends.postgresql",
        MariaDB: "django.db.backends.mysql",
        SQLite: "django.db.backends.sqlite3",
      }[from],
      models_count: 9,
      total_records: 23,
      includes_media: false,
    });
    const people = inZip(path, `${app}/person.json`) as { pk: number; fields: Record<string, unknown> }[];
    const ann = people.find(({ fields }) => fields["slug"] === "ann");
    expect(ann).toMatchObject({
      model: `${app}.person`,
      pk: 5,
      fields: { team: 1, mentor: null, seen: "2024-02-29T23:59:59.999999" },
    });
    expect(ann?.fields).not.toHaveProperty("id");
    expect(inZip(path, `${app}/chapter.json`)).toContainEqual({
      model: `${app}.chapter`,
      pk: [8, 2],
      fields: { book: 8, number: 2, title: null },
    });
  });

  test("and the native export as one file goes into another engine and back, and is the same", async () => {
    const file = join(directory, `native-${from}.zip`);
    await run("export", "--database", library(from), "-o", file);
    isWhole(file);
    expect(namesInZip(file).at(-1)).toBe("manifest.json");
    const to = from === "SQLite" ? "PostgreSQL" : "SQLite";
    const url = await engines.of(to).make(librarySchema(to));
    expect((await portable("check", file, "--database", url)).code).toBe(0);
    await run("import", file, "--database", url);
    expect((await portable("verify", file, "--database", url)).code).toBe(0);
  });
});

describe("records", () => {
  const exportOf = async (name: string): Promise<string> => {
    const output = join(directory, name);
    await run("export", "--database", library("SQLite"), "--format", "records", "-o", output, "--no-timestamp");
    return output;
  };

  test("of one database are the same bytes but for the time, and only their owner can read them", async () => {
    const [one, two] = [await exportOf("same-1"), await exportOf("same-2")];
    expect(modeOf(one)).toBe("750");
    for (const name of readdirSync(one)) {
      expect(modeOf(join(one, name))).toBe("640");
      const [a, b] = [one, two].map((at) => readFileSync(join(at, name), "utf8").replace(/"created_at": .*/, ""));
      expect(a).toBe(b);
    }
  });

  test("have a checksum that covers names, lengths and contents", async () => {
    const output = await exportOf("checksum");
    const code = `import hashlib,json,os,sys
d=sys.argv[1]; m=json.load(open(d+"/manifest.json")); h=hashlib.sha256(b"holdfast records 1\\n")
for f in m["files"]:
  b=open(d+"/"+f["path"],"rb").read()
  h.update(("%s\\0%d\\0%d\\0%s\\n" % (f["path"],len(b),json.loads(b)["count"],hashlib.sha256(b).hexdigest())).encode())
print(h.hexdigest()==m["checksum"]["value"], sorted(f["path"] for f in m["files"])==sorted(x for x in os.listdir(d) if x!="manifest.json"))`;
    expect(python(code, output)).toBe("True True");
  });

  test("of awkward tables: names that are paths, JSON's null, links to nowhere, values of other types, no rows", async () => {
    const url = await engines.of("SQLite").make(`pragma foreign_keys = off;
      create table "../up" (id integer primary key, name text not null unique);
      create table manifest (code text primary key not null, doc json, n integer, seen timestamp, up_id integer references "../up" (id));
      insert into manifest values ('a', 'null', 'words', 'yesterday', 7), ('b', '{"x":
        12345678901234567890}', 9007199254740993, '2024-01-01 10:00:00.5', null), ('c', 'no json', 1.5, null, null);`);
    const output = join(directory, "awkward");
    const { warnings } = await run("export", "--database", url, "--format", "records", "-o", output, "--no-timestamp");
    expect(readdirSync(output).toSorted()).toEqual(["%2E.%2Fup.json", "%6Danifest.json", "manifest.json"]);
    expect(readJson(join(output, "%2E.%2Fup.json"))).toEqual({ model: "../up", count: 0, records: [] });
    const { records } = readJson(join(output, "%6Danifest.json")) as Records;
    expect(records.map(({ fields }) => fields)).toEqual([
      { code: "a", doc: null, n: "words", seen: "yesterday", up: { $raw: ["7"] } },
      {
        code: "b",
        doc: { x: expect.any(Number) as number },
        n: "9007199254740993",
        seen: "2024-01-01T10:00:00.500000",
        up: null,
      },
      { code: "c", doc: { $: "text", v: "no json" }, n: 1.5, seen: null, up: null },
    ]);
    expect(
      python(
        "import json,sys; print(json.load(open(sys.argv[1]))['records'][1]['fields']['doc']['x'])",
        join(output, "%6Danifest.json"),
      ),
    ).toBe("12345678901234567890");
    expect(warnings).toEqual(
      expect.arrayContaining([
        expect.stringContaining("JSON's null"),
        expect.stringContaining("reference to a missing row"),
      ]),
    );
  });
});

const DJANGO = `
  create table django_migrations (id integer primary key, app varchar(255) not null, name varchar(255) not null, applied datetime not null);
  create table django_content_type (id integer primary key autoincrement, app_label varchar(100) not null, model varchar(100) not null, unique (app_label, model));
  create table auth_user (id integer primary key autoincrement, username varchar(150) not null unique, joined datetime not null);
  create table auth_group (id integer primary key autoincrement, name varchar(150) not null unique);
  create table auth_user_groups (id integer primary key autoincrement, user_id integer not null references auth_user (id), group_id integer not null references auth_group (id), unique (user_id, group_id));
  create table my_shop_profile (user_ptr_id integer not null primary key references auth_user (id), bio text not null);
  create table old_things (code text not null primary key);
  insert into django_migrations values (1, 'auth', '0001_initial', '2024-01-01'), (2, 'my_shop', '0001_initial', '2024-01-01'), (3, 'auth', '0002_more', '2024-01-02');
  insert into django_content_type values (1, 'auth', 'user'), (2, 'auth', 'group'), (3, 'my_shop', 'profile');
  insert into auth_user values (7, 'ann', '2024-02-29 23:59:59.123'); insert into auth_group values (3, 'staff');
  insert into auth_user_groups values (1, 7, 3); insert into my_shop_profile values (7, 'hi'); insert into old_things values ('x');`;

describe("the ZIP", () => {
  test("of a Django site has its apps and models, its join tables as models of their own, and its times in UTC", async () => {
    const url = await engines.of("SQLite").make(DJANGO);
    const file = join(directory, "django.zip");
    await run("export", "--database", url, "--format", "zip", "-o", file);
    isWhole(file);
    expect(namesInZip(file).toSorted()).toEqual([
      "auth/group.json",
      "auth/user.json",
      "auth/user_groups.json",
      "contenttypes/contenttype.json",
      "main/old_things.json",
      "metadata.json",
      "my_shop/profile.json",
    ]);
    expect(inZip(file, "auth/user.json")).toEqual([
      { model: "auth.user", pk: 7, fields: { username: "ann", joined: "2024-02-29T23:59:59.123000Z" } },
    ]);
    expect(inZip(file, "auth/user_groups.json")).toEqual([
      { model: "auth.user_groups", pk: 1, fields: { user: 7, group: 3 } },
    ]);
    expect(inZip(file, "my_shop/profile.json")).toEqual([{ model: "my_shop.profile", pk: 7, fields: { bio: "hi" } }]);
    const records = join(directory, "django-records");
    await run("export", "--database", url, "--format", "records", "-o", records, "--no-timestamp");
    expect(readJson(join(records, "manifest.json"))).toMatchObject({
      schema_versions: { auth: "0002_more", my_shop: "0001_initial" },
      migrations: { tool: "Django" },
    });
  });

  test("is called by the time at the user's place, sortable or as in the US", async () => {
    const output = join(directory, "named");
    const args = [
      "export",
      "--database",
      library("SQLite"),
      "--format",
      "zip",
      "-o",
      output,
      "--source-name",
      "Ann's site",
    ];
    const nowIn = (zone: string, format: string): string =>
      execFileSync("date", [`+${format}`], { encoding: "utf8", env: { ...process.env, TZ: zone } }).trim();
    const at = async (zone: string, format: string, ...more: string[]): Promise<void> => {
      const before = nowIn(zone, format);
      const { path } = await run(...args, "--time-zone", zone, ...more);
      const after = nowIn(zone, format);
      const [, stamp = ""] = /\/Ann_s_site_(\d+_\d+)\.zip$/.exec(path) ?? [];
      expect([before <= stamp, stamp <= after]).toEqual([true, true]);
    };
    await at("Pacific/Kiritimati", "%Y%m%d_%H%M%S");
    await at("America/St_Johns", "%m%d%y_%H%M%S", "--name-style", "us");
    const { path } = await run(...args, "--time-zone", "Asia/Kathmandu");
    expect(inZip(path, "metadata.json")).toMatchObject({ timestamp: expect.stringMatching(/\+05:45$/) as string });
    expect(await portable(...args, "--time-zone", "Asia/Nowhere")).toMatchObject({ code: 2 });
  });

  test("holds the media of --media, else those of the config, and its time zone and name are the config's", async () => {
    const site = join(directory, "site");
    mkdirSync(join(site, "uploads/a/empty"), { recursive: true });
    writeFileSync(join(site, "uploads/a/tür -n\n.txt"), "öffne");
    writeFileSync(join(site, "uploads/big.bin"), Buffer.alloc(3_000_000, "ab"));
    symlinkSync("a/tür -n\n.txt", join(site, "uploads/link"));
    symlinkSync("/etc/hostname", join(site, "uploads/out"));
    const config = join(directory, "site.yaml");
    writeFileSync(
      config,
      `site: books\nroot: ${site}\nsnapshots: { media: [uploads] }\nportable: { time_zone: Pacific/Kiritimati }\n`,
    );
    const args = ["export", "--database", library("SQLite"), "--format", "zip", "--config", config];
    const { path, warnings } = await run(...args, "-o", join(directory, "media"));
    expect(path).toMatch(/\/books_\d{8}_\d{6}\.zip$/);
    isWhole(path);
    expect(inZip(path, "metadata.json")).toMatchObject({
      timestamp: expect.stringMatching(/\+14:00$/) as string,
      includes_media: true,
      media: { files: 3, bytes: 3_000_012 },
    });
    const out = tempDirectory();
    python("import sys,zipfile; zipfile.ZipFile(sys.argv[1]).extractall(sys.argv[2])", path, out);
    expect(readFileSync(join(out, "media/a/tür -n\n.txt"), "utf8")).toBe("öffne");
    expect(readFileSync(join(out, "media/link"), "utf8")).toBe("öffne");
    expect(readFileSync(join(out, "media/big.bin")).equals(readFileSync(join(site, "uploads/big.bin")))).toBe(true);
    expect(existsSync(join(out, "media/a/empty"))).toBe(true);
    expect(existsSync(join(out, "media/out"))).toBe(false);
    expect(warnings.join()).toContain("a symbolic link out of the tree");
    // Each of several under its own name; two of one name are refused, and so is a package that would hold the one before it.
    mkdirSync(join(site, "more/uploads"), { recursive: true });
    const two = await run(...args, "--media", `${site}/uploads,${site}/more`, "-o", join(directory, "two.zip"));
    expect(namesInZip(two.path)).toEqual(expect.arrayContaining(["media/uploads/big.bin", "media/more/uploads/"]));
    const twins = await portable(
      ...args,
      "--media",
      `${site}/uploads,${site}/more/uploads`,
      "-o",
      join(directory, "x.zip"),
    );
    expect(twins).toMatchObject({ code: 2, stderr: expect.stringContaining("have the name uploads") as string });
    const nested = await portable(...args, "-o", join(site, "uploads/new/x.zip"));
    expect(nested).toMatchObject({ code: 2, stderr: expect.stringContaining("inside the media directory") as string });
    expect(await portable(...args, "--media", join(site, "none"), "-o", join(directory, "x.zip"))).toMatchObject({
      code: 1,
    });
    expect(existsSync(join(directory, "x.zip"))).toBe(false);
  });

  test("an unreadable file of the media is an error, and no package is made", async () => {
    const media = tempDirectory();
    mkdirSync(join(media, "loop"));
    writeFileSync(join(media, "secret"), "x", { mode: 0o600 });
    execFileSync("chmod", ["755", media]);
    const output = tempDirectory();
    execFileSync("chmod", ["777", output]);
    const database = join(tempDirectory(), "x.db");
    execFileSync("sqlite3", [database, "create table t (a text primary key not null); insert into t values ('a');"]);
    execFileSync("chmod", ["755", join(database, "..")]);
    const { code, stderr } = await runBuilt(
      "portable",
      ["export", "--database", `sqlite:///${database}`, "--format", "zip", "--media", media, "-o", output],
      { user: "nobody" },
    );
    expect({ code, stderr }).toEqual({ code: 1, stderr: expect.stringContaining("no right to read") as string });
    expect(readdirSync(output)).toEqual([]);
  });
});

describe("more than 65,536 rows", () => {
  let url: string;
  beforeAll(async () => {
    url = await engines.of("SQLite")
      .make(`create table line (id integer primary key autoincrement, code text not null unique, said text);
      with recursive n(i) as (select 1 union all select i + 1 from n where i < 200000) insert into line (code, said) select 'code-' || i, hex(randomblob(40)) from n;`);
  });

  test.each([
    ["records", "line.json"],
    ["zip", "main/line.json"],
  ])("go into %s, streamed", async (format, name) => {
    const output = join(directory, `many-${format}${format === "zip" ? ".zip" : ""}`);
    await run(
      "export",
      "--database",
      url,
      "--format",
      format,
      "-o",
      output,
      ...(format === "zip" ? [] : ["--no-timestamp"]),
    );
    if (format === "zip") isWhole(output);
    const text =
      format === "zip" ? `zipfile.ZipFile(sys.argv[1]).read(sys.argv[2])` : `open(sys.argv[1]+"/"+sys.argv[2]).read()`;
    const code = `import json,sys,zipfile; d=json.loads(${text}); d=d if type(d)==list else d["records"]; print(len(d), len(set(r["fields"]["code"] for r in d)))`;
    expect(python(code, output, name)).toBe("200000 200000");
  });

  const FORMATS = [
    ["native", "x.zip"],
    ["records", "x"],
    ["zip", "x.zip"],
  ] as const;

  test.each(FORMATS)("%s: an interrupt leaves nothing", async (format, name) => {
    const output = tempDirectory();
    const args = ["export", "--database", url, "--format", format, "-o", join(output, name)];
    const { child, done } = startBuilt("portable", format === "records" ? [...args, "--no-timestamp"] : args);
    while (readdirSync(output).length === 0 && child.exitCode === null)
      await new Promise((resolve) => setTimeout(resolve, 5));
    child.kill("SIGINT");
    expect((await done).code).toBe(130);
    expect(readdirSync(output)).toEqual([]);
  });

  test.each(FORMATS)("%s: a full disk leaves nothing", async (format, name) => {
    const disk = tempDirectory();
    execFileSync("mount", ["-t", "tmpfs", "-o", "size=2m", "holdfast-test", disk]);
    try {
      const args = ["export", "--database", url, "--format", format, "-o", join(disk, name), "--json"];
      const { code, stdout } = await runInProcess(
        "portable",
        format === "records" ? [...args, "--no-timestamp"] : args,
      );
      expect({ code, stdout }).toEqual({ code: 1, stdout: expect.stringContaining("E_NO_SPACE") as string });
      expect(readdirSync(disk)).toEqual([]);
    } finally {
      execFileSync("umount", [disk]);
    }
  });

  test.each(FORMATS)("%s: what is there is not touched", async (format, name) => {
    const output = tempDirectory();
    writeFileSync(join(output, name), "mine");
    const args = ["export", "--database", library("SQLite"), "--format", format, "-o", join(output, name), "--json"];
    const { code, stdout } = await runInProcess("portable", format === "records" ? [...args, "--no-timestamp"] : args);
    expect({ code, stdout }).toEqual({ code: 1, stdout: expect.stringContaining("E_TARGET") as string });
    expect(readFileSync(join(output, name), "utf8")).toBe("mine");
    expect(readdirSync(output)).toEqual([name]);
  });
});

test.each([
  [["--format", "native", "--media", "/tmp"], "--media does not apply"],
  [["--format", "records", "--name-style", "us"], "--name-style does not apply"],
  [["--time-zone", "Europe/Paris"], "--time-zone does not apply"],
  [["--format", "records", "-o", "/tmp/x.zip"], "writes a directory"],
  [["--format", "zip", "--no-timestamp", "-o", "/tmp/x"], "needs the name of a .zip file"],
  [["--format", "zip", "-o", "/tmp/x.zip", "--name-style", "us"], "-o names the file"],
  [["--format", "tar"], "format"],
])("%j is refused", async (flags, message) => {
  const { code, stderr } = await portable("export", "--database", library("SQLite"), "-o", "/tmp/never", ...flags);
  expect({ code, stderr }).toEqual({ code: 2, stderr: expect.stringContaining(message) as string });
  expect((await portable("plan", "--database", library("SQLite"), "--format", "zip")).code).toBe(2);
});

describe("a ZIP that is not what it should be is refused, exit 13, nothing is changed, nothing is left", () => {
  const OPEN = "import sys,zipfile,stat; src=zipfile.ZipFile(sys.argv[1]); out=zipfile.ZipFile(sys.argv[2],'w')\n";
  const COPY = `${OPEN}for i in src.infolist(): out.writestr(i, src.read(i))\n`;
  const without = (name: string): string =>
    `${OPEN}for i in src.infolist():\n  if i.filename!='${name}': out.writestr(i, src.read(i))\n`;
  test.each([
    ["a path that leads out", `${COPY}out.writestr('data/../../x/00001.ndjson.gz', 'x')`, "leads out"],
    ["an absolute path", `${COPY}out.writestr('/tmp/x', 'x')`, "absolute"],
    ["two of one name", `${COPY}out.writestr('schema.json', '[]')`, "two entries"],
    [
      "a link",
      `${COPY}i=zipfile.ZipInfo('data/tag/00009.ndjson.gz'); i.create_system=3; i.external_attr=(stat.S_IFLNK|0o777)<<16; out.writestr(i, '/etc/passwd')`,
      "is not part of an export",
    ],
    ["a file that is none of an export", `${COPY}out.writestr('run.sh', 'x')`, "is not part of an export"],
    ["no manifest", without("manifest.json"), "manifest.json is missing"],
    ["a file that is missing", without("data/tag/00001.ndjson.gz"), "is missing"],
    ["an end too soon", "import sys; b=open(sys.argv[1],'rb').read(); open(sys.argv[2],'wb').write(b[:-500])", ""],
    [
      "a byte that is another one",
      `import sys,zipfile; i=zipfile.ZipFile(sys.argv[1]).getinfo('data/tag/00001.ndjson.gz'); b=bytearray(open(sys.argv[1],'rb').read()); at=i.header_offset+30+len(i.filename)+40+i.compress_size//2; b[at]^=255; open(sys.argv[2],'wb').write(b)`,
      "CRC",
    ],
    ["no ZIP at all", "import sys; open(sys.argv[2],'w').write('hello')", "no zip archive"],
  ])("%s", async (_what, code, message) => {
    const source = join(directory, "hostile-source.zip");
    if (!existsSync(source)) await run("export", "--database", library("SQLite"), "-o", source);
    const file = join(tempDirectory(), "hostile.zip");
    python(code, source, file);
    const url = await engines.of("SQLite").make(librarySchema("SQLite"));
    const scratch = tempDirectory();
    const { code: exit, stderr } = await runBuilt("portable", ["import", file, "--database", url], {
      env: { TMPDIR: scratch },
    });
    expect({ exit, stderr }).toMatchObject({
      exit: 13,
      stderr: expect.stringContaining("hint: nothing was changed") as string,
    });
    expect(stderr).toContain(message);
    expect(await rowsOf(url, "select count(*) from tag")).toEqual(["0"]);
    expect(readdirSync(scratch).filter((name) => name.startsWith("holdfast"))).toEqual([]);
  });
});

test.each(["records", "zip"])("a text of SQLite that is not UTF-8 is refused by its row in %s too", async (format) => {
  const url = await engines
    .of("SQLite")
    .make(
      "create table word (id integer primary key, said text); insert into word values (7, cast(x'66ff' as text)), (8, 'fine �');",
    );
  const { code, stderr } = await portable(
    "export",
    "--database",
    url,
    "--format",
    format,
    "-o",
    join(directory, `bad-text-${format}`),
  );
  expect(code).not.toBe(0);
  expect(stderr).toContain("word.said: the text in row (7) is not valid UTF-8");
});
