/** `portable verify`: compares the rows of an export with those of a database. */
import { EXIT } from "../../../errors.ts";
import { compareTables } from "../../../portable/compare/tables.ts";
import { defineCommand } from "../../core/command.ts";
import { withConnection } from "../database.ts";
import { DATABASE, SET, SOURCE, TABLES, VERIFY_CHECKSUM } from "../options.ts";
import { showComparison } from "../report.ts";
import { withSource } from "../source.ts";
import { SET_CONFLICTS } from "../table-set.ts";
import { IDENTITY } from "../../core/options.ts";

export const verify = defineCommand({
  forms: ["EXPORT [--database URL]"],
  description: "Compares every row of an export with the database, by digests. Nothing is changed.",
  positionals: SOURCE,
  options: { ...DATABASE, ...TABLES, set: SET, "verify-checksum": VERIFY_CHECKSUM, identity: IDENTITY },
  rules: { conflicts: SET_CONFLICTS },
  run: async (flags, frame) =>
    await withSource(
      flags,
      frame,
      async (open) =>
        await withConnection(flags, "read", frame, async (connection) => {
          const comparisons = await compareTables(connection, await open(), frame.signal);
          showComparison(comparisons, flags);
          return comparisons.every(({ same }) => same) ? EXIT.ok : EXIT.verification;
        }),
    ),
});
