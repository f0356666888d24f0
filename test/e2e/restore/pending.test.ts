/** What was cut off or waits to be confirmed forbids what would change the site beneath it: restores in place, reinits, restores of packages. */
import { appendFileSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { runBuilt } from "../../support/runs/backup.ts";
import { makeDatabase } from "../../support/sites/package.ts";
import { rowsOf } from "../../support/portable/engines.ts";
import { reinitRows, reinitSchema, reinitSite, type ReinitSite } from "../../support/sites/reinit.ts";
import type { RunResult } from "../../support/commands/run.ts";
import { suiteDirectory } from "../../support/temp.ts";

/** Kills the script that starts it. */
const CUT_OFF = "[sh, -c, 'kill -9 $PPID; sleep 5']";

const directory = suiteDirectory("holdfast-restore-pending-");
let count = 0;

function site(...reinit: readonly string[]): ReinitSite {
  const own = join(directory, `site-${++count}`);
  const url = makeDatabase(`${own}.db`, `${reinitSchema("SQLite")}\n${reinitRows}`);
  return reinitSite(own, url, reinit);
}
const run = async (script: string, { config }: ReinitSite, ...args: string[]): Promise<RunResult> =>
  await runBuilt(script, ["--config", config, "--json", ...args]);
const reinit = async (place: ReinitSite, ...args: string[]): Promise<RunResult> =>
  await run("reinit", place, ...(args.length > 0 ? args : ["--yes", "--i-mean-it"]));
const restore = async (place: ReinitSite, ...args: string[]): Promise<RunResult> =>
  await run("restore", place, ...(args.length > 0 ? args : ["--in-place", "--step", "db", "--yes"]));
const ended = ({ json, code }: RunResult): unknown => ({ code, ...(json.at(-1) as object) });
const books = async ({ url }: ReinitSite): Promise<string | undefined> =>
  (await rowsOf(url, "select count(*) from book"))[0];

test("no restore in place while a reinit is cut off, and none of a package; once it is recovered, both go", async () => {
  const place = site(`admin_command: ${CUT_OFF}`);
  const file = join(directory, "books.tgz");
  expect((await run("backup_all", place)).code).toBe(0);
  expect((await run("portable", place, "package", "-o", file, "--include-users")).code).toBe(0);
  expect((await reinit(place)).signal).toBe("SIGKILL");
  expect(await books(place)).toBe("0");
  const refused = {
    code: 1,
    error_code: "E_PENDING",
    message: expect.stringMatching(/^the reinit \S+ was interrupted/),
  };
  const what = [
    ["--in-place", "--step", "db", "--yes"],
    ["--in-place", "--step", "db", "--dry-run"],
    ["--package", file, "--in-place", "--yes"],
  ];
  for (const args of what)
    expect(ended(await restore(place, ...args))).toMatchObject({
      ...refused,
      hint: expect.stringContaining("--recover finishes it or puts everything back"),
    });
  expect(await books(place)).toBe("0");
  writeFileSync(place.config, readFileSync(place.config, "utf8").replace(CUT_OFF, "[sh, -c, 'exit 0']"));
  expect((await reinit(place, "--recover")).code).toBe(0);
  expect((await restore(place)).code).toBe(0);
  expect(await books(place)).toBe("2");
});

test("no reinit while a restore in place is cut off, or waits to be confirmed", async () => {
  const place = site();
  expect((await run("backup_all", place)).code).toBe(0);
  appendFileSync(place.config, `\nhealth: { smoke: ${CUT_OFF} }\n`);
  expect((await restore(place)).signal).toBe("SIGKILL");
  expect(ended(await reinit(place))).toMatchObject({
    code: 1,
    error_code: "E_PENDING",
    message: expect.stringMatching(/^the restore \S+ of the run \S+ was interrupted while migrating/),
    hint: expect.stringMatching(/--recover/),
  });
  expect((await restore(place, "--rollback")).code).toBe(0);
  writeFileSync(place.config, readFileSync(place.config, "utf8").replace(CUT_OFF, "[sh, -c, 'exit 0']"));
  expect((await restore(place)).code).toBe(0);
  expect(ended(await reinit(place))).toMatchObject({
    code: 1,
    error_code: "E_PENDING",
    hint: expect.stringMatching(/--confirm \S+ to keep it, or --rollback/),
  });
  expect(await books(place)).toBe("2");
  expect(readdirSync(place.media)).toEqual(["photo.jpg"]);
  expect((await restore(place, "--confirm")).code).toBe(0);
  expect((await reinit(place)).code).toBe(0);
});
