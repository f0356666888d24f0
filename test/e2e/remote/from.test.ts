/** A second machine, without the store, that reads what was pushed: each kind of target, sealed runs, altered ones. */
import { readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, onTestFinished, test } from "vitest";
import { runInProcess } from "../../support/commands/in-process.ts";
import { compareTrees } from "../../support/compare.ts";
import type { RunResult } from "../../support/commands/run.ts";
import { filesOf } from "../../support/files.ts";
import { backUp, metadataOf, rest, runBuilt, type Summary } from "../../support/runs/backup.ts";
import { ageIdentity } from "../../support/sealed/identities.ts";
import { makeBucket, s3Server } from "../../support/servers/s3.ts";
import { startTcpProxy } from "../../support/servers/tcp-proxy.ts";
import { makeSite, type TestSite } from "../../support/sites/site.ts";
import { TARGET_FIXTURES } from "../../support/targets/fixtures.ts";
import type { TargetFixture } from "../../support/targets/fixture.ts";
import { s3Settings } from "../../support/targets/s3.ts";
import { tempDirectory } from "../../support/temp.ts";

const PICTURE = "clara_content/Project_1/large.png";
const TEXT = "clara_content/Project_1/texts/text 1.txt";

interface Pushed {
  readonly site: TestSite;
  readonly run: Summary;
  readonly identity: string;
  /** Runs a command of the second machine, which has neither the store nor what the first one remembers. */
  away(command: string, ...args: readonly string[]): Promise<RunResult>;
}

/** Backs a site up, pushes the run, and takes the store away. */
async function pushed(settings: object, { isSealed }: { readonly isSealed: boolean }): Promise<Pushed> {
  const directory = tempDirectory();
  const { file, recipient } = ageIdentity(directory, "identity");
  const site = makeSite(directory, {
    config: {
      targets: `targets: ${JSON.stringify({ cellar: settings })}`,
      ...(isSealed ? { encryption: `encryption: { recipients: ["${recipient}"], metadata: names }` } : {}),
    },
  });
  site.write(PICTURE, Buffer.alloc(3_000_000, "a picture"));
  await rest();
  const run = await backUp(site);
  const config = ["--config", site.config];
  const sent = await runBuilt("push", [...config, "--dest", site.dest, "--target", "cellar"]);
  expect({ code: sent.code, stderr: sent.stderr }).toMatchObject({ code: 0 });
  renameSync(site.dest, `${site.dest}-gone`);
  const env = { XDG_STATE_HOME: join(directory, "state"), XDG_CACHE_HOME: join(directory, "cache") };
  return {
    site,
    run,
    identity: file,
    away: async (command, ...args) => await runInProcess(command, [...args, ...config, "--from", "cellar"], { env }),
  };
}

const ignore = (path: string): boolean => /^\.holdfast|\.(?:sqlite3|db)$|^app/.test(path);

const cached = (site: TestSite): string[] => filesOf(join(site.root, "../cache"));

async function fixtureOf(kind: string): Promise<TargetFixture> {
  const fixture = await TARGET_FIXTURES[kind]?.(tempDirectory());
  if (fixture === undefined) throw new Error(`no fixture ${kind}`);
  onTestFinished(fixture.close);
  return fixture;
}

// rclone starts a process for each object.
describe.each(Object.keys(TARGET_FIXTURES))("%s", { timeout: 300_000 }, (kind) => {
  test("a sealed run is listed, verified, searched, drilled and restored", async () => {
    const { settings } = await fixtureOf(kind);
    const { site, run, identity, away } = await pushed(settings, { isSealed: true });
    const opened = ["--identity", identity];

    const listed = await away("list", "--json");
    expect(listed.json.at(-1)).toMatchObject({ runs: [{ run: run.run }] });
    const verified = await away("verify", ...opened, "--json");
    expect({ code: verified.code, stderr: verified.stderr }).toMatchObject({ code: 0 });
    expect(verified.json.at(-1)).toMatchObject({ ok: true, run: run.run });
    const found = await away("find", "text*", ...opened);
    expect(found.stdout).toContain(TEXT);
    expect((await away("drill", "--no-search", ...opened)).code).toBe(0);
    const to = join(tempDirectory(), "restored");
    const restored = await away("restore", "--to", to, ...opened);
    expect({ code: restored.code, stderr: restored.stderr }).toMatchObject({ code: 0 });
    expect(compareTrees(site.root, to, { ignore })).toEqual([]);
    expect((await away("restore", "--to", join(tempDirectory(), "keyless"))).code).toBe(12);
    expect(cached(site).filter((file) => /\.(?:zip|tgz|db)(?:\.age)?$|partial/.test(file))).toEqual([]);
  });
});

// What is read is checked by one stream for all kinds; versions bring the recorded one.
describe.each(["s3 plain", "s3 with versions", "directory", "rsync with a shell"])("%s", (kind) => {
  test("an altered artifact is found by verify, and restore refuses it", async () => {
    const fixture = await fixtureOf(kind);
    const { run, away, site } = await pushed(fixture.settings, { isSealed: false });
    const gone = `${site.dest}-gone/runs/${run.run}`;
    const [artifact] = metadataOf(gone, "source_exports/2").artifacts;
    if (artifact === undefined) throw new Error("the unit has no artifact");
    const place = fixture.placeOf({ run: run.run, path: artifact.path, sha256: artifact.sha256, isArtifact: true });
    const altered = readFileSync(join(gone, artifact.path), "latin1").replace(/.$/s, "x");
    await fixture.write(place, altered);
    const to = join(tempDirectory(), "restored");
    const [verified, restored] = [await away("verify"), await away("restore", "--to", to)];
    // Where there are versions, the one that was recorded is still there.
    const code = fixture.hasVersions ? 0 : 13;
    expect(verified.code, verified.stderr).toBe(code);
    expect(restored.code, restored.stderr).toBe(code);
    if (!fixture.hasVersions) expect(verified.stderr + verified.stdout).toContain(artifact.path);
  });
});

describe("the evidence of a drill", () => {
  test.each(["s3 plain", "rsync with a shell"])("is sent to %s, and proves the run there", async (kind) => {
    const fixture = await fixtureOf(kind);
    const { site, run, away } = await pushed(fixture.settings, { isSealed: false });
    expect((await away("drill", "--no-search")).code).toBe(0);
    expect([...(await fixture.digests()).keys()]).toContainEqual(
      expect.stringMatching(new RegExp(`^evidence/${run.run}/drill-.*\\.json$`)),
    );
    const env = { XDG_STATE_HOME: tempDirectory() };
    const argv = ["--config", site.config, "--target", "cellar", "--json"];
    const { json, stderr } = await runInProcess("prune", argv, { env });
    expect({ json: json.at(-1), stderr }).toMatchObject({
      json: { runs: [{ run: run.run, proof: { kind: "drill" } }] },
    });
  });

  test("stays here, with a warning, where the target may not be written to", async () => {
    const fixture = await fixtureOf("directory");
    const { run, away, site } = await pushed(fixture.settings, { isSealed: false });
    const { path: there } = fixture.settings as { readonly path: string };
    rmSync(join(there, "evidence"), { recursive: true, force: true });
    writeFileSync(join(there, "evidence"), "no directory");
    const { code, stderr } = await away("drill", "--no-search");
    expect(code).toBe(0);
    expect(stderr).toMatch(/the evidence is in .* alone; the target did not take it/);
    expect(cached(site).filter((file) => file.includes(`evidence/${run.run}/drill-`))).toHaveLength(1);
  });
});

test("one file of a large zip is read by ranges", async () => {
  const { endpoint } = await s3Server();
  const proxy = await startTcpProxy(Number(new URL(endpoint).port));
  onTestFinished(proxy.close);
  const bucket = await makeBucket("plain");
  const settings = {
    ...s3Settings(tempDirectory(), bucket),
    endpoint: `http://127.0.0.1:${proxy.port}`,
  };
  const { site, away } = await pushed(settings, { isSealed: false });
  expect((await away("list")).code).toBe(0);
  proxy.reset();
  const to = join(tempDirectory(), "one");
  const result = await away("restore", "--path", TEXT, "--to", to);
  expect({ code: result.code, stderr: result.stderr }).toMatchObject({ code: 0 });
  expect(readFileSync(join(to, TEXT), "utf8")).toBe(readFileSync(join(site.root, TEXT), "utf8"));
  expect(proxy.bytes.down).toBeLessThan(1_500_000);
  proxy.reset();
  const picture = join(tempDirectory(), "picture");
  expect((await away("restore", "--path", PICTURE, "--to", picture)).code).toBe(0);
  expect(proxy.bytes.down).toBeGreaterThan(3_000_000);
  expect(readFileSync(join(picture, PICTURE)).equals(readFileSync(join(site.root, PICTURE)))).toBe(true);
});

test("SHA256SUMS of a target cannot name a file outside of the cache", async () => {
  const fixture = await fixtureOf("directory");
  const { run, away, site } = await pushed(fixture.settings, { isSealed: false });
  const sums = readFileSync(`${site.dest}-gone/runs/${run.run}/SHA256SUMS`, "utf8");
  rmSync(join(site.root, "../planted"), { force: true });
  await fixture.write(`runs/${run.run}/SHA256SUMS`, `${sums}${"0".repeat(64)}  ../../../../../planted\n`);
  const result = await away("verify");
  expect(result.code).toBe(13);
  expect(result.stderr).toMatch(/SHA256SUMS .* names \.\.\//);
});
