/** The newcomer's first command. */
import { existsSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { runScript } from "../../support/commands/run.ts";
import { tempDirectory } from "../../support/temp.ts";

test("--demo makes a site, backs it up, proves the run and shows it; once more, it takes what has not changed", async () => {
  const directory = tempDirectory();
  const dest = join(directory, "demo");
  const env = { XDG_STATE_HOME: join(directory, "state") };
  const first = await runScript("backup_all", ["--demo", "--dest", dest], { env });
  expect(first.code, first.stderr).toBe(0);
  expect(first.stderr).toMatch(/^making a demo site in .*\ndemo: run \d{8}T\d{6}Z\n(?:✓ .*\n){7}$/);
  expect(first.stdout).toContain("✓ complete: ");
  expect(first.stdout).toMatch(/✓ checksums .*\n(?:✓ .*\n)+\n/);
  for (const mark of ["✗ ", "? ", String.fromCharCode(27)]) expect(first.stdout).not.toContain(mark);
  for (const shown of ["tts_audio_part_0001.tgz", "compiled.zip", "SHA256SUMS", "RESTORE.md"])
    expect(first.stdout).toContain(shown);
  expect(readdirSync(directory).toSorted()).toEqual(["demo", "demo.site", "state"]);
  expect(existsSync(join(dest, "latest/manifest.json"))).toBe(true);

  const second = await runScript("backup_all", ["--demo", "--dest", dest, "--json"], { env });
  expect(second.code, second.stderr).toBe(0);
  const lines = second.stdout.trim().split("\n");
  expect(second.json).toHaveLength(lines.length);
  expect(second.json.at(-1)).toMatchObject({ message_type: "summary", status: "complete", units_built: 2 });
  expect(second.stderr).toBe("");
});
