/** `--dry-run` changes nothing, in any command; flags that contradict each other or would be ignored are refused before anything is done. */
import { createHash } from "node:crypto";
import {
  appendFileSync,
  existsSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { beforeAll, expect, test } from "vitest";
import { runInProcess } from "../../support/commands/in-process.ts";
import { makeDatabase } from "../../support/sites/package.ts";
import { reinitRows, reinitSchema, reinitSite, type ReinitSite } from "../../support/sites/reinit.ts";
import { PROJECT, type RunResult } from "../../support/commands/run.ts";
import { suiteDirectory } from "../../support/temp.ts";
import { wholeHelpOf } from "../../support/commands/help.ts";

const directory = suiteDirectory("holdfast-dry-run-");
let place: ReinitSite;
let run: string;
let restored: string;
const at = (name: string): string => join(directory, name);

const command = async (script: string, ...args: string[]): Promise<RunResult> =>
  await runInProcess(
    script,
    args.includes("--to") && args.includes("--package") ? args : [...args, "--config", place.config],
  );

/** A site, its store with a run, an export and a package of it, and a restore in place that waits to be confirmed. */
beforeAll(async () => {
  const url = makeDatabase(at("library.db"), `${reinitSchema("SQLite")}\n${reinitRows}`);
  place = reinitSite(directory, url);
  appendFileSync(place.config, "\nsnapshots: { media: [media] }\n");
  mkdirSync(at("disk"));
  appendFileSync(place.config, `targets: { disk: { kind: directory, path: ${JSON.stringify(at("disk"))} } }\n`);
  expect((await command("backup_all")).code).toBe(0);
  expect((await command("portable", "export", "-o", at("export"), "--no-timestamp")).code).toBe(0);
  expect((await command("portable", "package", "-o", at("package.tgz"), "--include-users")).code).toBe(0);
  writeFileSync(join(place.media, "photo.jpg"), "another photo");
  const { code, json } = await command("restore", "--in-place", "--yes", "--json");
  expect(code).toBe(0);
  restored = (json.at(-1) as { restore: string }).restore;
  run = readlinkSync(join(place.dest, "latest")).replace("runs/", "");
});

/** Every file and link of the site, the store and the databases: mode, owner, time and content. */
function everything(): string[] {
  return readdirSync(directory, { recursive: true, withFileTypes: true })
    .map((entry) => join(entry.parentPath, entry.name))
    .map((path) => {
      const stat = lstatSync(path);
      const content = stat.isFile() ? createHash("sha256").update(readFileSync(path)).digest("hex") : "";
      const target = stat.isSymbolicLink() ? readlinkSync(path) : "";
      return `${path} ${stat.mode} ${stat.uid} ${stat.isDirectory() ? "" : stat.mtimeMs} ${content} ${target}`;
    })
    .toSorted();
}

/** Each command that has the flag, in each of the things that it does. The statuses are those of this site. */
const DRY: readonly (readonly [script: string, args: () => readonly string[], code: number])[] = [
  ["backup_all", () => [], 0],
  ["backup_db", () => [], 0],
  ["backup_portable", () => [], 0],
  ["backup_snapshots", () => [], 0],
  ["restore", () => ["--in-place", "--yes"], 1],
  ["restore", () => ["--to", at("restored")], 0],
  ["restore", () => ["--package", at("package.tgz"), "--to", at("restored")], 0],
  ["delete", () => [run], 1],
  ["prune", () => ["--keep-last", "1"], 0],
  ["push", () => ["--target", "disk"], 0],
  ["anomaly", () => ["accept", run, "--code", "shrank", "--reason", "x"], 2],
  ["reinit", () => [], 0],
  ["install_systemd", () => ["--root", at("image")], 0],
  ["portable", () => ["export", "-o", at("other")], 0],
  ["portable", () => ["import", at("export"), "--mode", "create-or-update"], 0],
  ["portable", () => ["import", at("export"), "--clear-existing"], 0],
  ["portable", () => ["reconcile", "--table", "book", "--by", "title"], 0],
];
/** Steps that this site does not have: the same command as the others'. */
const OTHER_STEPS = [
  "backup_audio_cache",
  "backup_compiled_exports",
  "backup_infra",
  "backup_legacy",
  "backup_source_exports",
  "backup_trees",
];

test("every command that knows --dry-run is tried", async () => {
  const scripts = readdirSync(join(PROJECT, "scripts")).map((file) => file.replace(".ts", ""));
  const commands = scripts.filter((script) => !["build", "man", "schema", "holdfast"].includes(script));
  const helps = await Promise.all(commands.map(async (script) => await wholeHelpOf(script)));
  const knowing = commands.filter((_, index) => helps[index]?.includes("--dry-run"));
  expect(knowing.toSorted()).toEqual([...new Set([...DRY.map(([script]) => script), ...OTHER_STEPS])].toSorted());
});

test("--dry-run changes nothing", async () => {
  const before = everything();
  for (const [script, args, code] of DRY) {
    const result = await command(script, ...args(), "--dry-run");
    const what = `${script} ${args().join(" ")}`;
    expect([what, result.code, result.stderr]).toEqual([what, code, result.stderr]);
    expect(everything(), what).toEqual(before);
  }
  expect(existsSync(at("restored"))).toBe(false);
});

/** What is typed, and the two flags that the refusal names. */
const REFUSED: readonly (readonly [script: string, args: readonly string[], first: string, second: string])[] = [
  ["restore", ["--confirm", "--dry-run"], "--confirm", "--dry-run"],
  ["restore", ["--rollback", "--dry-run"], "--rollback", "--dry-run"],
  ["restore", ["--recover", "--dry-run"], "--recover", "--dry-run"],
  ["restore", ["--confirm", "--rollback"], "--confirm", "--rollback"],
  ["restore", ["--confirm", "ID", "--in-place"], "--confirm", "--in-place"],
  ["restore", ["--rollback", "--no-safety"], "--rollback", "--no-safety"],
  ["restore", ["--to", "/nowhere/x", "--in-place"], "--to", "--in-place"],
  ["restore", ["--to", "/nowhere/x", "--no-migrate"], "--no-migrate", "--in-place"],
  ["restore", ["--in-place", "--reason", "x"], "--reason", "--no-safety"],
  ["restore", ["--package", "/nowhere/x", "--to", "/nowhere/y", "--no-safety"], "--to", "--no-safety"],
  ["reinit", ["--recover", "--dry-run"], "--recover", "--dry-run"],
  ["reinit", ["--recover", "--yes", "--i-mean-it"], "--recover", "--yes"],
  ["backup_all", ["--resume", "--dry-run"], "--resume", "--dry-run"],
  ["backup_db", ["--resume", "--existing=overwrite"], "--resume", "--existing=overwrite"],
  ["verify", ["--quick", "--deep"], "--quick", "--deep"],
  ["verify", ["--scratch", "x"], "--scratch", "--deep"],
  ["drill", ["--reinit", "--no-search"], "--reinit", "--no-search"],
  ["drill", ["--run", "latest", "--allSince", "2026-01-01"], "--run", "--all-since"],
  ["portable", ["import", "x", "--validate", "--dry-run"], "--validate", "--dry-run"],
  ["portable", ["import", "x", "--clear-existing", "--mode", "update-only"], "--clear-existing", "--mode=update-only"],
];

test("flags that contradict each other, or would be ignored, are refused, both named, and nothing is changed", async () => {
  const before = everything();
  for (const [script, args, first, second] of REFUSED) {
    const { code, stderr } = await command(script, ...args);
    expect([args.join(" "), code]).toEqual([args.join(" "), 2]);
    const [line = ""] = stderr.split("\n");
    expect(line).toMatch(/^error: /);
    expect(line).toContain(first);
    expect(line).toContain(second);
  }
  expect(everything()).toEqual(before);
});

test("a switch that is turned off is not a contradiction, and what waited is still there to be confirmed", async () => {
  expect((await command("restore", "--confirm", restored, "--dry-run=false")).code).toBe(0);
});
