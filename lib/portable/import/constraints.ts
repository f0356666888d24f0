/** Suspends triggers and foreign keys for an import, and checks the foreign keys at its end. */
import { HoldfastError } from "../../errors.ts";
import type { Connection } from "../connection.ts";
import { tableName } from "../schema/sql-names.ts";
import type { ForeignKey, Schema, Table } from "../schema/tables.ts";

/** Selects the enabled triggers of a table and its partitions, which may have their own; disabled ones stay so. */
const ENABLED_TRIGGERS = `
  select t.tgrelid::regclass::text, t.tgname, t.tgenabled::text from pg_catalog.pg_trigger t
  where (t.tgrelid = $1::regclass or t.tgrelid in (select relid from pg_catalog.pg_partition_tree($1::regclass)))
    and not exists (select from pg_catalog.pg_constraint k where k.oid = t.tgconstraint and k.contype <> 't')
    and t.tgenabled in ('O', 'A') order by 1, 2`;

/** Disables triggers: the imported rows already reflect what they did. Returns warnings where this is impossible. */
export async function disableTriggers(
  connection: Connection,
  tables: readonly Table[],
): Promise<{ readonly warnings: string[]; restore(): Promise<void> }> {
  const touched = tables.filter(({ triggers, partitioned = false }) => triggers.length > 0 || partitioned);
  if (touched.length === 0) return { warnings: [], restore: async () => {} };
  if (connection.engine === "postgresql") {
    const enabled: (readonly [change: string, back: string])[] = [];
    for (const table of touched)
      for (const [part, trigger, state] of await connection.rows(ENABLED_TRIGGERS, [tableName(connection, table)])) {
        const of = `trigger ${connection.quote(String(trigger))}`;
        const to = `alter table only ${String(part)}`;
        enabled.push([`${to} disable ${of}`, `${to} enable ${state === "A" ? "always " : ""}${of}`]);
      }
    for (const [disable] of enabled) await connection.run(disable);
    return {
      warnings: [],
      restore: async () => {
        for (const [, enable] of enabled) await connection.run(enable);
      },
    };
  }
  if (connection.engine === "sqlite") {
    const names = touched.flatMap(({ triggers }) => triggers);
    const kept: string[] = [];
    for (const name of names) {
      const [row] = await connection.rows("select sql from sqlite_master where type = 'trigger' and name = ?", [name]);
      if (typeof row?.[0] !== "string") continue;
      kept.push(row[0]);
      await connection.run(`drop trigger ${connection.quote(name)}`);
    }
    return {
      warnings: [],
      restore: async () => {
        for (const sql of kept) await connection.run(sql);
      },
    };
  }
  const warnings = touched.map(
    ({ id, triggers }) =>
      `${id}: its triggers ${triggers.join(", ")} have fired for every row: ${connection.engine} cannot disable them`,
  );
  return { warnings, restore: async () => {} };
}

/**
 * Suspends the checks of foreign keys; call it before anything is written. MySQL checks row by row, so its checks are
 * disabled, and SQLite's are off: `checkForeignKeys` checks all of them at the end. PostgreSQL defers those in `late`,
 * which cannot hold in between.
 */
export async function suspendForeignKeys(
  connection: Connection,
  late: readonly { readonly table: Table; readonly link: ForeignKey }[],
): Promise<{ restore(): Promise<void> }> {
  if (connection.engine === "mysql" || connection.engine === "mariadb")
    await connection.run("set session foreign_key_checks = 0");
  if (connection.engine !== "postgresql" || late.length === 0) return { restore: async () => {} };
  const fixed = late.filter(({ link }) => !link.deferrable && link.declared !== true);
  const alter = async (how: string): Promise<void> => {
    for (const { table, link } of fixed)
      await connection.run(
        `alter table ${tableName(connection, table)} alter constraint ${connection.quote(link.name)} ${how}`,
      );
  };
  await alter("deferrable");
  await connection.run("set constraints all deferred");
  return { restore: async () => await alter("not deferrable") };
}

/** Checks every foreign key of and into `tables`. Throws `E_IMPORT` that names a violation. */
export async function checkForeignKeys(
  connection: Connection,
  schema: Schema,
  tables: readonly Table[],
): Promise<void> {
  if (connection.engine === "postgresql") {
    await connection.run("set constraints all immediate"); // each statement has checked the others
    return;
  }
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
