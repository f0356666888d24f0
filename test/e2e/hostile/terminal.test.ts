/** Names that a site's users chose reach no terminal as they are: not with what steers it, nor with lines that look like ours. */
import { execFileSync } from "node:child_process";
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { beforeAll, expect, test } from "vitest";
import { runBuilt } from "../../support/runs/backup.ts";
import { builtScript } from "../../support/commands/build.ts";
import { startProgram } from "../../support/commands/run.ts";
import { makeTemp } from "../../support/temp.ts";
import { PYTHON } from "../../support/python.ts";

/** ESC, BEL, CR, DEL, C1, direction marks, a line separator; the colour and the line are ones that we write ourselves. */
const NAME = "\u001b]0;title\u0007\u001b[31mred\r\u007f\u009b2J\u202e\u2066\u061c\u2028 \n✓ all is well";
const STEERS = /[\0-\u0008\u000b-\u001f\u007f-\u009f\u061c\u200e\u200f\u2028\u2029\u202a-\u202e\u2066-\u2069]/u; // oxlint-disable-line no-control-regex
/** A line that a name has begun. */
const FORGED = /^\s*✓ all is well/m;

let config = "";
let store = "";
const env = { XDG_STATE_HOME: "" };

beforeAll(async () => {
  const base = makeTemp();
  const root = join(base, "site");
  [config, store, env.XDG_STATE_HOME] = [join(base, "site.yaml"), join(base, "store"), join(base, "state")];
  for (const directory of ["content/ok", "images", "legacy"]) mkdirSync(join(root, directory), { recursive: true });
  writeFileSync(join(root, "content/ok/a.txt"), "a\n");
  mkdirSync(join(root, "legacy", NAME));
  writeFileSync(join(root, "legacy", NAME, "b.txt"), "b\n");
  writeFileSync(join(root, "images", NAME), "c\n");
  execFileSync("mkfifo", [join(root, "images", `${NAME}2`)]);
  const sql = [NAME, `${NAME}2`, "ok"].map((id, at) => `('${id}', '${at === 2 ? "ok" : NAME}')`).join(", ");
  const table = "create table p (id text primary key, slug text);";
  execFileSync("sqlite3", [join(root, "db.sqlite3"), `${table} insert into p values ${sql};`]);
  writeFileSync(
    config,
    `site: s
root: ${root}
dest: ${store}
database: { url: "sqlite:///db.sqlite3" }
projects: { query: "select id, slug from p", source: { path: "content/{slug}" } }
legacy: { path: legacy }
trees: [images]
`,
  );
  await runBuilt("backup_all", ["--config", config], { env });
});

const argsOf = (words: string): string[] =>
  words.split(" ").map((word) => ({ STORE: store, CONFIG: config, TARGET: join(makeTemp(), "target") })[word] ?? word);

const COMMANDS = [
  "backup_all --config CONFIG",
  "backup_all --config CONFIG --verbose --existing overwrite",
  "backup_all --config CONFIG --quiet",
  "backup_all --config CONFIG --dry-run --verbose",
  "logs --dest STORE",
  "find * --dest STORE",
  "list --dest STORE",
  "list --units latest --dest STORE",
  "list --tree latest --dest STORE",
  "verify --dest STORE --verbose",
  "verify --dest STORE --live --config CONFIG",
  "health --dest STORE --config CONFIG",
  "restore --dest STORE --to TARGET --dry-run",
  "restore --dest STORE --to TARGET --yes --verbose",
  `delete ${NAME.replaceAll(" ", "_")} --dest STORE --yes`,
];

test.each(COMMANDS)("in a pipe: %s", async (words) => {
  const [name = "", ...args] = argsOf(words);
  const { stdout, stderr } = await runBuilt(name, args, { env });
  const text = stdout + stderr;
  expect(text).not.toBe("");
  expect(text.split("\n").filter((line) => STEERS.test(line))).toEqual([]);
  expect(text).not.toMatch(FORGED);
});

test("what a name holds is shown as escapes", async () => {
  const { stdout } = await runBuilt("find", ["*", "--dest", store], { env });
  expect(stdout).toContain(String.raw`\x1b]0;title\x07\x1b[31mred\x0d\x7f`);
  expect(stdout).toContain(String.raw`\n✓ all is well`);
});

test.each(["backup_all --config CONFIG --verbose --existing overwrite", "logs --dest STORE", "verify --dest STORE"])(
  "on a terminal, in our colours alone: %s",
  async (words) => {
    const [name = "", ...args] = argsOf(words);
    const argv = [PYTHON, "-c", "import pty, sys; pty.spawn(sys.argv[1:])", process.execPath];
    const { stdout } = await startProgram([...argv, builtScript(name), ...args], { env }).done;
    expect(stdout).toMatch(/\u001b\[\d+m/); // oxlint-disable-line no-control-regex
    expect(stdout).not.toContain("\u001b]0;title");
    expect(stdout).not.toContain("\u001b[31mred");
    for (const character of ["\u0007", "\u007f", "\u009b", "\u202e", "\u2066"]) expect(stdout).not.toContain(character);
    expect(stdout).not.toMatch(FORGED);
  },
);

test("JSON has every name exactly", async () => {
  const { json } = await runBuilt("logs", ["--dest", store, "--json"], { env });
  expect(JSON.stringify(json)).toContain(JSON.stringify(NAME).slice(1, -1));
});

test("RESTORE.md has no such character: its commands are quoted", () => {
  const guide = readFileSync(join(store, "latest/RESTORE.md"), "utf8");
  expect(guide.split("\n").filter((line) => STEERS.test(line))).toEqual([]);
  expect(guide).not.toMatch(FORGED);
});
