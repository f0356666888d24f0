/** Everything that users and other programs rely on by name: flags, exit statuses, error codes, files of a run, keys of documents. */
import { readdirSync, readFileSync } from "node:fs";
import { basename, join } from "node:path";
import { beforeAll, expect, test } from "vitest";
import { ERRORS } from "../../../lib/errors.ts";
import { isMessage } from "../../support/runs/backup.ts";
import { runInProcess } from "../../support/commands/in-process.ts";
import { filesOf } from "../../support/files.ts";
import { PROJECT, type RunResult } from "../../support/commands/run.ts";
import { flagsOf, keysOf, verbsOf } from "../../support/commands/surface.ts";
import { suiteDirectory } from "../../support/temp.ts";
import { STEPS } from "../../../lib/steps/registry.ts";
import { helpOf } from "../../support/commands/help.ts";

const SNAPSHOTS = join(PROJECT, "test/e2e/commands/surface");
/** Scripts with verbs of their own. */
const GROUPS = ["alerts", "anomaly", "config", "portable"];
/** The verbs of scripts that are not called like these. */
const VERBS: Readonly<Record<string, string>> = { recovery_kit: "recovery-kit" };
const NOT_COMMANDS = ["build", "man", "schema"];

const directory = suiteDirectory();
let demo: RunResult;

const snapshotOf = (name: string): string => join(SNAPSHOTS, `${name}.txt`);
const textOf = (lines: readonly string[]): string => `${lines.join("\n")}\n`;

/** Runs a command on the demo site. */
async function command(name: string, ...args: readonly string[]): Promise<RunResult> {
  const dest =
    name === "init" ? [] : ["--config", join(directory, "demo.site/site.yaml"), "--dest", join(directory, "demo")];
  return await runInProcess(name, [...args, ...dest, "--json"], { env: { XDG_STATE_HOME: join(directory, "state") } });
}

beforeAll(async () => {
  const env = { XDG_STATE_HOME: join(directory, "state") };
  demo = await runInProcess("backup_all", ["--demo", "--dest", join(directory, "demo"), "--json"], { env });
});

test("flags", async () => {
  const scripts = readdirSync(join(PROJECT, "scripts")).map((file) => basename(file, ".ts"));
  const lines: string[] = [];
  const add = async (name: string, ...words: readonly string[]): Promise<void> => {
    const help = await helpOf(name, ...words);
    lines.push([name, ...words].join(" "), ...flagsOf(help).map((flag) => `  ${flag}`));
    for (const verb of verbsOf(help)) if (name !== "holdfast") await add(name, ...words, verb);
  };
  for (const name of scripts.filter((each) => !NOT_COMMANDS.includes(each)).toSorted()) await add(name);
  await add("restore", "--package", "FILE");
  await expect(textOf(lines)).toMatchFileSnapshot(snapshotOf("flags"));
});

test("holdfast has a verb for every script, with the flags of the script", async () => {
  const found = new Map<string, string[]>();
  for (const verb of verbsOf(await helpOf("holdfast"))) {
    const help = await helpOf("holdfast", verb);
    for (const inner of verbsOf(help)) found.set(`${verb} ${inner}`, flagsOf(await helpOf("holdfast", verb, inner)));
    if (verbsOf(help).length === 0) found.set(verb, flagsOf(help));
  }
  for (const [name, { script }] of Object.entries(STEPS))
    expect(found.get(`step ${name}`), name).toEqual(flagsOf(await helpOf(script)));
  for (const group of GROUPS)
    for (const verb of verbsOf(await helpOf(group)))
      expect(found.get(`${group} ${verb}`), verb).toEqual(flagsOf(await helpOf(group, verb)));
  expect(found.get("backup")).toEqual(flagsOf(await helpOf("backup_all")));
  const single = readdirSync(join(PROJECT, "scripts"))
    .map((file) => basename(file, ".ts"))
    .filter((name) => !name.startsWith("backup_") && ![...NOT_COMMANDS, "holdfast", ...GROUPS].includes(name));
  for (const name of single) expect(found.get(VERBS[name] ?? name), name).toEqual(flagsOf(await helpOf(name)));
});

test("error codes", async () => {
  const rows = Object.entries(ERRORS).map(([code, { exit, http }]) => `${code} exit ${exit}, HTTP ${http}`);
  await expect(textOf(rows.toSorted())).toMatchFileSnapshot(snapshotOf("error-codes"));
});

test("the documents of a run", async () => {
  const store = join(directory, "demo");
  const [run = ""] = readdirSync(join(store, "runs"));
  const documents = new Map<string, unknown[]>();
  const names: string[] = [];
  for (const file of filesOf(store)) {
    const name = file.replaceAll(run, "RUN").replaceAll(/\d{8}_\d{6}|\d{8}T\d{9}Z/g, "TIME");
    names.push(name);
    const kind = /^[a-z_]+\/(?!failures|index)/.test(name.replace("runs/RUN/", "")) && name.endsWith("metadata.json");
    const key = kind ? `${name.replace("runs/RUN/", "").split("/", 1)[0] ?? ""} metadata.json` : basename(name);
    if (/\.jsonl?$/.test(name)) documents.set(key, [...(documents.get(key) ?? []), ...parse(join(store, file))]);
  }
  await expect(textOf(names.toSorted())).toMatchFileSnapshot(snapshotOf("files"));
  const lines = [...documents].toSorted(([a], [b]) => (a < b ? -1 : 1));
  const keys = lines.flatMap(([name, values]) => [name, ...keysOf(values).map((key) => `  ${key}`)]);
  await expect(textOf(keys)).toMatchFileSnapshot(snapshotOf("documents"));
});

test("messages of commands, and their exit statuses", { timeout: 300_000 }, async () => {
  const target = join(directory, "restored");
  const output = join(directory, "portable");
  const packed = join(directory, "package.tar");
  const url = `sqlite:///${join(directory, "demo.site/clara/db.sqlite3")}`;
  const commands: readonly (readonly [string, ...string[]])[] = [
    ["backup_all"],
    ["backup_all", "--dry-run"],
    ["backup_db"],
    ["init", join(directory, "demo.site/clara"), "--output", join(directory, "site.yaml")],
    ["list"],
    ["list", "--units", "latest"],
    ["list", "--tree", "latest"],
    ["prune", "--dry-run"],
    ["pin", "latest", "--reason", "before the move"],
    ["unpin", "latest"],
    ["find", "*.html"],
    ["logs", "latest"],
    ["health"],
    ["watch"],
    ["alerts", "test"],
    ["doctor"],
    ["config", "check"],
    ["config", "show"],
    ["verify", "--deep", "--live"],
    ["restore", "--to", target, "--dry-run"],
    ["restore", "--to", target],
    ["drill"],
    ["portable", "plan", "--database", url],
    ["portable", "export", "--database", url, "--output", output, "--no-timestamp"],
    ["portable", "check", output, "--database", url],
    ["portable", "verify", output, "--database", url],
    ["portable", "import", output, "--database", url],
    ["portable", "package", "--output", packed],
    ["delete", "latest", "--dry-run"],
    ["restore", "--bogus"],
  ];
  const lines = [...messagesOf("backup_all --demo", demo)];
  for (const [name, ...args] of commands) {
    const shown = [name, ...args].join(" ").replaceAll(directory, "DIR");
    lines.push(...messagesOf(shown, await command(name, ...args)));
  }
  await expect(textOf(lines)).toMatchFileSnapshot(snapshotOf("messages"));
});

/** The exit status of a command, and the keys of each type of message that it printed. */
function messagesOf(shown: string, { code, json, stderr }: RunResult): string[] {
  const types = new Map<string, unknown[]>();
  for (const message of json) {
    const type = isMessage(message) ? message.message_type : "document";
    if (!["status", "verbose_status"].includes(type)) types.set(type, [...(types.get(type) ?? []), message]);
  }
  expect(json.length, `${shown}: ${stderr}`).toBeGreaterThan(0);
  return [
    `${shown}: exit ${code}${json.flatMap(errorOf).join("")}`,
    ...[...types]
      .toSorted(([a], [b]) => (a < b ? -1 : 1))
      .flatMap(([type, messages]) => [`  ${type}`, ...keysOf(messages).map((key) => `    ${key}`)]),
  ];
}

const errorOf = (message: unknown): string[] =>
  isMessage(message) && message.message_type === "exit_error" ? [` ${String(message["error_code"])}`] : [];

function parse(file: string): unknown[] {
  const text = readFileSync(file, "utf8");
  return file.endsWith(".jsonl")
    ? text
        .split("\n")
        .filter((line) => line !== "")
        .map((line): unknown => JSON.parse(line))
    : [JSON.parse(text)];
}
