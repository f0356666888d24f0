import { existsSync, mkdirSync, readFileSync, readdirSync, writeFileSync } from "node:fs";
import { basename, join } from "node:path";
import { describe, expect, test } from "vitest";
import { PROJECT, runScript, startProgram, type RunResult } from "../support/commands/run.ts";
import { filesOf } from "../support/files.ts";
import { suiteDirectory, tempDirectory } from "../support/temp.ts";

const UNITS = join(PROJECT, "config/systemd");
const SCRIPT = /\/opt\/holdfast\/dist\/(\S+)\.js/;

/** Copies the units, each changed by `change`, and lets systemd read them. Node is taken from where it is on this host. */
async function verify(change = (text: string) => text): Promise<RunResult> {
  const directory = tempDirectory();
  const copies = readdirSync(UNITS).map((name) => {
    const copy = join(directory, name);
    writeFileSync(copy, change(readFileSync(join(UNITS, name), "utf8").replace("/usr/bin/node", process.execPath)));
    return copy;
  });
  return await startProgram(["systemd-analyze", "verify", ...copies]).done;
}

describe("the systemd units", () => {
  test("are a service and a timer each", () => {
    const jobs = ["backup", "drill", "prune", "verify", "watch"];
    expect(readdirSync(UNITS).sort()).toEqual(
      jobs.flatMap((job) => [`holdfast-${job}@.service`, `holdfast-${job}@.timer`]),
    );
  });

  // systemd-analyze exits 0 on keys that it does not know and only warns of them.
  test("pass systemd-analyze verify without a word", async () => {
    expect(await verify()).toMatchObject({ code: 0, stdout: "", stderr: "" });
  });

  test.each([
    ["an unknown key", (text: string) => text.replace("PrivateTmp=", "PrivateTemp=")],
    ["a value that is none", (text: string) => text.replace("KillMode=mixed", "KillMode=gently")],
    ["a time that is none", (text: string) => text.replace("02:00:00", "26:00:00")],
    ["a program that is not there", (text: string) => text.replace(process.execPath, "/no/such/node")],
  ])("would not pass with %s", async (_name, change) => {
    expect((await verify(change)).stderr).not.toBe("");
  });

  test.each([
    ["backup", "backup_all"],
    ["drill", "drill"],
    ["prune", "prune"],
    ["verify", "verify"],
    ["watch", "watch"],
  ])("start a script that there is: %s", (unit, name) => {
    const [, script] = SCRIPT.exec(readFileSync(join(UNITS, `holdfast-${unit}@.service`), "utf8")) ?? [];
    expect(basename(script ?? "")).toBe(name);
    expect(existsSync(join(PROJECT, `${script}.ts`))).toBe(true);
  });

  test.each(["backup", "drill", "prune", "verify", "watch"])(
    "leave the service little that it could harm: %s",
    async (job) => {
      const unit = join(tempDirectory(), `holdfast-${job}@clara.service`);
      writeFileSync(unit, readFileSync(join(UNITS, `holdfast-${job}@.service`)));
      const argv = ["systemd-analyze", "security", "--offline=true", "--no-pager", "--threshold=25", unit];
      expect(await startProgram(argv).done).toMatchObject({ code: 0 });
    },
  );
});

describe("install_systemd", () => {
  const directory = suiteDirectory("holdfast-systemd-");
  const store = join(directory, 'a store, 100 % "full"');
  const configOf = (site: string): string => {
    const file = join(directory, `${site}.yaml`);
    writeFileSync(
      file,
      `site: ${site}\nroot: ${directory}\ndest: ${JSON.stringify(store)}\ntrees: [none]\nmetrics: { textfile: figures }\n`,
    );
    return file;
  };
  const install = async (...args: string[]): Promise<RunResult> => await runScript("install_systemd", args);
  const filesIn = (root: string): string[] => (existsSync(root) ? filesOf(root) : []);
  const isEnabled = async (root: string, unit: string): Promise<string> =>
    (await startProgram(["systemctl", `--root=${root}`, "is-enabled", unit]).done).stdout.trim();

  test("prints what it would write, and writes nothing", async () => {
    const root = join(directory, "dry");
    const { code, stdout } = await install("--config", configOf("clara"), "--root", root, "--dry-run");
    expect(code).toBe(0);
    expect(stdout).toContain(`# ${root}/etc/systemd/system/holdfast-verify@.service`);
    expect(filesIn(root)).toEqual([]);
  });

  test("installs the units of two sites, which systemd takes with their drop-ins, and removes each site's own", async () => {
    const root = join(directory, "image");
    for (const site of ["clara", "other"])
      expect(await install("--config", configOf(site), "--root", root)).toMatchObject({ code: 0, stderr: "" });
    const dropIn = join(root, "etc/systemd/system/holdfast-prune@clara.service.d/holdfast.conf");
    expect(readFileSync(dropIn, "utf8")).toContain(
      `ReadWritePaths="${store.replace("%", "%%").replaceAll('"', String.raw`\"`)}"`,
    );
    expect(readFileSync(dropIn, "utf8")).toContain(`ReadWritePaths="-${directory}/figures"`);
    for (const job of ["backup", "verify", "drill", "prune", "watch"])
      expect(await isEnabled(root, `holdfast-${job}@clara.timer`)).toBe("enabled");
    expect(await install("--site", "clara", "--root", root, "--uninstall")).toMatchObject({ code: 0, stderr: "" });
    expect(await isEnabled(root, "holdfast-backup@clara.timer")).toBe("disabled");
    expect(await isEnabled(root, "holdfast-backup@other.timer")).toBe("enabled");
    expect(existsSync(dropIn)).toBe(false);
    expect(await install("--site", "other", "--root", root, "--uninstall")).toMatchObject({ code: 0, stderr: "" });
    expect(filesIn(root)).toEqual([]);
  });

  test("writes nothing if systemd has anything to say of the units", async () => {
    const root = join(directory, "refused");
    const bin = join(directory, "bin");
    mkdirSync(bin);
    writeFileSync(join(bin, "systemd-analyze"), "#!/bin/sh\necho 'holdfast.conf:3: Unknown key' >&2\n", {
      mode: 0o755,
    });
    const { code, stderr } = await runScript("install_systemd", ["--config", configOf("clara"), "--root", root], {
      env: { PATH: `${bin}:${process.env["PATH"] ?? ""}` },
    });
    expect(code).toBe(2);
    expect(stderr).toMatch(/systemd does not take the units as they are: holdfast.conf:3: Unknown key/);
    expect(filesIn(root)).toEqual([]);
  });
});
