/** A drill of a reinit: on a copy, by one command, and the site's own database stays as it is. */
import { mkdtempSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { change, rowsOf, startEngines, type PortableEngines } from "../support/portable.ts";
import { reinitRows, reinitSchema, reinitSite, type ReinitSite } from "../support/reinit.ts";
import { runScript, type RunResult } from "../support/run.ts";
import { makeTemp, removeTree } from "../support/temp.ts";

let engines: PortableEngines;
let directory: string;
beforeAll(async () => {
  directory = makeTemp("holdfast-reinit-drill-");
  engines = await startEngines();
}, 120_000);
afterAll(async () => {
  await engines.stop();
  removeTree(directory);
});

async function site(name: string): Promise<ReinitSite> {
  const engine = engines.of(name);
  return reinitSite(
    mkdtempSync(join(directory, "site-")),
    await engine.make(`${reinitSchema(engine.name)}\n${reinitRows}`),
  );
}
const drill = async ({ config, root }: ReinitSite, ...args: string[]): Promise<RunResult> =>
  await runScript("drill", ["--reinit", "--config", config, "--sandbox", join(root, "../sandbox"), "--json", ...args]);

describe.each(["SQLite", "PostgreSQL", "MariaDB"])("on %s", (name) => {
  test("export, reinit and import give the same digests, and nothing of the site changes", async () => {
    const place = await site(name);
    const found = await drill(place);
    expect({ code: found.code, stderr: found.stderr }).toMatchObject({ code: 0 });
    expect(found.json.at(-1)).toMatchObject({ ok: true, cleared_rows: 12, unit: "main" });
    expect(await rowsOf(place.url, "select count(*) from book")).toEqual(["2"]);
    expect(readdirSync(place.media)).toEqual(["photo.jpg"]);
    expect(readdirSync(join(place.root, "../sandbox"))).toEqual([]);
  }, 90_000);
});

test("rows that an import changes are found: exit 13", async () => {
  const place = await site("SQLite");
  // A trigger that the import cannot know to be idle: its effect is there once the row is made again by hand of the database.
  await change(place.url, "create table counter (name text not null primary key, n integer not null)");
  await change(place.url, "insert into counter values ('x', 1)");
  writeFileSync(
    place.config,
    readFileSync(place.config, "utf8").replace("backup: true", "backup: true\n  keys: { tag: [name], counter: [n] }"),
  );
  const found = await drill(place, "--run", "latest");
  expect([found.code, found.json.at(-1)]).toMatchObject([2, { error_code: "E_USAGE" }]);
});
