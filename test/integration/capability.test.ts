/** The service is an ordinary user that may read everything: by a capability, which not every system call honours. */
import { chmodSync, mkdirSync, readdirSync, statSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { makeDemoSite } from "../../lib/cli/backup/demo-site.ts";
import { PROJECT, startProgram } from "../support/commands/run.ts";
import { tempDirectory } from "../support/temp.ts";

const CAPABILITY = "+dac_read_search";
const AS_THE_SERVICE = [
  ...["setpriv", "--reuid=nobody", "--regid=nogroup", "--clear-groups"],
  ...[`--inh-caps=${CAPABILITY}`, `--ambient-caps=${CAPABILITY}`, "--"],
];

test("a site that is closed to everybody else is backed up whole by CAP_DAC_READ_SEARCH", async () => {
  const parent = tempDirectory();
  chmodSync(parent, 0o755);
  const { config } = await makeDemoSite(join(parent, "site"));
  const root = join(parent, "site/clara");
  for (const name of readdirSync(root, { recursive: true, encoding: "utf8" })) {
    // git itself asks access(2) about its own directories.
    const path = join(root, name);
    if (!name.startsWith("app") && statSync(path).isDirectory()) chmodSync(path, 0o700);
    else if (!name.startsWith("app/.git")) chmodSync(path, 0o600 | (statSync(path).mode & 0o111));
  }
  chmodSync(join(root, "app"), 0o755);
  const store = join(parent, "store");
  mkdirSync(store);
  chmodSync(store, 0o777);
  const script = [process.execPath, "--import", import.meta.resolve("tsx"), join(PROJECT, "scripts/backup_all.ts")];
  const { code, stdout, stderr } = await startProgram(
    [...AS_THE_SERVICE, ...script, "--config", config, "--dest", join(store, "clara")],
    { env: { HOME: store, XDG_STATE_HOME: store } },
  ).done;
  expect({ code, stderr, stdout }).toMatchObject({ code: 0, stdout: expect.stringContaining("complete: ") });
  expect(stderr).not.toContain("warning:");
});
