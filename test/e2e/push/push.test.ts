/** `push` as an operator runs it, over a real site and a real S3 server; s3cmd and sha256sum look at the result. */
import { execFileSync } from "node:child_process";
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import type { RunResult } from "../../support/commands/run.ts";
import { backUp, readJson, rest, runBuilt } from "../../support/runs/backup.ts";
import { makeEvidence } from "../../support/runs/evidence.ts";
import { makeRun } from "../../support/runs/stores.ts";
import { makeBucket, s3cmd, type S3Bucket } from "../../support/servers/s3.ts";
import { makeSite } from "../../support/sites/site.ts";
import { digestsIn, s3Settings } from "../../support/targets/s3.ts";
import { pushScene } from "../../support/targets/scene.ts";
import { tempDirectory } from "../../support/temp.ts";

const RUNS = ["20261120T020000Z", "20261121T020000Z", "20261122T020000Z"] as const;

interface Pushed {
  readonly address: string;
  readonly dry_run: boolean;
  readonly runs: readonly { readonly run: string; readonly sent_files: number; readonly sent_bytes: number }[];
}

const summaryOf = <T>(result: RunResult, code = 0): T => {
  if (result.code !== code) throw new Error(`ended with ${result.code}\n${result.stdout}\n${result.stderr}`);
  return result.json.at(-1) as T;
};

/** Puts a run together from what s3cmd fetches, by `objects.tsv` and the shell alone, and checks it. */
async function fetchAndCheck(directory: string, bucket: S3Bucket, prefix: string, run: string): Promise<string> {
  const into = join(directory, `by-hand-${run}`);
  mkdirSync(into);
  await s3cmd(directory, bucket, "sync", "--no-preserve", `s3://${bucket.name}/${prefix}`, `${into}/`);
  const script = `set -euo pipefail
    cd "runs/$1"
    while IFS=$'\\t' read -r sha256 size path key version; do
      mkdir -p "$(dirname "$path")"; cp "../../$key" "$path"
      [ "$(stat -c %s "$path")" = "$size" ]
    done <objects.tsv
    sha256sum --strict --quiet -c SHA256SUMS`;
  execFileSync("bash", ["-c", script, "bash", run], { cwd: into, stdio: ["ignore", "pipe", "inherit"] });
  return join(into, "runs", run);
}

test("a site's runs go to a bucket and come back by other tools alone; what did not change is not sent again", async () => {
  const directory = tempDirectory();
  const bucket = await makeBucket("plain");
  const settings = s3Settings(directory, bucket);
  const site = makeSite(directory, { config: { targets: `targets: ${JSON.stringify({ cellar: settings })}` } });
  await rest();
  const first = await backUp(site);
  const push = async (...args: readonly string[]): Promise<Pushed> =>
    summaryOf<Pushed>(
      await runBuilt("push", ["--config", site.config, "--dest", site.dest, "--target", "cellar", "--json", ...args]),
    );

  const planned = await push("--dry-run");
  expect(planned.dry_run).toBe(true);
  expect(await digestsIn(directory, bucket)).toEqual(new Map());
  const one = await push();
  expect(one.runs).toEqual([expect.objectContaining({ run: first.run })]);
  const [sent] = one.runs;
  expect(sent?.sent_bytes).toBeGreaterThan(0);
  const fetched = await fetchAndCheck(directory, bucket, settings.prefix ?? "", first.run);
  execFileSync("diff", ["-r", "--exclude=objects.tsv", first.path, fetched]);
  expect(readdirSync(join(site.dest, ".tmp"))).toEqual(["push"]);
  expect(readdirSync(join(site.dest, ".tmp/push/cellar"))).toEqual([]);

  expect((await push()).runs).toEqual([expect.objectContaining({ run: first.run, sent_files: 0, sent_bytes: 0 })]);
  site.write("clara_content/Project_1/texts/text 1.txt", "another text\n");
  const second = await backUp(site);
  const [next] = (await push("--all")).runs;
  expect(next?.run).toBe(second.run);
  const artifacts = new Set(
    readFileSync(join(second.path, "SHA256SUMS"), "utf8")
      .split("\n")
      .filter((line) => !readFileSync(join(first.path, "SHA256SUMS"), "utf8").includes(line.slice(0, 64)))
      .map((line) => line.slice(66)),
  );
  expect(next?.sent_files).toBeLessThanOrEqual(artifacts.size + documentsOf(second.path));
  await fetchAndCheck(directory, bucket, settings.prefix ?? "", second.run);
  const said = await runBuilt("push", [
    "--config",
    site.config,
    "--dest",
    site.dest,
    "--target",
    "cellar",
    "--verify",
    "--all",
    "--sample",
    "1/1",
  ]);
  expect(said.stdout).toContain("✓ 2 runs on cellar");
}, 240_000);

/** The files of a run that are no artifacts. */
const documentsOf = (run: string): number =>
  execFileSync(
    "find",
    [
      run,
      "-type",
      "f",
      "(",
      "-name",
      "*.json",
      "-o",
      "-name",
      "*.md",
      "-o",
      "-name",
      "*.yaml",
      "-o",
      "-name",
      "*.log",
      "-o",
      "-name",
      "SHA256SUMS",
      ")",
    ],
    { encoding: "utf8" },
  )
    .trim()
    .split("\n").length + 1;

test("a probe is recorded, and a promise that got weaker is named, by doctor too", async () => {
  const { command, store } = await pushScene(tempDirectory(), "plain");
  const probed = await command("push", "--probe", "cellar");
  expect(probed.code).toBe(0);
  expect(probed.stdout).toContain("yes  refuses content that is not what was signed");
  const file = join(store, "targets/cellar.json");
  const document = readJson<{ capabilities: Record<string, unknown> }>(file);
  expect(document).toMatchObject({
    format: "holdfast-target",
    target: "cellar",
    kind: "s3",
    capabilities: {
      signed_payload: true,
      if_none_match: true,
      checksum_sha256: false,
      object_lock: false,
      owner: "admin",
    },
  });
  const before = { ...document, capabilities: { ...document.capabilities, object_lock: true } };
  writeFileSync(file, JSON.stringify(before));
  const doctor = summaryOf<{
    checks: readonly { id: string; state: string; problems: readonly { message: string }[] }[];
  }>(await command("doctor", "--json"), 13);
  const check = doctor.checks.find(({ id }) => id === "targets");
  expect(check).toMatchObject({
    state: "fail",
    problems: [{ path: "cellar", message: expect.stringContaining("locked objects") as string }],
  });
  const again = await command("push", "--probe", "cellar");
  expect([again.code, again.stderr]).toEqual([13, expect.stringContaining("locked objects can be deleted")]);
  expect((await command("push", "--probe", "cellar")).code).toBe(0);
});

describe("a target that fails is a failure of its own:", () => {
  test("wrong keys, and no secret is printed", async () => {
    const scene = await pushScene(tempDirectory(), "plain");
    await makeRun(scene.store, RUNS[0], [{ directory: "source_exports/1" }]);
    writeFileSync(
      scene.settings.credentials_file ?? "",
      `[default]\naws_access_key_id=${scene.bucket.admin.accessKeyId}\naws_secret_access_key=wrong-secret\n`,
    );
    const { code, stdout, stderr } = await scene.command("push", "--target", "cellar", "--verbose");
    expect(code).toBe(15);
    expect(stderr).toContain("SignatureDoesNotMatch");
    for (const secret of ["wrong-secret", scene.bucket.admin.secretAccessKey])
      expect(stdout + stderr).not.toContain(secret);
  });

  test("a server that is not there", async () => {
    const scene = await pushScene(tempDirectory(), "plain", { port: 1 });
    await makeRun(scene.store, RUNS[0], [{ directory: "source_exports/1" }]);
    const { code, stderr } = await scene.command("push", "--target", "cellar");
    expect([code, stderr]).toEqual([15, expect.stringContaining("ECONNREFUSED")]);
    expect(existsSync(join(scene.store, "targets/cellar/receipts"))).toBe(false);
  });

  test("a bucket that is not there", async () => {
    const scene = await pushScene(tempDirectory(), "plain", { bucket: "no-such-bucket" });
    await makeRun(scene.store, RUNS[0], [{ directory: "source_exports/1" }]);
    const { code, stderr } = await scene.command("push", "--target", "cellar");
    expect([code, stderr]).toEqual([15, expect.stringContaining("NoSuchBucket")]);
  });
});

test.each([
  [["--target", "attic"], "the config has no target attic"],
  [[], "no target is given"],
  [["--target", "cellar", "latest", "--all"], "exclude each other"],
  [["--target", "cellar", "--sample", "1/2"], "--sample has no effect without --verify"],
  [["--target", "cellar", "--verify", "--dry-run"], "exclude each other"],
  [["--probe", "cellar", "latest"], "unexpected argument"],
])("push %j is refused: %s", async (args, message) => {
  const { command } = await pushScene(tempDirectory(), "plain");
  const { code, stderr } = await command("push", ...args);
  expect([code, stderr]).toEqual([2, expect.stringContaining(message)]);
});

test("a host that may only write pushes, and cannot remove; the bucket's owner can", async () => {
  const scene = await pushScene(tempDirectory(), "versioned", { user: "writer" });
  const units = [{ directory: "source_exports/1", content: "one\n" }];
  await makeRun(scene.store, RUNS[0], units);
  await makeRun(scene.store, RUNS[1], [{ ...units[0], directory: "source_exports/1", linkedFrom: RUNS[0] }]);
  const one = summaryOf<Pushed>(await scene.command("push", RUNS[0], "--target", "cellar", "--json"));
  expect(one.runs[0]?.sent_files).toBeGreaterThan(1);
  expect(readJson(join(scene.store, "targets/cellar.json"))).toMatchObject({
    capabilities: { can_list: false, can_delete: false },
  });
  const two = summaryOf<Pushed>(await scene.command("push", RUNS[1], "--target", "cellar", "--json"));
  const sent = readJson<{ files: readonly { path: string; key: string }[]; sent: { files: number } }>(
    join(scene.store, "targets/cellar/receipts", `${RUNS[1]}.json`),
  );
  const artifact = sent.files.find(({ path }) => path === "source_exports/1/content.txt");
  expect(artifact?.key).toMatch(/^objects\//);
  expect(sent.sent.files).toBe(sent.files.length - 1); // all but the artifact
  expect(two.runs[0]?.sent_files).toBe(sent.sent.files);
  const refused = await scene.command("prune", "--target", "cellar");
  expect([refused.code, refused.stderr]).toEqual([15, expect.stringMatching(/AccessDenied|can not list/)]);
});

test("verify names an object that was replaced, and a run that is gone", async () => {
  const scene = await pushScene(tempDirectory(), "versioned");
  for (const run of RUNS.slice(0, 2))
    await makeRun(scene.store, run, [{ directory: "source_exports/1", content: run }]);
  summaryOf(await scene.command("push", "--all", "--target", "cellar", "--json"));
  const prefix = `s3://${scene.bucket.name}/${scene.settings.prefix}`;
  const forged = join(scene.directory, "forged");
  writeFileSync(forged, "20261120T020000z"); // of the same size
  const [object = ""] = [...(await digestsIn(scene.directory, scene.bucket))].flatMap(([place, digest]) =>
    place.startsWith("objects/") && digest === digestOf(scene.store, RUNS[0]) ? [place] : [],
  );
  await s3cmd(scene.directory, scene.bucket, "put", forged, `${prefix}${object}`);
  await s3cmd(scene.directory, scene.bucket, "del", `${prefix}runs/${RUNS[1]}/SHA256SUMS`);
  const verified = await scene.command("push", "--verify", "--all", "--sample", "1/1", "--target", "cellar");
  expect(verified.code).toBe(13);
  expect(verified.stdout).toContain(`source_exports/1/content.txt: its object ${object} was overwritten`);
  expect(verified.stdout).toContain(`source_exports/1/content.txt: its object ${object} has the sha256`);
  expect(verified.stdout).toContain(`${RUNS[1]}: was acknowledged, and is not there any more`);
});

const digestOf = (store: string, run: string): string =>
  execFileSync("sha256sum", [join(store, "runs", run, "source_exports/1/content.txt")], { encoding: "utf8" }).slice(
    0,
    64,
  );

test("prunes a target by its own rules, from a machine without the store, and keeps what is proved", async () => {
  const scene = await pushScene(tempDirectory(), "plain", {
    retention: { keep_last: 1, interval: "9000d" },
  });
  for (const run of RUNS) await makeRun(scene.store, run, [{ directory: "source_exports/1", content: run }]);
  makeEvidence(scene.store, RUNS[1], { at: new Date() });
  summaryOf(await scene.command("push", "--all", "--target", "cellar", "--json"));
  rmSync(scene.store, { recursive: true });
  const dry = await scene.command("prune", "--target", "cellar", "--json");
  const actions = (result: RunResult): unknown =>
    summaryOf<{ runs: { run: string; action: string }[] }>(result).runs.map(({ run, action }) => [run, action]);
  const decided = [
    [RUNS[2], "keep"],
    [RUNS[1], "keep"],
    [RUNS[0], "remove"],
  ];
  expect(actions(dry)).toEqual(decided);
  const before = await digestsIn(scene.directory, scene.bucket);
  expect([...before.keys()].filter((place) => place.endsWith("/SHA256SUMS"))).toHaveLength(3);
  expect(actions(await scene.command("prune", "--target", "cellar", "--delete", "--json"))).toEqual(decided);
  const after = [...(await digestsIn(scene.directory, scene.bucket)).keys()];
  expect(after.filter((place) => place.endsWith("/SHA256SUMS"))).toEqual([
    `runs/${RUNS[1]}/SHA256SUMS`,
    `runs/${RUNS[2]}/SHA256SUMS`,
  ]);
  expect(after.filter((place) => place.startsWith(`runs/${RUNS[0]}/`))).toEqual([]);
}, 300_000);

test("the SDK is loaded by a push, and not by a backup", async () => {
  const directory = tempDirectory();
  const settings = s3Settings(directory, await makeBucket("plain"));
  const site = makeSite(directory, {
    projects: 1,
    config: { targets: `targets: ${JSON.stringify({ cellar: settings })}` },
  });
  const list = join(directory, "loaded.txt");
  const hook = join(directory, "hook.cjs");
  writeFileSync(
    hook,
    `const Module = require("node:module");
const { appendFileSync } = require("node:fs");
const load = Module._load;
Module._load = function (name, ...rest) {
  appendFileSync(${JSON.stringify(list)}, name + "\\n");
  return load.call(this, name, ...rest);
};
`,
  );
  const run = async (name: string, ...args: readonly string[]): Promise<string[]> => {
    writeFileSync(list, "");
    const env = { NODE_OPTIONS: `--require ${hook}` };
    const { code, stderr } = await runBuilt(name, ["--config", site.config, "--dest", site.dest, ...args], { env });
    expect([code, stderr]).toEqual([0, expect.anything()]);
    return readFileSync(list, "utf8").split("\n");
  };
  expect(await run("backup_all")).not.toContain("@aws-sdk/client-s3");
  expect(await run("push", "--target", "cellar")).toContain("@aws-sdk/client-s3");
});
