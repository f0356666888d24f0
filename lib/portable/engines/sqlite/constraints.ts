/** Triggers and foreign keys of SQLite; foreign keys are off for the whole connection. */
import type { Constraints, Suspended } from "../../engine/constraints.ts";
import type { Session } from "../../engine/session.ts";
import type { Table } from "../../schema/tables.ts";

export const constraints: Constraints = {
  canDeferAll: true,
  checksEachStatement: false,
  disableTriggers,
  suspendForeignKeys: async () => ({ restore: async () => {} }),
  checkForeignKeys: async () => false,
  lockTables: undefined,
  truncate: undefined,
  ignoredViolations: undefined,
};

/** Drops triggers, and creates them again. */
async function disableTriggers(session: Session, tables: readonly Table[]): Promise<Suspended> {
  const dropped: string[] = [];
  for (const name of tables.flatMap(({ triggers }) => triggers)) {
    const [row] = await session.rows("select sql from sqlite_master where type = 'trigger' and name = ?", [name]);
    if (typeof row?.[0] !== "string") continue;
    dropped.push(row[0]);
    await session.run(`drop trigger ${session.quote(name)}`);
  }
  return {
    restore: async () => {
      for (const sql of dropped) await session.run(sql);
    },
  };
}
