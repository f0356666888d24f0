/** Signed evidence: what proves a run, accepts an anomaly or records a removal counts with a signature of an allowed signer alone. */
import { execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import { appendFileSync, copyFileSync, existsSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { beforeEach, describe, expect, test } from "vitest";
import { makeHistory } from "../../support/anomalies/history.ts";
import { runInProcess } from "../../support/commands/in-process.ts";
import type { RunResult } from "../../support/commands/run.ts";
import { backUp, rest } from "../../support/runs/backup.ts";
import { makeKey, makeSignedSite, signByHand, type SignedSite } from "../../support/signing/keys.ts";
import { tempDirectory } from "../../support/temp.ts";

let directory: string;
let site: SignedSite;

const on = async (name: string, ...args: string[]): Promise<RunResult> =>
  await runInProcess(name, ["--config", site.config, "--dest", site.dest, ...args]);

interface Planned {
  readonly run: string;
  readonly standing: string;
  readonly fault: string | null;
  readonly proof: { readonly kind: string } | null;
}
const planned = async (run: string): Promise<Planned | undefined> => {
  const { json } = await on("prune", "--dry-run", "--json");
  return (json.at(-1) as { runs: Planned[] }).runs.find((one) => one.run === run);
};

/** Checks a document as somebody without Holdfast would. */
const checkByHand = (file: string, principal = "clara@host"): void =>
  void execFileSync(
    "ssh-keygen",
    ["-Y", "verify", "-f", site.signers, "-I", principal, "-n", "holdfast-evidence", "-s", `${file}.sig`],
    { input: readFileSync(file), stdio: ["pipe", "pipe", "pipe"] },
  );

const evidenceOf = (run: string, kind: string): string => {
  const folder = join(site.dest, "evidence", run);
  const name = readdirSync(folder).find((one) => one.startsWith(kind) && one.endsWith(".json"));
  return join(folder, name ?? "none");
};

beforeEach(() => {
  directory = tempDirectory();
  site = makeSignedSite(directory, { projects: 1, files: 1, config: { legacy: "", infra: "" } });
});

describe.each(["drill", "verify"])("the evidence of %s", (command) => {
  let run: string;
  let file: string;
  beforeEach(async () => {
    ({ run } = await backUp(site));
    expect((await on(command, ...(command === "verify" ? ["--deep"] : []))).code).toBe(0);
    file = evidenceOf(run, command);
  });

  test("is signed, and proves its run for retention, watch and metrics", async () => {
    checkByHand(file);
    expect((await planned(run))?.proof).toMatchObject({ kind: command });
    expect((await on("watch")).stdout).toMatch(/✓ proof +(drill|verification) of/);
  });

  test.each([
    ["without its signature", (): void => rmSync(`${file}.sig`)],
    [
      "changed by a word",
      (): void => writeFileSync(file, readFileSync(file, "utf8").replace('"host": "', '"host": "x')),
    ],
    ["signed by a stranger", (): void => signByHand(makeKey(directory, "x").file, "holdfast-evidence", file)],
    ["signed as a run", (): void => signByHand(site.key.file, "holdfast-run", file)],
  ])("%s proves nothing", async (_how, change) => {
    change();
    expect((await planned(run))?.proof).toBeNull();
    expect((await on("watch")).stdout).toMatch(/\? proof +no run was proved yet/);
    if (command === "drill") {
      const { stdout } = await on("drill", "--changed");
      expect(stdout).toMatch(/unchanged units +0 units left out/);
    }
  });
});

test("a drill host signs with a key of its own, that counts for evidence and not for runs", async () => {
  const { run, path } = await backUp(site);
  const key = makeKey(directory, "drill key");
  appendFileSync(site.signers, key.line("drill@host", 'namespaces="holdfast-evidence"'));
  const config = join(directory, "drill.yaml");
  writeFileSync(config, readFileSync(site.config, "utf8").replace(site.key.file, key.file));
  const drilled = await runInProcess("drill", ["--config", config, "--dest", site.dest]);
  expect(drilled.code).toBe(0);
  expect(drilled.stdout).toContain("signed by clara@host");
  checkByHand(evidenceOf(run, "drill"), "drill@host");
  expect((await planned(run))?.proof).toMatchObject({ kind: "drill" });

  const refused = await runInProcess("backup_all", ["--config", config, "--dest", site.dest]);
  expect(refused.code).toBe(12);
  expect(refused.stderr).toMatch(/drill key signs .*namespace/);
  signByHand(key.file, "holdfast-run", join(path, "SHA256SUMS"));
  expect((await on("verify", "--quick")).code).toBe(13);
});

test("a pin and what accepts an anomaly are signed; an acceptance that is not counts for nothing", async () => {
  site.sql(`create table entries (id integer primary key, body text);
    with recursive n(i) as (select 1 union all select i + 1 from n where i < 1200)
    insert into entries select i, 'entry ' || i from n;`);
  await rest();
  await backUp(site);
  makeHistory(site.dest, 16);
  site.sql("delete from entries");
  await rest();
  const { run } = await backUp(site);
  expect(await planned(run)).toMatchObject({ standing: "bad", fault: "anomaly empty" });
  const accepted = await on("anomaly", "accept", run, "--code", "empty", "--reason", "cleared on purpose");
  expect(accepted.code, accepted.stderr).toBe(0);
  const file = join(site.dest, "evidence", run, "accepted.json");
  checkByHand(file);
  expect(await planned(run)).toMatchObject({ standing: "good" });
  const signature = readFileSync(`${file}.sig`);
  rmSync(`${file}.sig`);
  expect(await planned(run)).toMatchObject({
    standing: "bad",
    fault: "anomaly empty, whose acceptance has no valid signature",
  });
  writeFileSync(`${file}.sig`, signature);
  appendFileSync(file, "\n");
  expect(await planned(run)).toMatchObject({ standing: "bad" });

  expect((await on("pin", run, "--reason", "kept")).code).toBe(0);
  const pinned = join(site.dest, "evidence", run, "pinned.json");
  checkByHand(pinned);
  expect((await on("unpin", run)).code).toBe(0);
  expect([existsSync(pinned), existsSync(`${pinned}.sig`)]).toEqual([false, false]);
});

describe("the journal of removals", () => {
  const journal = (): string => join(site.dest, "evidence/prune.jsonl");
  const lines = (): Record<string, unknown>[] =>
    readFileSync(journal(), "utf8")
      .trimEnd()
      .split("\n")
      .map((line) => JSON.parse(line) as Record<string, unknown>);
  const digestOf = (line: number): string =>
    createHash("sha256")
      .update(readFileSync(journal(), "utf8").split("\n")[line] ?? "")
      .digest("hex");
  let runs: string[];

  beforeEach(async () => {
    runs = [];
    for (let night = 0; night < 4; night++) runs.push((await backUp(site, ["--steps", "db"])).run);
    for (const run of runs.slice(0, 2)) expect((await on("delete", run, "--yes")).code).toBe(0);
  });

  test("is a chain, and signed as a whole", () => {
    expect(lines().map(({ run, previous }) => [run, previous])).toEqual([
      [runs[0], null],
      [runs[1], digestOf(0)],
    ]);
    checkByHand(journal());
  });

  test.each([
    ["changed", (text: string): string => text.replace("the operator named it", "it was never there")],
    ["cut", (text: string): string => `${text.split("\n")[0] ?? ""}\n`],
    ["without its first line", (text: string): string => `${text.split("\n")[1] ?? ""}\n`],
    [
      "with a line more",
      (text: string): string => `${text}${text.split("\n")[0]?.replace(/T\d{6}Z/, "T999999Z") ?? ""}\n`,
    ],
  ])("that was %s is not signed over, and nothing is removed", async (_how, change) => {
    writeFileSync(journal(), change(readFileSync(journal(), "utf8")));
    const refused = await on("delete", runs[2] ?? "", "--yes");
    expect(refused.stderr).toMatch(/prune\.jsonl (was altered|is not proved).*; nothing was removed/);
    expect(refused.code).toBe(13);
    expect(readdirSync(join(site.dest, "runs"))).toContain(runs[2]);
  });

  test("whose last removal was killed before it signed goes on with the next", async () => {
    const before = readFileSync(`${journal()}.sig`);
    copyFileSync(journal(), join(directory, "journal"));
    // As a kill leaves it: the line of a run that is still there, and half a line.
    const line = JSON.stringify({ at: new Date().toISOString(), run: runs[2], why: "x", previous: digestOf(1) });
    appendFileSync(journal(), `${line}\n{"at":"20`);
    expect((await on("delete", runs[2] ?? "", "--yes")).code).toBe(0);
    checkByHand(journal());
    expect(readFileSync(`${journal()}.sig`)).not.toEqual(before);
  });

  test("is not continued without the key", async () => {
    const { code, stderr } = await runInProcess("delete", [runs[2] ?? "", "--dest", site.dest, "--yes"]);
    expect(code).toBe(12);
    expect(stderr).toMatch(/prune\.jsonl is signed, and no key is configured/);
    expect(readdirSync(join(site.dest, "runs"))).toContain(runs[2]);
  });
});

test("a key that fails loses no verification: its evidence is kept without a signature, and a warning says so", async () => {
  const { run } = await backUp(site);
  rmSync(site.key.file);
  const { code, stderr } = await on("verify");
  expect(stderr).toMatch(/warning: the evidence is not signed, and counts for nothing: nothing could be signed/);
  expect(code).toBe(0);
  expect(existsSync(`${evidenceOf(run, "verify")}.sig`)).toBe(false);
});
