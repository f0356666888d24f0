/** Guards imports into another installation's data, where an equal generated id means another row. */
import { HoldfastError } from "../../errors.ts";
import type { Targets } from "./target/resolve.ts";
import { MATCH_STATE_COLUMN, stagingName, keyText } from "./staging/staged-table.ts";
import type { StagingTable } from "./staging/table.ts";
import type { MergeOptions } from "./resolve/options.ts";
import { SAMPLES } from "./resolve/table-result.ts";
import type { Statements } from "./staging/statements.ts";
import { plural } from "../../report/format.ts";

const HINT =
  "import into an empty table; if both databases belong to one installation, " +
  "set the same portable.instance in both configs; --into-other overrides this check";

/**
 * Throws `E_IMPORT` for foreign keys to rows that are identified by generated id alone and are not part of this import.
 */
export async function assertNoIdsOfOtherOrigin(
  on: Statements,
  { fields }: Targets,
  stagings: readonly StagingTable[],
): Promise<void> {
  const coming = new Set(stagings.map(({ target }) => target.table.id));
  for (const staging of stagings)
    for (const field of staging.target.fields) {
      if (field?.kind !== "link" || coming.has(field.link.target)) continue;
      if (fields.key(field.link.target).kind !== "reference") continue;
      const given = field.columns.map(({ name }) => `${on.quote(staging.of(name))} is not null`).join(" and ");
      const count = await on.count(`${stagingName(on.connection, staging)} where ${given}`);
      if (count > 0)
        throw new HoldfastError(
          "E_IMPORT",
          `${staging.target.table.id}: ${plural(count, "row references", "rows reference")} ${field.link.target} by ` +
            `${field.link.columns.join(", ")}; ` +
            "its rows are identified by generated id alone and are not in the export",
          { hint: HINT },
        );
    }
}

/** Checks whether an existing row may be another row than the one with its id in the export. */
export const isOtherOrigin = ({ isOther }: MergeOptions, { target }: StagingTable): boolean =>
  isOther === true && target.key.kind === "reference";

/** Throws `E_IMPORT` if `count` rows, marked as changed, differ from the existing rows with their ids. */
export async function assertNoOtherRows(on: Statements, staging: StagingTable, count: number): Promise<void> {
  if (count === 0) return;
  const names = staging.displayKeyColumns.map(on.quote).join(", ");
  const samples = await on.connection.rows(
    `select ${names} from ${stagingName(on.connection, staging)} where ${on.quote(MATCH_STATE_COLUMN)} = 2 ` +
      `limit ${SAMPLES}`,
  );
  throw new HoldfastError(
    "E_IMPORT",
    `${staging.target.table.id}: ${plural(count, "row is", "rows are")} identified by generated id alone, and other rows have ` +
      `these ids here: ${samples.map(keyText).join(", ")}`,
    { hint: HINT },
  );
}
