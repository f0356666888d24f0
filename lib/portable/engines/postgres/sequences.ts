/** Sequences of PostgreSQL. */
import type { Sequences } from "../../engine/sequences.ts";
import { tableName } from "../../engine/sql-names.ts";

export const sequences: Sequences = {
  // Unlike setval, this is rolled back with the transaction.
  async raise(session, table) {
    for (const { name, sequence } of table.columns) {
      if (sequence === undefined) continue;
      const [row] = await session.rows(
        `select coalesce(max(${session.quote(name)}), 0) + 1, (select case when is_called then last_value + 1 ` +
          `else last_value end from ${sequence}) from ${tableName(session, table)}`,
      );
      const [wanted, next] = [BigInt(String(row?.[0] ?? 1)), BigInt(String(row?.[1] ?? 1))];
      if (wanted > next) await session.run(`alter sequence ${sequence} restart with ${wanted}`);
    }
  },
  async restart(session, { columns }) {
    for (const { sequence } of columns)
      if (sequence !== undefined) await session.run(`alter sequence ${sequence} restart`);
  },
  restartAfterCommit: undefined,
};
