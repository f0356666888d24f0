/** Finds rows of an export that the database would treat as one row. */
import { HoldfastError } from "../../errors.ts";
import { ROW_NUMBER_COLUMN, stagingName, keyText } from "./staging/staged-table.ts";
import type { StagingTable } from "./staging/table.ts";
import { SAMPLES } from "./resolve/table-result.ts";
import type { Statements } from "./staging/statements.ts";

/**
 * Throws `E_IMPORT` if two keys of the export are equal in the database, as by its collation. NULL counts as a value in
 * a key that may hold it.
 */
export async function assertNoDuplicateKeys(on: Statements, staging: StagingTable): Promise<void> {
  const { key, table } = staging.target;
  const up = staging.tree?.tree.parent;
  const parent = staging.links.find(({ link }) => link.name === up?.name);
  const parentPath = parent?.leaves[0]?.staged;
  const names = key.columns.map((name) => (name === up?.columns[0] ? parentPath : undefined) ?? staging.of(name));
  const columns = names.map(on.quote);
  const duplicates = await on.connection.rows(
    `select ${columns.join(", ")}, count(*), min(${on.quote(ROW_NUMBER_COLUMN)}) from ` +
      `${stagingName(on.connection, staging)} group by ${columns.join(", ")} having count(*) > 1 limit ${SAMPLES}`,
  );
  const [first] = duplicates;
  if (first === undefined) return;
  const shown = first.slice(0, -2);
  const at = up === undefined ? -1 : key.columns.indexOf(up.columns[0] ?? "");
  if (staging.tree !== undefined && shown[at] !== null) shown[at] = await staging.tree.textOf(shown[at] ?? null);
  throw new HoldfastError(
    "E_IMPORT",
    `${table.id}: ${String(first.at(-2))} rows of the export have the same key here (${key.columns.join(", ")}): ` +
      `${keyText(shown)}, first in row ${String(first.at(-1))}`,
    { hint: "the database's collation makes them equal: rename them, or give these columns a binary collation" },
  );
}
