/** What an import has to keep from happening by itself, and what it has to look after itself instead: triggers and foreign keys. */
import { HoldfastError } from "../../errors.ts";
import type { Connection } from "../connection.ts";
import { tableName } from "../schema/sql-names.ts";
import type { ForeignKey, Schema, Table } from "../schema/tables.ts";

/** Those that fire, on a table and on its partitions, which may have their own: the others stay as they are. */
const ENABLED_TRIGGERS = `
  select t.tgrelid::regclass::text, t.tgname, t.tgenabled::text from pg_catalog.pg_trigger t
  where (t.tgrelid = $1::regclass or t.tgrelid in (select relid from pg_catalog.pg_partition_tree($1::regclass)))
    and not exists (select from pg_catalog.pg_constraint k where k.oid = t.tgconstraint and k.contype <> 't')
    and t.tgenabled in ('O', 'A') order by 1, 2`;

/** Triggers do not fire for rows that are what they made once already. Gives what has to be told. */
export async function disableTriggers(
  connection: Connection,
  tables: readonly Table[],
): Promise<{ readonly warnings: string[]; restore(): Promise<void> }> {
  const touched = tables.filter(({ triggers, partitioned = false }) => triggers.length > 0 || partitioned);
  if (touched.length === 0) return { warnings: [], restore: async () => {} };
  if (connection.engine === "postgresql") {
    const awake: (readonly [change: string, back: string])[] = [];
    for (const table of touched)
      for (const [part, trigger, state] of await connection.rows(ENABLED_TRIGGERS, [tableName(connection, table)])) {
        const of = `trigger ${connection.quote(String(trigger))}`;
        const to = `alter table only ${String(part)}`;
        awake.push([`${to} disable ${of}`, `${to} enable ${state === "A" ? "always " : ""}${of}`]);
      }
    for (const [disable] of awake) await connection.run(disable);
    return {
      warnings: [],
      restore: async () => {
        for (const [, enable] of awake) await connection.run(enable);
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
      `${id}: its triggers ${triggers.join(", ")} have fired for every row: ${connection.engine} cannot keep them from it`,
  );
  return { warnings, restore: async () => {} };
}

/**
 * Before anything is written. MySQL looks at a foreign key row by row and is kept from it, SQLite's are off: `checkForeignKeys` looks at all of them at the end.
 * PostgreSQL looks at those in `late`, which cannot hold in between, at the end too.
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

/** Every foreign key of the database, of `tables` and into them, leads to a row. Throws `E_IMPORT` that names one that does not. */
export async function checkForeignKeys(
  connection: Connection,
  schema: Schema,
  tables: readonly Table[],
): Promise<void> {
  if (connection.engine === "postgresql") {
    await connection.run("set constraints all immediate"); // the others have been looked at by each statement
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
        `select ${link.columns.map((name) => `c.${quote(name)}`).join(", ")} from ${tableName(connection, table)} as c left join ${tableName(connection, target)} as p on ${on} where ${given} and p.${quote(link.targetColumns[0] ?? "")} is null limit 1`,
      );
      if (row !== undefined)
        throw new HoldfastError(
          "E_IMPORT",
          `${table.id}.${link.columns.join("+")} would lead to (${row.map(String).join(", ")}), which ${target.id} does not have`,
        );
    }
}
