/** Rows of an export that are one row to the database. */
import { HoldfastError } from "../../errors.ts";
import { ROW_NUMBER_COLUMN, stagingName, keyText } from "./staging/staged-table.ts";
import type { StagingTable } from "./staging/table.ts";
import { SAMPLES } from "./resolve/table-result.ts";
import type { Statements } from "./staging/statements.ts";

/** Two keys of the export that are one to the database: its collation may say so. NULL is a value of a key that may hold it. Throws `E_IMPORT`. */
export async function assertNoDuplicateKeys(on: Statements, staging: StagingTable): Promise<void> {
  const { key, table } = staging.target;
  const up = staging.tree?.tree.parent;
  const parent = staging.links.find(({ link }) => link.name === up?.name);
  const names = key.columns.map((name) => (name === up?.columns[0] ? parent?.leaves[0]?.staged : staging.of(name)) ?? staging.of(name)); // prettier-ignore
  const columns = names.map(on.quote);
  const twins = await on.dialect.connection.rows(
    `select ${columns.join(", ")}, count(*), min(${on.quote(ROW_NUMBER_COLUMN)}) from ${stagingName(on.dialect, staging)} group by ${columns.join(", ")} having count(*) > 1 limit ${SAMPLES}`,
  );
  const [first] = twins;
  if (first === undefined) return;
  const shown = first.slice(0, -2);
  const at = up === undefined ? -1 : key.columns.indexOf(up.columns[0] ?? "");
  if (staging.tree !== undefined && shown[at] !== null) shown[at] = await staging.tree.textOf(shown[at] ?? null);
  throw new HoldfastError(
    "E_IMPORT",
    `${table.id}: ${String(first.at(-2))} rows of the export have one key here (${key.columns.join(", ")}): ${keyText(shown)}, row ${String(first.at(-1))}`,
    { hint: "the collation of the database makes them equal: rename them, or give these columns a binary collation" },
  );
}
