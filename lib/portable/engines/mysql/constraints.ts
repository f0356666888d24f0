/** Foreign keys of MySQL and MariaDB, which cannot disable triggers and check foreign keys row by row. */
import type { Constraints } from "../../engine/constraints.ts";

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
};
