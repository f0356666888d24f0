import { chmodSync, copyFileSync, mkdirSync, utimesSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { beforeEach, describe, expect, test } from "vitest";
import { PROJECT, startProgram, type RunResult } from "../../support/commands/run.ts";
import { tempDirectory } from "../../support/temp.ts";

/** A checkout of which only `test.sh` is real; `npm` says what it was asked for. */
describe("test.sh", () => {
  let checkout: string;

  beforeEach(() => {
    checkout = tempDirectory();
    chmodSync(checkout, 0o755);
    copyFileSync(join(PROJECT, "test.sh"), join(checkout, "test.sh"));
    write("test/support/tools.txt", "# the tools\nsh                   dash\n/bin/*sh   dash\n");
    write("bin/npm", '#!/bin/sh\nprintf "npm"; for word; do printf " [%s]" "$word"; done; echo\n');
    chmodSync(join(checkout, "bin/npm"), 0o755);
    write("package-lock.json", "{}");
    write("node_modules/.package-lock.json", "{}");
    utimesSync(join(checkout, "package-lock.json"), 1_000, 1_000);
  });

  function write(path: string, text: string): void {
    mkdirSync(dirname(join(checkout, path)), { recursive: true });
    writeFileSync(join(checkout, path), text);
  }

  function run(...args: string[]): Promise<RunResult> {
    const env = { PATH: `${join(checkout, "bin")}:${process.env["PATH"] ?? ""}` };
    const user = process.getuid?.() === 0 ? { user: "nobody" } : {};
    return startProgram([join(checkout, "test.sh"), ...args], { env, cwd: "/", ...user }).done;
  }

  test("runs the tests with the arguments that it was given", async () => {
    const { code, stdout, stderr } = await run("test/unit", "-t", "two words");
    expect({ code, stdout, stderr }).toEqual({
      code: 0,
      stdout: "npm [test] [--silent] [--] [test/unit] [-t] [two words]\n",
      stderr: "",
    });
  });

  test("names the packages of missing programs, once each, in a line to copy, and stops", async () => {
    write("test/support/tools.txt", "sh dash\nno-such-b package-b\nno-such-a package-a\n/no/such/*/file package-b\n");
    const { code, stdout, stderr } = await run();
    expect(code).toBe(1);
    expect(stderr).toContain("\n  apt-get install --no-install-recommends package-a package-b\n");
    expect(stdout).toBe("");
  });

  test("has no way around missing programs", async () => {
    write("test/support/tools.txt", "no-such package\n");
    expect(await run("--allow-missing")).toMatchObject({ code: 1, stdout: "" });
  });

  test("passes the status of failed tests on", async () => {
    write("bin/npm", "#!/bin/sh\nexit 7\n");
    expect((await run()).code).toBe(7);
  });

  test("installs npm packages when the lock file is newer than what is installed, and shows why that failed", async () => {
    utimesSync(join(checkout, "node_modules/.package-lock.json"), 500, 500);
    write("bin/npm", '#!/bin/sh\n[ "$1" = ci ] && { echo "npm ERR! no network"; exit 1; }\necho tests\n');
    expect(await run()).toMatchObject({
      code: 1,
      stdout: "",
      stderr: "installing the npm packages …\nnpm ERR! no network\n",
    });
  });
});
