/** A target whose constraints promise less than the export's: rows that match two others are neither doubled nor lost. */
import { join } from "node:path";
import { expect, test } from "vitest";
import { connect } from "../../../../lib/portable/engines/connect.ts";
import { exportTables } from "../../../../lib/portable/export/run.ts";
import { importTables, type ImportResult } from "../../../../lib/portable/import/run.ts";
import { openExport } from "../../../../lib/portable/read/export-reader.ts";
import { planPortable } from "../../../../lib/portable/plan/run.ts";
import { tempDirectory } from "../../../support/temp.ts";
import { openDatabase, runSql } from "../../../support/sqlite.ts";

const { signal } = new AbortController();
const open = async (file: string, mode: "read" | "write") =>
  await connect({ url: `sqlite:///${file}`, execPrefix: [], root: "/" }, mode, signal);

function make(directory: string, name: string, sql: string): string {
  const file = join(directory, name);
  runSql(file, sql);
  return file;
}

const tables = (unique: string): string =>
  `create table shelf (id integer primary key, code text not null ${unique}); create table book (id integer primary key, title text not null ${unique}, shelf_id integer not null references shelf (id), pages integer);`;

async function bring(directory: string, target: string): Promise<ImportResult> {
  const source = make(
    directory,
    "source.db",
    `${tables("unique")} insert into shelf values (1, 'a'), (2, 'b'); insert into book values (1, 'One', 1, 10), (2, 'Two', 2, 20), (3, 'Three', 1, 30);`,
  );
  const output = join(directory, "export");
  const from = await open(source, "read");
  const plan = planPortable(await from.engine.introspect(from), {
    keys: {},
    groups: {},
    models: [],
    components: [],
    exclude: [],
  });
  await exportTables(from, plan, { output, sourceName: null, sourceUrl: null }, () => {});
  await from.close();
  const exported = await openExport(output, { verify: true, signal });
  const into = await open(target, "write");
  const request = { mode: "create-or-update", skipConflicts: false, dryRun: false, clearExisting: false } as const;
  const result = await importTables(into, exported, request, { signal, onRows: () => {} });
  await into.close();
  return result;
}

const booksOf = (file: string): unknown[] =>
  openDatabase(file)
    .prepare("select title, code, pages from book join shelf on shelf.id = shelf_id order by title")
    .all()
    .map(([title, code, pages]) => [title, code, Number(pages)]);

const counts = ({ tables: all }: ImportResult): string[] =>
  all.map(({ table, created, updated, unchanged }) => `${table} ${created} ${updated} ${unchanged}`);

const BOOKS = [
  ["One", "a", 10],
  ["Three", "a", 30],
  ["Two", "b", 20],
];

test("an empty target, guarded or not", async () => {
  for (const unique of ["unique", ""]) {
    const directory = tempDirectory();
    const target = make(directory, "target.db", tables(unique));
    expect(counts(await bring(directory, target))).toEqual(["shelf 2 0 0", "book 3 0 0"]);
    expect(booksOf(target)).toEqual(BOOKS);
  }
});

test("some rows there, one of them another", async () => {
  const directory = tempDirectory();
  const there = "insert into shelf values (7, 'b'); insert into book values (5, 'Two', 7, 21), (6, 'Own', 7, 1);";
  const target = make(directory, "target.db", `${tables("unique")} ${there}`);
  expect(counts(await bring(directory, target))).toEqual(["shelf 1 0 1", "book 2 1 0"]);
  expect(booksOf(target)).toEqual([BOOKS[0], ["Own", "b", 1], ...BOOKS.slice(1)]);
});

test("two rows of the target that have one key", async () => {
  const directory = tempDirectory();
  const there = "insert into shelf values (7, 'a'), (8, 'a');";
  const target = make(directory, "target.db", `${tables("")} ${there}`);
  expect(counts(await bring(directory, target))).toEqual(["shelf 1 0 1", "book 3 0 0"]);
  expect(booksOf(target)).toEqual(BOOKS);
});
