/** Thirty nights of a host that has no identity, and a second machine that has it and reads what they left. */
import { execFileSync, spawnSync } from "node:child_process";
import { mkdirSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test, vi } from "vitest";
import { runInProcess } from "../../support/commands/in-process.ts";
import type { RunResult } from "../../support/commands/run.ts";
import { filesOf } from "../../support/files.ts";
import { backup, readJson, summaryOf } from "../../support/runs/backup.ts";
import { ageIdentity, type Identity } from "../../support/sealed/identities.ts";
import { makeSignedSite, type SignedSite } from "../../support/signing/keys.ts";
import { makeSite } from "../../support/sites/site.ts";
import { suiteDirectory } from "../../support/temp.ts";

const NIGHTS = 30;
const DAY_MS = 24 * 3_600_000;
/** What is planted in content that no archive deflates, and in the database. */
const MARK = "a diary that only its owner may read";
const DIARY = "clara_content/Project_1/diary.png";

const diaryOf = (night: number): string => `night ${night}: ${MARK}\n`.repeat(night);
const valuesIn = (database: string): string =>
  execFileSync("sqlite3", [database, "select night, text from diary order by night"], { encoding: "utf8" });

const directory = suiteDirectory("holdfast-nights-");
/** The homes and state directories of the two machines. */
const machine = (name: string): Record<string, string | undefined> => ({
  HOME: join(directory, name),
  XDG_STATE_HOME: join(directory, name, "state"),
  STATE_DIRECTORY: undefined,
});
const host = machine("host");
const second = machine("second");
/** The night of each run, and what the database held then. */
const nights = new Map<string, { readonly night: number; readonly rows: string }>();
let identity: Identity;
let site: SignedSite;
let kept: string[];

const onHost = async (name: string, ...args: readonly string[]): Promise<RunResult> =>
  await runInProcess(name, [...args, "--config", site.config, "--dest", site.dest, "--json"], { env: host });

const filesWithMark = (place: string): string[] =>
  spawnSync("grep", ["-rlaF", MARK, place], { encoding: "utf8" })
    .stdout.split("\n")
    .filter((file) => file !== "");

beforeAll(async () => {
  for (const { HOME = "" } of [host, second]) mkdirSync(HOME);
  identity = ageIdentity(join(directory, "second"), "identity");
  site = makeSignedSite(directory, { config: { encryption: `encryption: { recipients: ["${identity.recipient}"] }` } });
  site.sql("create table diary (night integer, text text)");
  // Nights to come: every change that is made now is old enough then to be believed.
  const start = Date.now();
  vi.useFakeTimers({ toFake: ["Date"] });
  for (let night = 1; night <= NIGHTS; night++) {
    site.write(DIARY, diaryOf(night));
    site.sql(`insert into diary values (${night}, '${MARK} ${night}')`);
    vi.setSystemTime(Math.floor((start + night * DAY_MS) / 1000) * 1000 + 699);
    const { run } = summaryOf(await backup(site, [], { env: host }));
    nights.set(run, { night, rows: valuesIn(site.database) });
    const pruned = await onHost("prune", "--keep-daily", "5", "--keep-weekly", "3");
    expect(pruned.code, pruned.stderr).toBe(0);
    const verified = await onHost("verify");
    expect(verified.code, verified.stderr).toBe(0);
    expect(filesWithMark(site.dest), `night ${night}`).toEqual([]);
  }
  kept = readdirSync(join(site.dest, "runs")).toSorted();
}, 600_000);
afterAll(() => {
  vi.useRealTimers();
});

test("retention left the newest runs and some weeks", () => {
  expect(nights.size).toBe(NIGHTS);
  const left = kept.map((run) => nights.get(run)?.night ?? 0);
  expect(left.slice(-5)).toEqual([26, 27, 28, 29, 30]);
  expect(left.length).toBeLessThan(12);
  expect(left[0]).toBeLessThan(22);
});

test("nothing plain is in the store, and the host cannot read what it made", async () => {
  expect(filesOf(join(site.dest, "runs")).filter((file) => /\.(?:zip|tgz|db)$/.test(file))).toEqual([]);
  expect(filesOf(join(site.dest, "runs")).filter((file) => file.endsWith(".age")).length).toBeGreaterThan(30);
  const secret = /AGE-SECRET-KEY-1\w+/.exec(readFileSync(identity.file, "utf8"))?.[0] ?? "";
  expect(secret).not.toBe("");
  for (const place of [site.dest, site.root, join(directory, "host")])
    expect(spawnSync("grep", ["-rqaF", secret, place]).status).toBe(1);
  expect((await onHost("drill", "--no-search")).code).toBe(12);
  expect((await onHost("restore", "--to", join(directory, "host/to"))).code).toBe(12);
});

test("a plain store shows what was planted", async () => {
  const plain = makeSite(join(directory, "plain"), { config: { audio_cache: "", snapshots: "" } });
  plain.write(DIARY, diaryOf(1));
  plain.sql(`create table diary (night integer, text text); insert into diary values (1, '${MARK}')`);
  summaryOf(await backup(plain, [], { env: host }));
  const found = filesWithMark(plain.dest).map((file) => file.split("/").at(-1));
  expect(found).toContain("source.zip");
  expect(found.some((file) => file?.endsWith(".db"))).toBe(true);
});

test("the second machine drills the newest run", async () => {
  execFileSync("cp", ["-a", site.dest, join(directory, "second/store")]);
  const args = ["--dest", join(directory, "second/store"), "--identity", identity.file, "--no-search", "--json"];
  const drilled = await runInProcess("drill", [...args, "--allowed-signers", site.signers], { env: second });
  expect(drilled.code, drilled.stderr).toBe(0);
  const newest = kept.at(-1) ?? "";
  const [evidence = ""] = readdirSync(join(directory, "second/store/evidence", newest)).filter((file) =>
    /^drill-.*\.json$/.test(file),
  );
  const { ok, checks } = readJson<{ ok: boolean; checks: { id: string; state: string }[] }>(
    join(directory, "second/store/evidence", newest, evidence),
  );
  expect(ok).toBe(true);
  const states = new Map(checks.map(({ id, state }) => [id, state]));
  expect(["signature", "checksums", "unpack", "trees", "sqlite", "rows"].map((id) => states.get(id))).toEqual(
    Array.from({ length: 6 }, () => "ok"),
  );
});

test.each(["oldest", "newest"])("the second machine restores the %s run", async (which) => {
  const run = (which === "oldest" ? kept[0] : kept.at(-1)) ?? "";
  const { night, rows } = nights.get(run) ?? { night: 0, rows: "" };
  const to = join(directory, "second", which);
  const args = ["--dest", join(directory, "second/store"), "--run", run, "--to", to, "--identity", identity.file];
  const restored = await runInProcess("restore", [...args, "--allowed-signers", site.signers], { env: second });
  expect(restored.code, restored.stderr).toBe(0);
  expect(readFileSync(join(to, DIARY), "utf8")).toBe(diaryOf(night));
  expect(rows.split("\n").length).toBe(night + 1);
  const [database = ""] = filesOf(to).filter((file) => file.endsWith("db.sqlite3"));
  expect(valuesIn(join(to, database))).toBe(rows);
});
