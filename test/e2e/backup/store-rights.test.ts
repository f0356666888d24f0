/** Who may use a store: one that root has used, the readers' group, and a PATH without bash. */
import { execFileSync, spawnSync } from "node:child_process";
import {
  chmodSync,
  chownSync,
  existsSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { delimiter, join } from "node:path";
import { expect, test } from "vitest";
import { runBuilt } from "../../support/runs/backup.ts";
import { filesOf } from "../../support/files.ts";
import type { RunOptions, RunResult } from "../../support/commands/run.ts";
import { tempDirectory } from "../../support/temp.ts";

interface Place {
  readonly directory: string;
  readonly config: string;
  readonly dest: string;
}

/** A site that anybody may read, and a store that belongs to `nobody`. */
function place(more = ""): Place {
  const directory = tempDirectory();
  chmodSync(directory, 0o755);
  const dest = join(directory, "store");
  mkdirSync(join(directory, "site/legacy/tree"), { recursive: true });
  writeFileSync(join(directory, "site/legacy/tree/page"), "page");
  mkdirSync(dest, { mode: 0o750 });
  chownSync(dest, id("-u", "nobody"), id("-g", "nobody"));
  const config = join(directory, "site.yaml");
  writeFileSync(config, `site: s\nroot: ${directory}/site\ndest: ${dest}\nlegacy: { path: legacy }\n${more}`);
  return { directory, config, dest };
}
const id = (flag: string, user: string): number => Number(execFileSync("id", [flag, user], { encoding: "utf8" }));

const backUp = async ({ config }: Place, options: RunOptions = {}): Promise<RunResult> =>
  await runBuilt("backup_all", ["--config", config, "--json"], options);
const errorOf = ({ json }: RunResult): unknown => json.at(-1);

test("a store that root has used once says at once what its own user has to do, and then works", async () => {
  const site = place();
  expect((await backUp(site, { user: "nobody" })).code).toBe(0);
  const before = filesOf(join(site.dest, "runs"));
  expect((await backUp(site)).code).toBe(0);
  const roots = ["runs", ".tmp", "pins"].map((name) => join(site.dest, name));
  for (const spoiled of roots) {
    chownSync(spoiled, 0, 0);
    const refused = await backUp(site, { user: "nobody" });
    expect([refused.code, errorOf(refused)]).toEqual([
      10,
      expect.objectContaining({
        error_code: "E_STORE",
        message: expect.stringContaining(spoiled),
        hint: `chown -R nobody: ${site.dest}`,
      }),
    ]);
    chownSync(spoiled, id("-u", "nobody"), id("-g", "nobody"));
  }
  // A run that root began and that was killed cannot be removed by another user.
  const incomplete = join(site.dest, "runs/.incomplete-20200101T000000Z");
  mkdirSync(incomplete, { mode: 0o750 });
  expect(errorOf(await backUp(site, { user: "nobody" }))).toMatchObject({
    message: expect.stringContaining(incomplete),
  });
  execFileSync("chown", ["-R", "nobody:", site.dest]);
  expect((await backUp(site, { user: "nobody" })).code).toBe(0);
  expect(existsSync(incomplete)).toBe(false);
  expect(filesOf(join(site.dest, "runs")).length).toBeGreaterThan(before.length);
});

test("a member of permissions.group reads every artifact, those of earlier runs included", async () => {
  const site = place();
  expect((await backUp(site)).code).toBe(0);
  const group = "games";
  writeFileSync(
    site.config,
    `${execFileSync("cat", [site.config], { encoding: "utf8" })}permissions: { group: ${group} }\n`,
  );
  await new Promise((resolve) => setTimeout(resolve, 2100)); // a fingerprint younger than that is not trusted
  expect((await backUp(site)).code).toBe(0);
  const gid = execFileSync("getent", ["group", group], { encoding: "utf8" }).split(":")[2] ?? "";
  const latest = join(site.dest, "latest");
  const artifacts = filesOf(execFileSync("realpath", [latest], { encoding: "utf8" }).trim());
  expect(artifacts.some((file) => file.endsWith("legacy.zip"))).toBe(true);
  const asReader = (groups: string, ...argv: string[]) =>
    spawnSync("setpriv", ["--reuid=nobody", "--regid=nogroup", groups, "--", ...argv], { encoding: "utf8" });
  for (const file of artifacts) {
    const { status, stderr } = asReader(`--groups=${gid}`, "cat", join(latest, file));
    expect([file, status, stderr]).toEqual([file, 0, ""]);
  }
  expect(asReader(`--groups=${gid}`, "ls", join(site.dest, "runs")).status).toBe(0);
  expect(asReader("--clear-groups", "cat", join(latest, "manifest.json")).status).not.toBe(0);
  expect(lstatSync(site.dest).mode & 0o007).toBe(0);
});

test("everything works without bash on the PATH", async () => {
  const site = place();
  const bin = join(site.directory, "bin");
  mkdirSync(bin);
  for (const directory of ["/usr/bin", "/bin", "/usr/sbin"])
    for (const name of readdirSync(directory).filter((one) => !["bash", "sh", "rbash"].includes(one)))
      if (!existsSync(join(bin, name))) symlinkSync(join(directory, name), join(bin, name));
  const env = { PATH: [bin].join(delimiter) };
  expect(spawnSync("bash", ["-c", "true"], { env }).status).toBeNull();
  const backup = await backUp(site, { env });
  expect({ code: backup.code, stderr: backup.stderr }).toEqual({ code: 0, stderr: "" });
  for (const args of [
    ["verify", "--dest", site.dest],
    ["restore", "--dest", site.dest, "--to", join(site.directory, "out")],
    ["drill", "--dest", site.dest],
  ]) {
    const [script = "", ...flags] = args;
    expect((await runBuilt(script, [...flags, "--quiet"], { env })).code).toBe(0);
  }
});
