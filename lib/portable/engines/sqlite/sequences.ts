/** AUTOINCREMENT of SQLite, which it raises by itself. */
import type { Sequences } from "../../engine/sequences.ts";

export const sequences: Sequences = {
  raise: async () => {},
  async restart(session, { name }) {
    const known = await session.rows("select 1 from sqlite_master where name = 'sqlite_sequence'");
    if (known.length > 0) await session.run("delete from sqlite_sequence where name = ?", [name]);
  },
  restartAfterCommit: undefined,
};
