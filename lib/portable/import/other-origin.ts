/** Imports into the data of another installation, where a row that has the same number is another one. */
import { HoldfastError } from "../../errors.ts";
import type { Targets } from "./target/resolve.ts";
import { MATCH_STATE_COLUMN, stagingName, keyText } from "./staging/staged-table.ts";
import type { StagingTable } from "./staging/table.ts";
import { SAMPLES } from "./resolve/table-result.ts";
import type { Statements } from "./staging/statements.ts";

const HINT =
  "import into an empty table; or name the installation that both are of as portable.instance in the config of the export and of the import; --into-other insists";

/** Throws `E_IMPORT` for links that lead by number alone to rows which do not come with this import. */
export async function refuseForeignNumbers(
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
      const count = await on.count(`${stagingName(on.dialect, staging)} where ${given}`);
      if (count > 0)
        throw new HoldfastError(
          "E_IMPORT",
          `${staging.target.table.id}: ${count} rows link by ${field.link.columns.join(", ")} to rows of ${field.link.target}, which are known by their number alone and do not come with them`,
          { hint: HINT },
        );
    }
}

/** Throws `E_IMPORT` for rows, marked as changed, that differ from the ones which have their number here. */
export async function refuseOthers(on: Statements, staging: StagingTable, count: number): Promise<void> {
  const names = staging.displayKeyColumns.map(on.quote).join(", ");
  const samples = await on.dialect.connection.rows(
    `select ${names} from ${stagingName(on.dialect, staging)} where ${on.quote(MATCH_STATE_COLUMN)} = 2 limit ${SAMPLES}`,
  );
  throw new HoldfastError(
    "E_IMPORT",
    `${staging.target.table.id}: ${count} rows are known by their number alone, and other rows have it here: ${samples.map(keyText).join(", ")}`,
    { hint: HINT },
  );
}
