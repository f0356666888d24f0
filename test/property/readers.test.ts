/** What our writers made, with bytes and lengths changed: every reader ends, in limited memory, with a result or with an error of ours. */
import { execFileSync } from "node:child_process";
import { mkdirSync, readdirSync, realpathSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { beforeAll, expect, test } from "vitest";
import { EntryListWriter } from "../../lib/archive/entry-list.ts";
import { walk } from "../../lib/archive/tree/walk.ts";
import { runInProcess } from "../support/commands/in-process.ts";
import { startProgram } from "../support/commands/run.ts";
import { makeTemp } from "../support/temp.ts";

/** Copies for each reader: few in CI; `FUZZ_RUNS=5000` looks further. */
const RUNS = process.env["FUZZ_RUNS"] ?? "300";
/** Far more than any of them takes: what is met here has come to no end. */
const END_MS = 100_000;
/** For the young and the old generation; a reader whose memory grows with what a file claims does not get far. */
const HEAP_MB = 160;

let files: Readonly<Record<string, string>> = {};

beforeAll(async () => {
  const base = makeTemp();
  const root = join(base, "site");
  const config = join(base, "site.yaml");
  for (const directory of ["content/a", "media/deep/er"]) mkdirSync(join(root, directory), { recursive: true });
  for (const name of ["a", "b", "ü".repeat(70)]) writeFileSync(join(root, "media/deep", name), name.repeat(50));
  writeFileSync(join(root, "content/a/text.txt"), "text ".repeat(100));
  execFileSync("ln", ["-s", "a", join(root, "media/deep/link")]);
  execFileSync("ln", [join(root, "media/deep/a"), join(root, "media/again")]);
  const sql =
    "create table p (id integer primary key, slug text not null unique, data json); insert into p values (1, 'a', '{\"x\": [1, 2]}'), (2, 'b', null)";
  execFileSync("sqlite3", [join(root, "db.sqlite3"), sql]);
  writeFileSync(
    config,
    `site: s
root: ${root}
dest: ${base}/store
database: { url: "sqlite:///db.sqlite3" }
projects: { query: "select id, slug from p where id = 1", source: { path: "content/{slug}" } }
trees: [media]
portable: {}
`,
  );
  const url = `sqlite://${root}/db.sqlite3`;
  for (const [name, ...args] of [
    ["backup_all", "--config", config],
    ["portable", "export", "--database", url, "-o", join(base, "exp"), "--no-timestamp"],
    ["portable", "package", "--config", config, "-o", join(base, "package.tgz")],
  ] as const) {
    const { code, stderr } = await runInProcess(name, args, { env: { XDG_STATE_HOME: join(base, "state") } });
    if (code !== 0) throw new Error(`${name}: ${stderr}`);
  }
  const run = realpathSync(join(base, "store/latest"));
  const find = (directory: string, end: RegExp): string =>
    readdirSync(directory, { recursive: true, encoding: "utf8" })
      .filter((name) => end.test(name))
      .map((name) => join(directory, name))[0] ?? "";
  const django = join(base, "dump.json");
  writeFileSync(django, JSON.stringify([{ model: "a.p", pk: 1, fields: { slug: "a", tags: [1, "b"], n: 1.5 } }]));
  const records = join(base, "records.json");
  writeFileSync(
    records,
    JSON.stringify({ model: "a.p", count: 1, records: [{ natural_key: ["a"], fields: { b: 1 } }] }),
  );
  const list = join(base, "files.jsonl");
  const lines = new EntryListWriter(list, Date.now());
  for (const entry of walk(join(root, "media"))) lines.add(entry, entry.size, null);
  lines.close();
  const zip = find(join(run, "source_exports"), /\.zip$/);
  const tgz = find(join(run, "trees"), /\.tgz$/);
  files = {
    zip,
    "zip, unpacked": zip,
    tgz,
    "tgz, unpacked": tgz,
    package: join(base, "package.tgz"),
    list,
    metadata: find(join(run, "source_exports"), /metadata\.json$/),
    places: join(run, "places.json"),
    failures: join(run, "source_exports/failures.json"),
    "manifest head": join(run, "manifest.json"),
    manifest: join(run, "manifest.json"),
    sums: join(run, "SHA256SUMS"),
    dump: django,
    records,
    "export rows": find(join(base, "exp"), /\.ndjson\.gz$/),
    "export manifest": join(base, "exp/manifest.json"),
  };
});

test.each([
  "zip",
  "zip, unpacked",
  "tgz",
  "tgz, unpacked",
  "package",
  "list",
  "metadata",
  "places",
  "failures",
  "manifest head",
  "manifest",
  "sums",
  "dump",
  "records",
  "export rows",
  "export manifest",
])("%s", async (reader) => {
  const fuzzer = fileURLToPath(new URL("../support/reader-fuzzer.ts", import.meta.url));
  const node = [process.execPath, `--max-old-space-size=${HEAP_MB}`, "--import", import.meta.resolve("tsx")];
  const { code, stderr } = await startProgram([...node, fuzzer, reader, files[reader] ?? "", RUNS], { timeout: END_MS })
    .done;
  expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
});
