/** A SQLite file whose writer was killed in the middle of a transaction, which a read-only connection cannot roll back. */
import { createHash } from "node:crypto";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { execa } from "execa";
import { expect, test } from "vitest";
import { rowsOf } from "../../../support/portable/engines.ts";
import { processWith, runSql } from "../../../support/sqlite.ts";
import { suiteDirectory } from "../../../support/temp.ts";

const directory = suiteDirectory("holdfast-crashed-writer-");

const sha256 = (file: string): string => createHash("sha256").update(readFileSync(file)).digest("hex");

/** Changes rows until pages reach the file, and kills the process before it commits. */
async function crash(file: string): Promise<void> {
  runSql(
    file,
    "create table note (id integer primary key, body text)",
    "with recursive n(i) as (select 1 union all select i + 1 from n where i < 4000) insert into note select i, hex(randomblob(200)) from n",
  );
  const code = `db.exec("pragma cache_size = 5; begin; update note set body = 'half written'"); process.kill(process.pid, "SIGKILL");`;
  const { signal } = await execa(process.execPath, processWith(file, code), { reject: false });
  expect(signal).toBe("SIGKILL");
}

test("is read as it was before the transaction, and stays as it is", async () => {
  const file = join(directory, "site.db");
  await crash(file);
  const state = (): string[] => readdirSync(directory).map((name) => `${name} ${sha256(join(directory, name))}`);
  const before = state();
  expect(readdirSync(directory)).toEqual(["site.db", "site.db-journal"]);
  const url = `sqlite://${file}`;
  expect(await rowsOf(url, "select count(*), sum(body = 'half written') from note")).toEqual(["4000|0"]);
  expect(state()).toEqual(before);
});
