/** Foreign keys that are set once every row exists. */
import type { ForeignKey } from "../schema/tables.ts";
import { markChanged } from "./changed-rows.ts";
import { assertNoOtherRows, isOtherOrigin } from "./other-origin.ts";
import type { ForeignKeyResolver } from "./resolve/foreign-keys.ts";
import type { ImportMode, MergeOptions } from "./resolve/options.ts";
import type { TableResult } from "./resolve/table-result.ts";
import { MATCH_STATE_COLUMN, realRows, stagingName } from "./staging/staged-table.ts";
import type { Statements } from "./staging/statements.ts";
import type { StagingTable } from "./staging/table.ts";

interface Deferred {
  readonly staging: StagingTable;
  readonly later: readonly ForeignKey[];
  readonly result: TableResult;
}

/** Sets the deferred foreign keys, once every row exists, and counts the rows that only this changes. */
export async function setDeferredKeys(
  on: Statements,
  links: ForeignKeyResolver,
  options: MergeOptions,
  { staging, later, result }: Deferred,
): Promise<void> {
  const { mode } = options;
  // Resolve all of them first: several may share a column.
  for (const staged of staging.links)
    if (later.some(({ name }) => name === staged.link.name)) {
      await links.resolve(staging, staged, false);
      await links.assertAllResolved(staging, staged, writtenRows(on, mode));
    }
  for (const link of later) {
    const staged = staging.links.find((one) => one.link.name === link.name);
    const columns = staged?.columns ?? staging.columns.filter(({ column }) => link.columns.includes(column.name));
    // A foreign key that the export lacks.
    if (columns.length === 0) continue;
    const differs = columns.map(({ column, staged: from }) =>
      on.dialect.differs(`t.${on.quote(column.name)}`, `s.${on.quote(from)}`, column),
    );
    const set = columns.map(({ column, staged: from }) => [column.name, `s.${on.quote(from)}`] as const);
    if (mode !== "create-only" || isOtherOrigin(options, staging)) {
      const changed = await markChanged(on, staging, differs);
      if (isOtherOrigin(options, staging)) await assertNoOtherRows(on, staging, changed);
      result.updated += changed;
      result.unchanged -= changed;
    }
    const states = { "create-only": "1", "update-only": "2", "create-or-update": "1, 2" }[mode];
    await on.write(staging, (only) =>
      on.dialect.update({
        table: realRows(on.connection, staging),
        alias: "t",
        set,
        joins: [{ table: stagingName(on.connection, staging), alias: "s", on: on.match(staging) }],
        where: `s.${on.quote(MATCH_STATE_COLUMN)} in (${states}) and (${differs.join(" or ")}) and ${only}`,
      }),
    );
  }
}

/** Returns the condition for rows `s` that the mode writes, once new rows are marked. */
export function writtenRows(on: Statements, mode: ImportMode): string {
  const state = `s.${on.quote(MATCH_STATE_COLUMN)}`;
  return { "create-only": `${state} = 1`, "update-only": `${state} <> 1`, "create-or-update": "1 = 1" }[mode];
}
