/** Commands that errors and results show: they work as they stand, from the shell that the command was started in. */
import { execFileSync } from "node:child_process";
import { mkdirSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { expect, test } from "vitest";
import { backUp } from "../../support/runs/backup.ts";
import { runInProcess } from "../../support/commands/in-process.ts";
import { builtScript } from "../../support/commands/build.ts";
import { PROJECT } from "../../support/commands/run.ts";
import { makeSite } from "../../support/sites/site.ts";
import { tempDirectory } from "../../support/temp.ts";

test.each([
  ["a script", "delete", [], /hint: .*?(npx tsx scripts\/list\.ts.*?)(?: shows the runs.*)?\n/],
  ["holdfast", "holdfast", ["delete"], /hint: .*?(holdfast list.*?)(?: shows the runs.*)?\n/],
] as const)("the command of a hint of %s finds the same config and store", async (_, script, words, hint) => {
  const directory = tempDirectory();
  const site = makeSite(join(directory, "it's a site"));
  const { run } = await backUp(site);
  const bin = join(directory, "bin/holdfast");
  mkdirSync(dirname(bin));
  writeFileSync(bin, `#!/bin/sh\nexec '${process.execPath}' '${builtScript("holdfast")}' "$@"\n`, { mode: 0o755 });
  const flags = ["--config", site.config, "--dest", site.dest];
  const { code, stderr } = await runInProcess(script, [...words, "20000101T000000Z", "--yes", ...flags]);
  expect(code).toBe(1);
  const [, command = ""] = hint.exec(stderr) ?? [];
  const env = { ...process.env, PATH: `${dirname(bin)}:${process.env["PATH"] ?? ""}` };
  const listed = execFileSync("bash", ["-c", `cd ${PROJECT} && ${command}`], { encoding: "utf8", env });
  expect(listed).toContain(run);
});
