/** What every engine promises of a restore: against real servers, checked with their own tools. */
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { watchTemp } from "../../support/watched-temp.ts";
import { compareTables } from "../../../lib/database/compare-facts.ts";
import type { DatabaseFacts, DatabaseTarget } from "../../../lib/database/snapshot.ts";
import { openRestorer } from "../../../lib/database/engines/open.ts";
import { openSnapshot } from "../../../lib/database/engines/open.ts";
import type { DatabaseRestorer } from "../../../lib/database/restorer.ts";
import { HoldfastError } from "../../../lib/errors.ts";
import { acquireMariadb, acquirePostgres, type TestServer } from "../../support/servers/acquire.ts";
import { runSql } from "../../support/sqlite.ts";

/** One engine's database in which a test works. */
interface Site {
  readonly target: DatabaseTarget;
  /** Runs statements in the live database. */
  run(statements: string): Promise<void>;
  /** Makes the live database go away. */
  destroy(): Promise<void>;
}

let postgres: TestServer;
let mariadb: TestServer;
const temporary = watchTemp("live");

beforeAll(async () => {
  [postgres, mariadb] = await Promise.all([acquirePostgres(), acquireMariadb()]);
  await mariadb.sql("grant all on `scratch\\_%`.* to clara@'127.0.0.1', clara@localhost", "mysql");
  await postgres.sql("alter role clara createdb", "postgres");
});
afterAll(async () => {
  await Promise.all([postgres?.release(), mariadb?.release()]);
});
const SITES: Record<string, () => Promise<Site>> = {
  postgresql: async () => {
    const name = await postgres.createDatabase();
    return {
      target: { url: postgres.urlOf(name), password: postgres.password, execPrefix: [], root: "/" },
      run: async (statements) => {
        await postgres.sql(`set session authorization clara;\n${statements}`, name);
      },
      destroy: async () => {
        await postgres.sql(`drop database ${name} with (force)`, "postgres");
      },
    };
  },
  mariadb: async () => {
    const name = await mariadb.createDatabase();
    return {
      target: { url: mariadb.urlOf(name), password: mariadb.password, execPrefix: [], root: "/" },
      run: async (statements) => {
        await mariadb.sql(statements, name);
      },
      destroy: async () => {
        await mariadb.sql(`drop database ${name}`, "mysql");
      },
    };
  },
  sqlite: async () => {
    const root = mkdtempSync(join(temporary.directory, "live-"));
    const run = async (statements: string): Promise<void> => {
      runSql(join(root, "site.db"), "pragma journal_mode = wal", statements);
    };
    await run("");
    return {
      target: { url: "sqlite:///site.db", execPrefix: [], root },
      run,
      destroy: async () => rmSync(join(root, "site.db")),
    };
  },
};

const signal = (): AbortSignal => new AbortController().signal;

async function restorerOf(site: Site): Promise<DatabaseRestorer> {
  const restorer = await openRestorer(site.target, signal());
  temporary.opened.push(restorer);
  return restorer;
}

/** A dump of the site as it is, and what was recorded of it. */
async function backUp(site: Site, name = "live.dump"): Promise<{ dump: string; facts: DatabaseFacts }> {
  const snapshot = await openSnapshot(site.target, signal());
  try {
    const dump = join(temporary.directory, name);
    const facts = await snapshot.facts({ exactRows: 1_000_000 });
    await snapshot.dump(dump, () => {});
    return { dump, facts };
  } finally {
    await snapshot.close();
  }
}

async function titles(site: Site): Promise<unknown[]> {
  const snapshot = await openSnapshot(site.target, signal());
  try {
    return (await snapshot.query("select title from page order by id")).map(({ title }) => title);
  } finally {
    await snapshot.close();
  }
}

const PAGES = `
  create table page (id integer primary key, title varchar(200) not null);
  insert into page values (1, 'first'), (2, 'it''s "second" 🎉');
  create table alembic_version (version_num varchar(32) primary key);
  insert into alembic_version values ('abc');
`;
const options = { onBytes: () => {}, restoreFlags: [] };

describe.each(Object.entries(SITES))("restoring %s", (_, makeSite) => {
  test("a dump comes back in the place of what was there, and what was there can come back", async () => {
    const site = await makeSite();
    await site.run(PAGES);
    const { dump, facts } = await backUp(site);
    await site.run("delete from page where id = 1");
    const restorer = await restorerOf(site);
    if (!restorer.exchanges) {
      const saved = await restorer.save(join(temporary.directory, "live.saved"));
      expect(saved.size_bytes).toBeGreaterThan(0);
      await restorer.reload(dump, options);
      expect(await titles(site)).toEqual(["first", 'it\'s "second" 🎉']);
      await restorer.reload(join(temporary.directory, "live.saved"), options);
      expect(await titles(site)).toEqual(['it\'s "second" 🎉']);
      return;
    }
    await restorer.load(dump, "scratch_1", options);
    expect(compareTables(facts.tables, (await restorer.facts("scratch_1")).tables)).toEqual({
      differences: [],
      notCompared: [],
    });
    for (let again = 0; again < 2; again++) {
      await restorer.exchange("scratch_1", "aside_1");
      expect(await titles(site)).toEqual(["first", 'it\'s "second" 🎉']);
      expect([await restorer.exists("scratch_1"), await restorer.exists("aside_1")]).toEqual([false, true]);
    }
    for (let again = 0; again < 2; again++) {
      await restorer.exchangeBack("scratch_1", "aside_1");
      expect(await titles(site)).toEqual(['it\'s "second" 🎉']);
      expect([await restorer.exists("scratch_1"), await restorer.exists("aside_1")]).toEqual([true, false]);
    }
    await restorer.drop("scratch_1");
    await restorer.drop("scratch_1");
    expect(await restorer.exists("scratch_1")).toBe(false);
  });

  test("the facts of what was loaded are those that were recorded, every table counted", async () => {
    const site = await makeSite();
    await site.run(PAGES);
    const { dump, facts } = await backUp(site);
    const restorer = await restorerOf(site);
    const heard: number[] = [];
    await restorer.load(dump, "scratch_2", { ...options, onBytes: (bytes) => heard.push(bytes) });
    const found = await restorer.facts("scratch_2");
    expect(found.tables).toEqual(facts.tables);
    expect(found.migrations).toEqual({ tool: "Alembic", applied: ["abc"] });
    expect(heard.length).toBeGreaterThan(0);
    expect(heard).toEqual(heard.toSorted((a, b) => a - b));
    await restorer.drop("scratch_2");
  });

  test("where there is no live database the dump becomes it", async () => {
    const site = await makeSite();
    await site.run(PAGES);
    const { dump } = await backUp(site);
    await site.destroy();
    const restorer = await restorerOf(site);
    expect(await restorer.present()).toBeUndefined();
    if (restorer.exchanges) {
      await restorer.load(dump, "scratch_3", options);
      for (let again = 0; again < 2; again++) await restorer.exchange("scratch_3", "aside_3");
    } else await restorer.reload(dump, options);
    expect(await titles(site)).toEqual(["first", 'it\'s "second" 🎉']);
    expect((await restorer.present())?.tables).toBe(2);
    if (restorer.exchanges) {
      for (let again = 0; again < 2; again++) await restorer.exchangeBack("scratch_3", "aside_3");
      expect(await restorer.present()).toBeUndefined();
      await restorer.drop("scratch_3");
    }
  });

  test("the tables and migrations of a live database are reported; an empty database has none", async () => {
    const site = await makeSite();
    const restorer = await restorerOf(site);
    expect((await restorer.present())?.tables ?? 0).toBe(0);
    await site.run(PAGES);
    const present = await restorer.present();
    expect(present?.tables).toBe(2);
    expect(present?.migrations?.applied).toEqual(["abc"]);
    expect(present?.size_bytes).toBeGreaterThan(0);
    expect(await restorer.freeBytes()).toSatisfy((free) => free === undefined || Number(free) > 0);
  });

  test.each(["damaged at its end", "no dump at all", "empty"])(
    "a dump that is %s is refused, and nothing is left of it",
    async (how) => {
      const site = await makeSite();
      await site.run(PAGES);
      await site.run(
        `create table filler (id integer primary key, body varchar(200)); insert into filler select a.id, 'x' from page a;`,
      );
      const { dump } = await backUp(site);
      const { readFileSync } = await import("node:fs");
      const bytes = readFileSync(dump);
      const bad = join(temporary.directory, "live.bad");
      if (how === "damaged at its end")
        writeFileSync(bad, bytes.subarray(0, bytes.length - Math.ceil(bytes.length / 10)));
      else writeFileSync(bad, how === "empty" ? "" : "this is not a dump\n");
      const restorer = await restorerOf(site);
      const error: unknown = await restorer.load(bad, "scratch_4", options).catch((reason: unknown) => reason);
      expect(error).toBeInstanceOf(HoldfastError);
      expect(error).toMatchObject({ code: "E_RESTORE" });
      expect(await restorer.exists("scratch_4")).toBe(false);
      expect(await titles(site)).toHaveLength(2);
    },
  );

  test("what an earlier attempt left is replaced", async () => {
    const site = await makeSite();
    await site.run(PAGES);
    const { dump, facts } = await backUp(site);
    const restorer = await restorerOf(site);
    await restorer.load(dump, "scratch_5", options);
    await restorer.load(dump, "scratch_5", options);
    expect((await restorer.facts("scratch_5")).tables).toEqual(facts.tables);
    await restorer.drop("scratch_5");
  });

  test("an abort while loading leaves nothing", async () => {
    const site = await makeSite();
    await site.run(PAGES);
    const { dump } = await backUp(site);
    const controller = new AbortController();
    const restorer = await openRestorer(site.target, controller.signal);
    const loading = restorer.load(dump, "scratch_6", { ...options, onBytes: () => controller.abort() });
    expect(await loading.catch((reason: unknown) => reason)).toMatchObject({ code: "E_INTERRUPTED" });
    await restorer.close();
    expect(await (await restorerOf(site)).exists("scratch_6")).toBe(false);
    expect(await titles(site)).toHaveLength(2);
  });
});
