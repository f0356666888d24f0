/** Whatever the schema and its rows: they come into every engine as they were, a second import changes nothing, and links follow their rows. */
import { join } from "node:path";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { exportTables } from "../../lib/portable/export/run.ts";
import { importTables, type ImportResult } from "../../lib/portable/import/run.ts";
import { openExport } from "../../lib/portable/read/export-reader.ts";
import { planDatabase } from "../../lib/portable/plan/database.ts";
import { compareTables } from "../../lib/portable/compare/tables.ts";
import { on, useEngines } from "../support/portable/engines.ts";
import { build, recipes, type ModelTable } from "../support/portable/schema-generator.ts";
import { sqlOf } from "../support/portable/schema-render.ts";
import { suiteDirectory } from "../support/temp.ts";

const NAMES = ["PostgreSQL", "MariaDB", "SQLite"] as const;
const PAIRS = NAMES.flatMap((from) => NAMES.map((to) => [from, to] as const));
/** A hunt sets more. */
const RUNS = Number(process.env.TEST_SCHEMAS ?? 4);
const { signal } = new AbortController();
const engines = useEngines();
const directory = suiteDirectory("holdfast-portable-schemas-");
let count = 0;

interface Exported {
  readonly output: string;
  /** The kind of each table's key, and its columns. */
  readonly keys: ReadonlyMap<string, { readonly kind: string; readonly columns: readonly string[] }>;
}

async function exportOf(url: string): Promise<Exported> {
  const output = join(directory, `export-${count++}`);
  return await on(url, "read", async (connection) => {
    const plan = await planDatabase(connection, {
      keys: {},
      groups: {},
      models: [],
      components: [],
      exclude: [],
    });
    await exportTables(connection, plan, { output, sourceName: null, sourceUrl: null }, () => {});
    return { output, keys: new Map(plan.tables.map(({ table, key }) => [table.name, key])) };
  });
}

async function importInto(url: string, output: string): Promise<ImportResult> {
  const from = await openExport(output, { verify: true, signal });
  const request = { mode: "create-or-update", skipConflicts: false, dryRun: false, clearExisting: false } as const;
  return await on(url, "write", async (connection) => await importTables(connection, from, request, { signal, onRows: () => {} })); // prettier-ignore
}

async function differences(url: string, output: string): Promise<string[]> {
  const from = await openExport(output, { verify: true, signal });
  return await on(url, "read", async (connection) =>
    (await compareTables(connection, from, signal))
      .filter(({ same }) => !same)
      .map(({ table, exported, found }) => `${table}: ${exported} rows, found ${found}`),
  );
}

const total = ({ tables }: ImportResult, of: "created" | "updated" | "unchanged"): number =>
  tables.reduce((sum, one) => sum + one[of], 0);
const rowsOf = (tables: readonly ModelTable[]): number => tables.reduce((sum, { rows }) => sum + rows.length, 0);

/** Every second table, with all that its rows link to. */
function someOf(tables: readonly ModelTable[]): Set<ModelTable> {
  const some = new Set(tables.filter((_table, at) => at % 2 === 0));
  for (const { links } of some) for (const { target } of links) some.add(target);
  return some;
}

describe.each(PAIRS)("from %s to %s", (from, to) => {
  test("every schema and its rows", async () => {
    await fc.assert(
      fc.asyncProperty(recipes, async (recipe) => {
        const tables = build(recipe);
        const { output, keys } = await exportOf(await engines.of(from).make(sqlOf(from, tables)));
        const empty = await engines.of(to).make(sqlOf(to, tables, () => false));
        expect(total(await importInto(empty, output), "created")).toBe(rowsOf(tables));
        expect(await differences(empty, output)).toEqual([]);
        const again = await importInto(empty, output);
        expect([total(again, "created"), total(again, "updated"), total(again, "unchanged")]).toEqual([0, 0, rowsOf(tables)]); // prettier-ignore
        const some = someOf(tables);
        const renumbered = ({ name }: ModelTable): boolean => {
          const key = keys.get(name);
          return key?.kind === "natural" && !key.columns.includes("id");
        };
        const other = await engines.of(to).make(sqlOf(to, tables, (one) => some.has(one), renumbered));
        const merged = await importInto(other, output);
        expect([total(merged, "created"), total(merged, "updated")]).toEqual([rowsOf(tables) - rowsOf([...some]), 0]);
        expect(await differences(other, output)).toEqual([]);
      }),
      { numRuns: RUNS, interruptAfterTimeLimit: 100_000, endOnFailure: RUNS < 20 },
    );
  });
});
