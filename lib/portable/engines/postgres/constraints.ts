/** Triggers and foreign keys of PostgreSQL. */
import type { Constraints, Suspended, TableReference } from "../../engine/constraints.ts";
import type { Session } from "../../engine/session.ts";
import { tableName } from "../../engine/sql-names.ts";
import type { Table } from "../../schema/tables.ts";

/** Selects the enabled triggers of a table and its partitions, which may have their own; disabled ones stay so. */
const ENABLED_TRIGGERS = `
  select t.tgrelid::regclass::text, t.tgname, t.tgenabled::text from pg_catalog.pg_trigger t
  where (t.tgrelid = $1::regclass or t.tgrelid in (select relid from pg_catalog.pg_partition_tree($1::regclass)))
    and not exists (select from pg_catalog.pg_constraint k where k.oid = t.tgconstraint and k.contype <> 't')
    and t.tgenabled in ('O', 'A') order by 1, 2`;

export const constraints: Constraints = {
  canDeferAll: false,
  checksEachStatement: true,
  disableTriggers,
  suspendForeignKeys,
  checkForeignKeys: async (session) => {
    await session.run("set constraints all immediate"); // each statement has checked the others
    return true;
  },
  lockTables: async (session, tables) =>
    void (await session.run(`lock table ${names(session, tables)} in share row exclusive mode`)),
  truncate: async (session, tables) => void (await session.run(`truncate ${names(session, tables)} cascade`)),
  ignoredViolations: undefined,
};

const names = (session: Session, tables: readonly Table[]): string =>
  tables.map((table) => tableName(session, table)).join(", ");

async function disableTriggers(session: Session, tables: readonly Table[]): Promise<Suspended> {
  const enabled: (readonly [change: string, back: string])[] = [];
  for (const table of tables)
    for (const [part, trigger, state] of await session.rows(ENABLED_TRIGGERS, [tableName(session, table)])) {
      const of = `trigger ${session.quote(String(trigger))}`;
      const to = `alter table only ${String(part)}`;
      enabled.push([`${to} disable ${of}`, `${to} enable ${state === "A" ? "always " : ""}${of}`]);
    }
  for (const [disable] of enabled) await session.run(disable);
  return {
    restore: async () => {
      for (const [, enable] of enabled) await session.run(enable);
    },
  };
}

/** Defers the foreign keys in `late`, which cannot hold in between. */
async function suspendForeignKeys(session: Session, late: readonly TableReference[]): Promise<Suspended> {
  if (late.length === 0) return { restore: async () => {} };
  const fixed = late.filter(({ link }) => !link.deferrable && link.declared !== true);
  const alter = async (how: string): Promise<void> => {
    for (const { table, link } of fixed)
      await session.run(`alter table ${tableName(session, table)} alter constraint ${session.quote(link.name)} ${how}`);
  };
  await alter("deferrable");
  await session.run("set constraints all deferred");
  return { restore: async () => await alter("not deferrable") };
}
