/** Keys and signers: which runs are signed by whom, what a key that cannot sign does, and how a person checks it all by hand. */
import { execFileSync, spawnSync } from "node:child_process";
import {
  chmodSync,
  chownSync,
  existsSync,
  lchownSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  renameSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { beforeEach, describe, expect, test } from "vitest";
import { runInProcess } from "../../support/commands/in-process.ts";
import {
  backup,
  backUp,
  eventually,
  processesWith,
  restoreScript,
  startBackup,
  rest,
} from "../../support/runs/backup.ts";
import { makeKey, makeSignedSite, startAgent, verifyByHand, type SignedSite } from "../../support/signing/keys.ts";
import { tempDirectory } from "../../support/temp.ts";

let directory: string;
let site: SignedSite;
beforeEach(() => {
  directory = tempDirectory();
  site = makeSignedSite(directory, { projects: 1, files: 1 });
});

const runs = (): string[] => readdirSync(join(site.dest, "runs")).filter((name) => !name.startsWith("."));
const leftovers = (): string[] => readdirSync(join(site.dest, "runs")).filter((name) => name.startsWith("."));

/** Replaces `ssh-keygen` on the PATH by a shell script in which `$REAL` is the right one; undefined takes it away. */
function replaceKeygen(script: string | undefined): { PATH: string } {
  const bin = join(directory, "bin");
  rmSync(bin, { recursive: true, force: true });
  mkdirSync(bin);
  if (script === undefined) {
    for (const name of readdirSync("/usr/bin"))
      if (name !== "ssh-keygen") symlinkSync(join("/usr/bin", name), join(bin, name));
    return { PATH: bin };
  }
  writeFileSync(join(bin, "ssh-keygen"), `#!/bin/sh\nREAL=/usr/bin/ssh-keygen\n${script}\n`, { mode: 0o755 });
  return { PATH: `${bin}:${process.env["PATH"] ?? ""}` };
}

describe("by hand", () => {
  test("ssh-keygen and sha256sum check a run, as RESTORE.md says", async () => {
    const { path } = await backUp(site);
    expect(() => verifyByHand(path, site.signers)).not.toThrow();
    const other = makeKey(directory, "other");
    const strangers = join(directory, "strangers");
    writeFileSync(strangers, other.line("clara@host"));
    expect(() => verifyByHand(path, strangers)).toThrow(/Command failed/);

    const guide = (signers: string) => {
      const root = join(tempDirectory(), "a site");
      mkdirSync(root);
      const env = { ...process.env, ALLOWED_SIGNERS: signers };
      return { root, ...spawnSync("bash", ["-c", restoreScript(path, root)], { cwd: path, env, encoding: "utf8" }) };
    };
    writeFileSync(strangers.replace("strangers", "it's"), readFileSync(site.signers));
    const good = guide(join(directory, "it's"));
    expect(good).toMatchObject({
      status: 0,
      stdout: expect.stringContaining('Good "holdfast-run" signature') as string,
    });
    expect(readdirSync(good.root)).toContain("clara_content");
    const bad = guide(strangers);
    expect(bad.status).not.toBe(0);
    expect(readdirSync(bad.root)).toEqual([]);
    expect(guide("")).toMatchObject({ status: 0, stdout: "" });
  });
});

describe("a key", () => {
  test("in the agent alone signs, by its public half", async () => {
    const env = await startAgent(tempDirectory(), site.key.file);
    renameSync(site.key.file, join(tempDirectory(), "away"));
    const config = readFileSync(site.config, "utf8").replace('signing key"', 'signing key.pub"');
    writeFileSync(site.config, config);
    const { summary, code } = await backup(site, [], { env });
    expect(code).toBe(0);
    verifyByHand(summary?.path ?? "", site.signers);

    const without = await backup(site, [], { env: { SSH_AUTH_SOCK: undefined } });
    expect(without).toMatchObject({ code: 12, error: { error_code: "E_SIGNING" } });
    expect(runs()).toHaveLength(1);
  });

  test.each([
    ["with a passphrase", "a passphrase", "", /passphrase/],
    ["that allowed_signers does not have", "", "# nobody\n", /is not by an allowed signer/],
  ])("%s ends the run before its work, with 12 and without a question", async (_what, passphrase, signers, said) => {
    await backUp(site);
    const key = makeKey(directory, "new", passphrase);
    writeFileSync(site.config, readFileSync(site.config, "utf8").replace("signing key", "new"));
    writeFileSync(site.signers, signers === "" ? key.line("clara@host") : signers);
    writeFileSync(site.config, `${readFileSync(site.config, "utf8")}\nhooks: { before: [touch, began] }\n`);
    const { code, error } = await backup(site);
    expect({ code, error }).toMatchObject({ code: 12, error: { error_code: "E_SIGNING" } });
    expect(error?.message).toMatch(said);
    expect(existsSync(join(site.root, "began"))).toBe(false);
    expect([runs().length, leftovers()]).toEqual([1, []]);
  });

  test("counts for the runs of its time: expired it signs none, and its earlier runs stay", async () => {
    const { run } = await backUp(site);
    const second = String(Number(run.slice(9, 15)) + 1).padStart(6, "0");
    // The next second, but for the last one of a minute.
    const end = `${run.slice(0, 8)}${second.endsWith("60") ? run.slice(9, 15) : second}`;
    writeFileSync(site.signers, site.key.line("clara@host", `valid-before="${end}Z"`));
    await new Promise((resolve) => setTimeout(resolve, 2_000));
    const late = await backup(site);
    expect(late.code).toBe(12);
    expect(late.error?.message).toMatch(/expired/);
    const verified = await runInProcess("verify", ["--config", site.config, "--dest", site.dest, "--quick"]);
    expect(verified.stdout).toContain(second.endsWith("60") ? "signature" : "✓ signature");

    writeFileSync(site.signers, site.key.line("clara@host", 'valid-before="20260101Z"'));
    const expired = await runInProcess("verify", ["--config", site.config, "--dest", site.dest, "--quick"]);
    expect(expired.code).toBe(13);
    expect(expired.stdout).toMatch(/SHA256SUMS\.sig.*expired/);
  });

  test("of another principal signs nothing, where the config names one", async () => {
    writeFileSync(
      site.config,
      readFileSync(site.config, "utf8").replace("signing: {", "signing: { principal: web@host,"),
    );
    expect((await backup(site)).error?.message).toMatch(/not by web@host/);
    writeFileSync(site.signers, site.key.line("web@host,clara@host"));
    const { path } = await backUp(site);
    expect(readFileSync(join(path, "RESTORE.md"), "utf8")).toContain("-I web@host");
    writeFileSync(site.signers, `${site.key.line("clara@host")}${makeKey(directory, "x").line("web@host")}`);
    const verified = await runInProcess("verify", ["--config", site.config, "--dest", site.dest, "--quick"]);
    expect(verified.code).toBe(13);
  });
});

describe("ssh-keygen", () => {
  const COUNT = (file: string): string => `echo "$2" >> '${file}'\nexec $REAL "$@"`;

  test("runs a fixed number of times: four for a backup, two for verify, none for list", async () => {
    await backUp(site);
    await backUp(site);
    const log = join(directory, "log");
    const env = replaceKeygen(COUNT(log));
    const calls = async (name: string, args: readonly string[]): Promise<string[]> => {
      writeFileSync(log, "");
      expect((await runInProcess(name, ["--config", site.config, "--dest", site.dest, ...args], { env })).code).toBe(0);
      return readFileSync(log, "utf8").trim().split("\n");
    };
    // The first three try the key, before hours of work are spent.
    expect(await calls("backup_all", [])).toEqual(["sign", "find-principals", "verify", "sign"]);
    expect(await calls("verify", ["--quick", "--evidence", directory])).toEqual(["find-principals", "verify", "sign"]);
    expect(await calls("list", [])).toEqual([""]);
  });

  test("that is missing: no run, and nothing is taken for valid", async () => {
    await backUp(site);
    const env = replaceKeygen(undefined);
    const failed = await backup(site, [], { env });
    expect(failed).toMatchObject({ code: 12, error: { error_code: "E_SIGNING", hint: "apt install openssh-client" } });
    const args = ["--dest", site.dest, "--allowed-signers", site.signers];
    for (const [name, more] of [
      ["verify", []],
      ["drill", ["--no-search"]],
      ["restore", ["--to", join(directory, "to")]],
    ] as const) {
      const { code, stdout, stderr } = await runInProcess(name, [...args, ...more], { env });
      expect({ name, code }).toEqual({ name, code: 13 });
      expect(stdout + stderr).toContain("no signature can be checked");
    }
  });

  test("that fails at the end: nothing is published, and --resume signs what was made", async () => {
    await rest();
    const good = await backUp(site);
    const second = `case "$2" in sign) echo >> '${directory}/signs'; test $(wc -l < '${directory}/signs') = 1 || exit 9;; esac; exec $REAL "$@"`;
    const failed = await backup(site, ["--existing", "overwrite"], { env: replaceKeygen(second) });
    expect(failed).toMatchObject({ code: 12, error: { error_code: "E_SIGNING" } });
    expect(runs()).toEqual([good.run]);
    expect(readlinkSync(join(site.dest, "latest"))).toBe(`runs/${good.run}`);
    const resumed = await backUp(site, ["--resume"]);
    // A dump and the host's configuration are always made anew.
    expect(resumed).toMatchObject({ units_built: 2, units_resumed: resumed.units - 2 });
    verifyByHand(resumed.path, site.signers);
    expect(leftovers()).toEqual([]);
  });

  test.each(["SIGKILL", "SIGTERM"] as const)(
    "%s while it signs: the last run stands, the next is right",
    async (signal) => {
      const good = await backUp(site);
      const script = `case "$2" in sign) echo >> '${directory}/signs'; test $(wc -l < '${directory}/signs') = 1 || { touch '${directory}/signing'; exec sleep 300; };; esac; exec $REAL "$@"`;
      const { child, done } = startBackup(site, [], { env: replaceKeygen(script) });
      await eventually("it signs", () => existsSync(join(directory, "signing")));
      child.kill(signal);
      const { code } = await done;
      expect(code).toBe(signal === "SIGTERM" ? 130 : null);
      expect(runs()).toEqual([good.run]);
      await eventually("no process of it is left", () => processesWith(directory).length === 0);
      verifyByHand(good.path, site.signers);
      const next = await backUp(site);
      verifyByHand(next.path, site.signers);
      expect([runs(), leftovers()]).toEqual([[good.run, next.run], []]);
    },
  );
});

describe("allowed_signers", () => {
  const verify = async (signers: string) =>
    await runInProcess("verify", ["--dest", site.dest, "--quick", "--allowed-signers", signers]);

  test("is refused where somebody else could change it", async () => {
    await backUp(site);
    const refused = async (file: string, why: RegExp): Promise<void> => {
      const { code, stderr } = await verify(file);
      expect(stderr).toMatch(why);
      expect(code).toBe(2);
    };
    await refused(join(directory, "none"), /does not exist/);
    await refused(directory, /is not a regular file/);
    chmodSync(site.signers, 0o664);
    await refused(site.signers, /can be written by its group or by everyone/);
    chmodSync(site.signers, 0o644);
    const open = join(directory, "open");
    mkdirSync(open);
    writeFileSync(join(open, "signers"), readFileSync(site.signers));
    chmodSync(open, 0o777);
    await refused(join(open, "signers"), /can be written by its group or by everyone/);
    const inside = join(site.dest, "signers");
    writeFileSync(inside, readFileSync(site.signers));
    await refused(inside, /lies inside the store/);
    const link = join(directory, "link");
    symlinkSync(inside, link);
    await refused(link, /lies inside the store/);
    rmSync(link);
    symlinkSync(site.signers, link);
    expect((await verify(link)).code).toBe(0);
    if (process.getuid?.() !== 0) return;
    lchownSync(link, 65_534, 65_534);
    await refused(link, /belongs to the user 65534/);
    chownSync(site.signers, 65_534, 65_534);
    await refused(site.signers, /belongs to the user 65534/);
  });

  test.each(["key", "allowed_signers"])(
    "and the key: a %s in the site or the store is a fault of the config",
    async (name) => {
      for (const [place, where] of [
        [join(site.root, "app/x"), /lies inside .*site \(root\)/],
        [join(site.dest, "x"), /lies inside .*store \(dest\)/],
      ] as const) {
        const text = readFileSync(site.config, "utf8").replace(new RegExp(`(\\W${name}: )"[^"]*"`), `$1"${place}"`);
        const file = join(directory, "wrong.yaml");
        writeFileSync(file, `${text}\ndest: store\n`);
        const { code, stdout, stderr } = await runInProcess("config", ["check", "--config", file]);
        expect(stdout + stderr).toMatch(where);
        expect(code).toBe(2);
      }
    },
  );

  test("without it a signature is not proved, and the run is no worse than before", async () => {
    await backUp(site);
    const { code, stdout } = await runInProcess("verify", ["--dest", site.dest, "--quick"]);
    expect(code).toBe(0);
    expect(stdout).toMatch(/\? signature +signed; not proved: there are no allowed signers/);
    const restored = await runInProcess("restore", ["--dest", site.dest, "--to", join(directory, "to")]);
    expect(restored.code).toBe(0);
    expect(restored.stderr).toContain("was not checked: there are no allowed signers");
  });
});

test("the key is nowhere in the store, nor its path in what a run holds", async () => {
  const { path } = await backUp(site);
  const secret = readFileSync(site.key.file, "utf8").split("\n")[1] ?? "?";
  expect(() => execFileSync("grep", ["-rqF", secret, site.dest])).toThrow();
  expect(readFileSync(join(path, "run.log"), "utf8")).not.toContain(site.key.file);
});

test("a safety run is signed as any other", async () => {
  const config = `${readFileSync(site.config, "utf8")}\nportable: { reinit: { keep: [django_migrations] } }\n`;
  writeFileSync(site.config, config);
  const cleared = await runInProcess("reinit", ["--config", site.config, "--dest", site.dest, "--yes", "--i-mean-it"]);
  expect(cleared.code, cleared.stderr).toBe(0);
  const [run = ""] = runs();
  const path = join(site.dest, "runs", run);
  expect(JSON.parse(readFileSync(join(path, "manifest.json"), "utf8"))).toMatchObject({ kind: "safety" });
  verifyByHand(path, site.signers);
});
