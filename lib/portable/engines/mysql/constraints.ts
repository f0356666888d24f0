/** Foreign keys of MySQL and MariaDB, which cannot disable triggers and check foreign keys row by row. */
import type { Constraints } from "../../engine/constraints.ts";

/** The most warnings that a server keeps of a statement (`max_error_count`). */
const MOST_WARNINGS = 65_535;
/** ER_DUP_KEY, ER_DUP_ENTRY, ER_DUP_UNIQUE and ER_DUP_ENTRY_WITH_KEY_NAME. */
const DUPLICATES: ReadonlySet<number> = new Set([1022, 1062, 1169, 1586]);

export const constraints: Constraints = {
  canDeferAll: false,
  checksEachStatement: false,
  disableTriggers: undefined,
  suspendForeignKeys: async (session) => {
    await session.run("set session foreign_key_checks = 0");
    return { restore: async () => {} };
  },
  checkForeignKeys: async () => false,
  lockTables: undefined,
  truncate: undefined,
  ignoredViolations: {
    rowsAtOnce: MOST_WARNINGS,
    begin: async (session) => void (await session.run(`set session max_error_count = ${MOST_WARNINGS}`)),
    find: async (session) => {
      const warnings = await session.rows("show warnings");
      const other = warnings.find(([level, code]) => String(level) !== "Note" && !DUPLICATES.has(Number(code)));
      return other === undefined ? undefined : String(other[2]);
    },
  },
};
