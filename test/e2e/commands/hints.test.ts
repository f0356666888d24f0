/** Commands that errors and results show: they work as they stand, from the shell that the command was started in. */
import { execFileSync } from "node:child_process";
import { join } from "node:path";
import { expect, test } from "vitest";
import { backUp, runBuilt } from "../../support/backup.ts";
import { PROJECT } from "../../support/run.ts";
import { makeSite } from "../../support/site.ts";
import { tempDirectory } from "../../support/temp.ts";

test("the command of a hint finds the same config and store", async () => {
  const site = makeSite(join(tempDirectory(), "it's a site"));
  const { run } = await backUp(site);
  const flags = ["--config", site.config, "--dest", site.dest];
  const { code, stderr } = await runBuilt("delete", ["20000101T000000Z", "--yes", ...flags]);
  expect(code).toBe(1);
  const [, command = ""] = /hint: .*?(npx tsx scripts\/list\.ts.*?)(?: shows the runs.*)?\n/.exec(stderr) ?? [];
  const listed = execFileSync("bash", ["-c", `cd ${PROJECT} && ${command}`], { encoding: "utf8" });
  expect(listed).toContain(run);
});
