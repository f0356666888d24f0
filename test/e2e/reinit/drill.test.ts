/** A drill of a reinit: on a copy, by one command, and the site's own database stays as it is. */
import { mkdtempSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { runInProcess } from "../../support/commands/in-process.ts";
import { rowsOf, useEngines } from "../../support/portable/engines.ts";
import { reinitRows, reinitSchema, reinitSite, type ReinitSite } from "../../support/sites/reinit.ts";
import type { RunResult } from "../../support/commands/run.ts";
import { acquireMariadb } from "../../support/servers/acquire.ts";
import { suiteDirectory } from "../../support/temp.ts";

const engines = useEngines();
const directory = suiteDirectory("holdfast-reinit-drill-");

async function site(name: string): Promise<ReinitSite> {
  const engine = engines.of(name);
  return reinitSite(
    mkdtempSync(join(directory, "site-")),
    await engine.make(`${reinitSchema(engine.name)}\n${reinitRows}`),
  );
}
const drill = async ({ config, root }: ReinitSite, ...args: string[]): Promise<RunResult> =>
  await runInProcess("drill", [
    "--reinit",
    "--config",
    config,
    "--sandbox",
    join(root, "../sandbox"),
    "--json",
    ...args,
  ]);

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

test("what does not come back as it was is named: exit 13; the scratch database on a named server is dropped", async () => {
  const server = await acquireMariadb();
  try {
    const database = await server.createDatabase();
    await server.sql(`${reinitSchema("MariaDB")}\n${reinitRows}`, database);
    // MariaDB cannot keep a trigger from an import.
    await server.sql(
      "create trigger shout before insert on book for each row set new.author_id = (select max(id) from auth_user)",
      database,
    );
    const url = server.urlOf(database).replace("clara@", `clara:${server.password}@`);
    const place = reinitSite(mkdtempSync(join(directory, "site-")), url);
    const found = await drill(place, "--database", server.superuserUrl);
    expect([found.code, found.code === 13 ? "" : found.stderr]).toEqual([13, ""]);
    const { ok, tables } = found.json.at(-1) as { ok: boolean; tables: { table: string; same: boolean }[] };
    expect([ok, tables.filter(({ same }) => !same).map(({ table }) => table)]).toEqual([false, ["book"]]);
    expect(await server.sql("show databases", "mysql")).not.toContain("holdfast_drill");
  } finally {
    await server.release();
  }
}, 90_000);

test("columns that the config leaves out or replaces, and defaults, count as in an import of its export", async () => {
  const place = await site("SQLite");
  const text = readFileSync(place.config, "utf8");
  const refinement = "  exclude_columns: { auth_user: [is_admin] }\n  replace: { note: { said: secret } }\n";
  // Keys cannot be replaced, in a drill as in an export.
  writeFileSync(place.config, `${text}\n${refinement}`);
  expect(await drill(place)).toMatchObject({ code: 2 });
  const columns = "  exclude_columns: { auth_user: [is_admin] }\n  replace: { setting: { value: secret } }\n";
  const cleared = `${text.replace("keep: [setting]", "keep: [tag]").replace(/ *keep_rows.*/, "")}\n${columns}`;
  writeFileSync(place.config, cleared);
  const refused = await drill(place);
  expect([refused.code, refused.stderr]).toEqual([14, expect.stringContaining("auth_user.is_admin")]);
  writeFileSync(place.config, `${cleared}  defaults: { auth_user: { is_admin: false } }\n`);
  const found = await drill(place);
  expect({ code: found.code, stderr: found.stderr }).toMatchObject({ code: 0 });
  const { warnings } = found.json.at(-1) as { warnings: string[] };
  expect(warnings).toContain("auth_user: is_admin left out of the export: cleared rows come back without them");
  expect(warnings).toContain("setting: value replaced in the export: cleared rows come back with other values");
}, 90_000);

test("flags that mean a run are refused", async () => {
  const found = await drill(await site("SQLite"), "--run", "latest");
  expect([found.code, found.json.at(-1)]).toMatchObject([2, { error_code: "E_USAGE" }]);
});

test("triggers of an account that the private server does not have fire there as on the site; a server that is named has to have it", async () => {
  const server = await acquireMariadb();
  try {
    const database = await server.createDatabase();
    await server.sql(`${reinitSchema("MariaDB")}\n${reinitRows}`, database);
    await server.sql(
      "create user 'gone girl'@'10.%'; grant all on *.* to 'gone girl'@'10.%'; create definer = 'gone girl'@'10.%' trigger hear before delete on note for each row set @heard = old.said; create definer = 'gone girl'@'10.%' view notes as select * from note",
      database,
    );
    const url = server.urlOf(database).replace("clara@", `clara:${server.password}@`);
    const place = reinitSite(mkdtempSync(join(directory, "site-")), url);
    const found = await drill(place);
    expect([found.code, found.code === 0 ? "" : found.stdout]).toEqual([0, ""]);
    expect(found.json.at(-1)).toMatchObject({ ok: true });
    expect(found.stdout).not.toContain("gone girl");
    await server.sql("drop user 'gone girl'@'10.%'; grant select on mysql.user to public", database);
    const orphaned = await drill(place);
    expect(orphaned.json.at(-1)).toMatchObject({
      ok: true,
      warnings: expect.arrayContaining([expect.stringMatching(/the site's server lacks gone girl@10\.%, to which/)]),
    });
    const named = await drill(place, "--database", server.superuserUrl);
    expect(named.code).toBe(1);
    expect(named.json.at(-1)).toMatchObject({
      error_code: "E_TARGET",
      message: expect.stringContaining("gone girl@10.%"),
      hint: expect.stringContaining("omit --database"),
    });
    expect(await server.sql("show databases", "mysql")).not.toContain("holdfast_drill");
  } finally {
    await server.release();
  }
}, 90_000);
