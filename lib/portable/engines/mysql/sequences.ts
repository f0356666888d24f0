/** AUTO_INCREMENT of MySQL and MariaDB, which the server raises by itself. */
import type { Sequences } from "../../engine/sequences.ts";
import { tableName } from "../../engine/sql-names.ts";

export const sequences: Sequences = {
  raise: async () => {},
  restart: async () => {},
  // ALTER TABLE ends a transaction.
  async restartAfterCommit(session, table) {
    if (!table.columns.some(({ identity }) => identity !== undefined)) return;
    await session.run(`alter table ${tableName(session, table)} auto_increment = 1`);
  },
};
