/**
 * Rejects references that could resolve to a wrong row: dangling ids of the source, and keys that several rows share.
 */
import { HoldfastError } from "../../../errors.ts";
import type { Connection } from "../../engine/connection.ts";
import { assertUniqueKeys } from "../../plan/unique-keys.ts";
import { rowsOf } from "../../engine/sql-names.ts";
import type { Targets } from "../target/resolve.ts";
import { stagingName } from "../staging/staged-table.ts";
import type { StagedForeignKey } from "../staging/column-loaders.ts";
import type { StagingTable } from "../staging/table.ts";
import type { Statements } from "../staging/statements.ts";
import { plural } from "../../../report/format.ts";

/** Throws `E_IMPORT` if referenced rows outside the import share the key by which they are found. */
export async function assertUniqueReferencedKeys(connection: Connection, { fields, tables }: Targets): Promise<void> {
  const coming = new Set(tables.map(({ table }) => table.id));
  const referenced = tables.flatMap((one) =>
    one.fields.flatMap((field) => (field?.kind === "link" ? field.leaves.map(({ table }) => table) : [])),
  );
  for (const id of new Set(referenced)) if (!coming.has(id)) await assertUniqueKeys(connection, fields.of(id));
}

/** Throws `E_IMPORT` for ids that referred to no row in the export's database, but refer to one in this database. */
export async function assertNoStrayReferences(
  on: Statements,
  { fields }: Targets,
  stagings: readonly StagingTable[],
): Promise<void> {
  for (const staging of stagings)
    for (const link of staging.links) {
      if (
        staging.target.fields.some((field) => field?.kind === "generic" && field.column.name === link.link.columns[0])
      )
        continue;
      const rows = await on.count(strayRows(on, staging, link, fields));
      if (rows > 0)
        throw new HoldfastError(
          "E_IMPORT",
          `${staging.target.table.id}: ${plural(rows, "row holds", "rows hold")} ids in ${link.link.columns.join(", ")} ` +
            `that match no row of ${link.link.target} in the export's database, but match rows here`,
          {
            hint: "correct these rows in the export's database and export again; --into-other overrides this check",
          },
        );
    }
}

function strayRows(
  on: Statements,
  staging: StagingTable,
  { link, columns, leaves }: StagedForeignKey,
  fields: Targets["fields"],
): string {
  const target = rowsOf(on.connection, fields.of(link.target).table);
  const same = columns.map(
    ({ staged }, index) => `t.${on.quote(link.targetColumns[index] ?? "")} = s.${on.quote(staged)}`,
  );
  const unresolved = leaves.map(({ staged }) => `s.${on.quote(staged)} is null`);
  const stage = stagingName(on.connection, staging);
  return `${stage} as s join ${target} as t on ${same.join(" and ")} where ${unresolved.join(" and ")}`;
}
