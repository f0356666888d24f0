import { existsSync, readFileSync, readdirSync, writeFileSync } from "node:fs";
import { basename, join } from "node:path";
import { describe, expect, test } from "vitest";
import { PROJECT, startProgram, type RunResult } from "../support/commands/run.ts";
import { tempDirectory } from "../support/temp.ts";

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
    expect(readdirSync(UNITS).sort()).toEqual([
      "holdfast-backup@.service",
      "holdfast-backup@.timer",
      "holdfast-drill@.service",
      "holdfast-drill@.timer",
    ]);
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
  ])("start a script that there is: %s", (unit, name) => {
    const [, script] = SCRIPT.exec(readFileSync(join(UNITS, `holdfast-${unit}@.service`), "utf8")) ?? [];
    expect(basename(script ?? "")).toBe(name);
    expect(existsSync(join(PROJECT, `${script}.ts`))).toBe(true);
  });

  test("leave the service little that it could harm", async () => {
    const unit = join(tempDirectory(), "holdfast-backup@clara.service");
    writeFileSync(unit, readFileSync(join(UNITS, "holdfast-backup@.service")));
    const argv = ["systemd-analyze", "security", "--offline=true", "--no-pager", "--threshold=25", unit];
    expect(await startProgram(argv).done).toMatchObject({ code: 0 });
  });
});
