/** Disables triggers for an import, and checks the foreign keys at its end. */
import { HoldfastError } from "../../errors.ts";
import type { Connection } from "../engine/connection.ts";
import type { Suspended } from "../engine/constraints.ts";
import { tableName } from "../engine/sql-names.ts";
import type { Schema, Table } from "../schema/tables.ts";

/** Disables triggers: the imported rows already reflect what they did. Returns warnings where this is impossible. */
export async function disableTriggers(
  connection: Connection,
  tables: readonly Table[],
): Promise<Suspended & { readonly warnings: string[] }> {
  const touched = tables.filter(({ triggers, partitioned = false }) => triggers.length > 0 || partitioned);
  if (touched.length === 0) return { warnings: [], restore: async () => {} };
  const { engine } = connection;
  if (engine.constraints.disableTriggers !== undefined)
    return { warnings: [], ...(await engine.constraints.disableTriggers(connection, touched)) };
  const warnings = touched.map(
    ({ id, triggers }) =>
      `${id}: its triggers ${triggers.join(", ")} have fired for every row: ${engine.name} cannot disable them`,
  );
  return { warnings, restore: async () => {} };
}

/** Checks every foreign key of and into `tables`. Throws `E_IMPORT` that names a violation. */
export async function checkForeignKeys(
  connection: Connection,
  schema: Schema,
  tables: readonly Table[],
): Promise<void> {
  if (await connection.engine.constraints.checkForeignKeys(connection)) return;
  const touched = new Set(tables.map(({ id }) => id));
  const byId = new Map(schema.tables.map((table) => [table.id, table]));
  for (const table of schema.tables)
    for (const link of table.foreignKeys) {
      const target = byId.get(link.target);
      if (target === undefined || link.declared === true || (!touched.has(table.id) && !touched.has(target.id)))
        continue;
      const { quote } = connection;
      const on = link.columns
        .map((name, index) => `p.${quote(link.targetColumns[index] ?? "")} = c.${quote(name)}`)
        .join(" and ");
      const given = link.columns.map((name) => `c.${quote(name)} is not null`).join(" and ");
      const [row] = await connection.rows(
        `select ${link.columns.map((name) => `c.${quote(name)}`).join(", ")} from ` +
          `${tableName(connection, table)} as c left join ${tableName(connection, target)} as p on ${on} ` +
          `where ${given} and p.${quote(link.targetColumns[0] ?? "")} is null limit 1`,
      );
      if (row !== undefined)
        throw new HoldfastError(
          "E_IMPORT",
          `${table.id}.${link.columns.join("+")} would reference (${row.map(String).join(", ")}), which ` +
            `${target.id} does not have`,
        );
    }
}
