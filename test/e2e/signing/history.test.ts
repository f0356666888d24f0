/** Signatures of a store as a whole: runs that lost theirs, a store that was put back, and what a new run takes over from old ones. */
import { createHash } from "node:crypto";
import { existsSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { beforeEach, describe, expect, test } from "vitest";
import { runInProcess } from "../../support/commands/in-process.ts";
import type { RunResult } from "../../support/commands/run.ts";
import { backup, backUp, rest } from "../../support/runs/backup.ts";
import { makeSignedSite, verifyByHand, type SignedSite } from "../../support/signing/keys.ts";
import { makeSite } from "../../support/sites/site.ts";
import { tempDirectory } from "../../support/temp.ts";

let site: SignedSite;
let first: string;
let second: string;

const on = async (name: string, ...args: string[]): Promise<RunResult> =>
  await runInProcess(name, ["--config", site.config, "--dest", site.dest, ...args]);
/** Without the config: what the host remembers, and what the store says, is all there is. */
const alone = async (name: string, ...args: string[]): Promise<RunResult> =>
  await runInProcess(name, ["--dest", site.dest, ...args]);
const at = (run: string, file = ""): string => join(site.dest, "runs", run, file);
const summary = ({ json }: RunResult) => json.at(-1) as Record<string, unknown>;

beforeEach(async () => {
  site = makeSignedSite(tempDirectory(), { projects: 1, files: 1 });
  await rest();
  first = (await backUp(site)).run;
  second = (await backUp(site)).run;
});

describe("a run that lost its signature", () => {
  beforeEach(() => rmSync(at(second, "SHA256SUMS.sig")));

  test("is named by list, watch, health and the next backup, and fails verify and drill without any config", async () => {
    const listed = await alone("list");
    expect(listed.stderr).toContain(`runs/${second} is not signed, although runs are signed since ${first}`);
    const runs = summary(await alone("list", "--json"))["runs"] as { run: string; signed: boolean }[];
    expect(runs.map(({ run, signed }) => [run, signed])).toEqual([
      [second, false],
      [first, true],
    ]);
    for (const name of ["watch", "health"]) {
      const { code, stdout } = await on(name);
      expect(stdout).toMatch(new RegExp(`✗ signatures[^]*runs/${second}.*is not signed`));
      expect(code).not.toBe(0);
    }
    const verified = await alone("verify", "--quick");
    expect(verified.code).toBe(13);
    expect(verified.stdout).toMatch(/✗ signature[^]*SHA256SUMS\.sig.*is missing, although runs are signed since/);
    const drilled = await alone("drill", "--no-search");
    expect([drilled.code, drilled.stdout.includes("✗ signature")]).toEqual([13, true]);
    const next = await backup(site);
    expect(next.notes).toContain(`runs/${second} is not signed`);
    expect(next.code).toBe(0);
  });

  test("is restored with --allow-unsigned alone", async () => {
    const to = join(tempDirectory(), "to");
    const refused = await alone("restore", "--to", to);
    expect(refused.code).toBe(13);
    expect(refused.stderr).toMatch(/cannot be trusted: SHA256SUMS\.sig is missing[^]*--allow-unsigned/);
    expect(existsSync(to)).toBe(false);
    const allowed = await alone("restore", "--to", to, "--allow-unsigned");
    expect(allowed.code).toBe(0);
    expect(allowed.stderr).toContain(`the run ${second} cannot be trusted`);
    expect(readdirSync(to)).toContain("clara_content");
  });
});

describe("a store whose newest run is gone", () => {
  /** As a disk that was put back to yesterday. */
  const putBack = (): void => {
    rmSync(at(second), { recursive: true });
    for (const name of ["latest", "last"]) {
      rmSync(join(site.dest, name));
      symlinkSync(`runs/${first}`, join(site.dest, name));
    }
  };
  const GONE = /is gone, the newest signed run that this host has seen, and no removal of it is recorded/;

  test("is named by list, watch, health, doctor, verify and drill, and the next backup says so", async () => {
    putBack();
    expect((await alone("list")).stderr).toMatch(GONE);
    for (const name of ["watch", "health", "doctor"]) expect((await on(name)).stdout).toMatch(GONE);
    const verified = await on("verify", "--quick");
    expect([verified.code, GONE.test(verified.stdout)]).toEqual([13, true]);
    const drilled = await on("drill", "--no-search");
    expect([drilled.code, GONE.test(drilled.stdout)]).toEqual([13, true]);
    expect((await backup(site)).notes).toMatch(GONE);
  });

  test("gives no latest to a restore, but a run that is named", async () => {
    putBack();
    const to = join(tempDirectory(), "to");
    const refused = await alone("restore", "--to", to);
    expect([refused.code, GONE.test(refused.stderr)]).toEqual([13, true]);
    expect((await alone("restore", "--to", to, "--run", first)).code).toBe(0);
  });

  test("is as it should be where a command removed it, here or on another host", async () => {
    const third = (await backUp(site, ["--steps", "db"])).run; // the newest of all, and not latest
    const elsewhere = { env: { XDG_STATE_HOME: tempDirectory() } };
    const removed = await runInProcess(
      "delete",
      [third, "--config", site.config, "--dest", site.dest, "--yes"],
      elsewhere,
    );
    expect(removed.code).toBe(0);
    expect((await on("verify", "--quick")).code).toBe(0);
    expect((await alone("list")).stderr).toBe("");

    // The record of it counts as long as it is signed.
    const journal = join(site.dest, "evidence/prune.jsonl");
    const signature = readFileSync(`${journal}.sig`);
    rmSync(`${journal}.sig`);
    expect((await on("verify", "--quick")).stdout).toMatch(/runs\/\S+: is gone.*prune\.jsonl is not proved/);
    writeFileSync(`${journal}.sig`, signature);

    const fourth = (await backUp(site, ["--steps", "db"])).run;
    expect((await on("delete", fourth, "--yes")).code).toBe(0);
    rmSync(journal);
    rmSync(`${journal}.sig`);
    expect((await on("verify", "--quick")).code).toBe(0); // this host has removed it, and knows
  });
});

test("a restore warns of a link to an older run than it should be", async () => {
  rmSync(join(site.dest, "latest"));
  symlinkSync(`runs/${first}`, join(site.dest, "latest"));
  const { code, stderr } = await alone("restore", "--to", join(tempDirectory(), "to"));
  expect(stderr).toContain(`the link latest names the run ${first}, but ${second} is a newer full backup`);
  expect(code).toBe(0);
});

describe("a new run", () => {
  test("takes over nothing from a run whose record was changed", async () => {
    const sums = readFileSync(at(second, "SHA256SUMS"), "utf8");
    const metadata = JSON.parse(readFileSync(at(second, "source_exports/1/metadata.json"), "utf8")) as {
      artifacts: { path: string; sha256: string; size_bytes: number }[];
    };
    const [artifact] = metadata.artifacts;
    const digestOf = (data: string | Buffer): string => createHash("sha256").update(data).digest("hex");
    // A run that is whole in itself: other content under a digest, a size, a list that agree with it.
    const data = Buffer.alloc(artifact?.size_bytes ?? 0, "evil");
    rmSync(at(second, "source_exports/1/source.zip"));
    writeFileSync(at(second, "source_exports/1/source.zip"), data);
    const text = readFileSync(at(second, "source_exports/1/metadata.json"), "utf8");
    const changed = text.replaceAll(artifact?.sha256 ?? "?", digestOf(data));
    rmSync(at(second, "source_exports/1/metadata.json"));
    writeFileSync(at(second, "source_exports/1/metadata.json"), changed);
    const adjusted = sums
      .replaceAll(artifact?.sha256 ?? "?", digestOf(data))
      .replaceAll(digestOf(text), digestOf(changed));
    writeFileSync(at(second, "SHA256SUMS"), adjusted);

    const next = await backup(site);
    expect(next.notes).toMatch(new RegExp(`nothing of the run ${second} is reused: its SHA256SUMS\\.sig`));
    expect(digestOf(readFileSync(join(next.summary?.path ?? "", "source_exports/1/source.zip")))).toBe(
      artifact?.sha256,
    );
    expect(next.summary?.units_reused).toBeGreaterThan(0); // from the first run
    verifyByHand(next.summary?.path ?? "", site.signers);
  });

  test("without a key is a warning among signed ones, and an alarm", async () => {
    writeFileSync(site.config, readFileSync(site.config, "utf8").replace(/^signing:.*$/m, ""));
    const { notes, code, summary: made } = await backup(site);
    expect([code, /signed since .*, but the config has no key/.test(notes)]).toEqual([0, true]);
    expect(readFileSync(join(made?.path ?? "", "run.log"), "utf8")).toBeTruthy();
    expect((await alone("verify", "--quick")).code).toBe(13);
  });
});

test("runs from before signing are not proved; the first signed one takes their units over", async () => {
  const directory = tempDirectory();
  const signed = makeSignedSite(directory, { projects: 1, files: 1 });
  const text = readFileSync(signed.config, "utf8");
  writeFileSync(signed.config, text.replace(/^signing:.*$/m, ""));
  await rest();
  const before = await backUp(signed);
  const quick = ["--config", signed.config, "--dest", signed.dest, "--quick"];
  expect((await runInProcess("verify", quick)).stdout).not.toContain("signature");
  writeFileSync(signed.config, text);
  const after = await backUp(signed);
  expect(after.units_reused).toBeGreaterThan(0);
  const verified = await runInProcess("verify", [...quick, "--run", before.run]);
  expect(verified.stdout).toContain(`? signature          not signed; not proved: the run is older than ${after.run}`);
  expect(verified.code).toBe(0);
  // On a host that knows nothing, a stripped run looks the same.
  const stranger = await runInProcess("verify", [...quick, "--run", before.run], {
    env: { XDG_STATE_HOME: tempDirectory() },
  });
  expect(stranger.code).toBe(13);
});

test("a store without signatures says nothing of them", async () => {
  const plain = makeSite(tempDirectory(), { projects: 1, files: 1, config: { audio_cache: "", snapshots: "" } });
  await backUp(plain);
  for (const name of ["verify", "watch", "health", "list", "doctor"]) {
    const { stdout, stderr } = await runInProcess(name, ["--config", plain.config, "--dest", plain.dest]);
    expect(stdout + stderr).not.toMatch(/sign/);
  }
});
