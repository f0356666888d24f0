/** Compares a restored database with the recorded facts. */
import type { DatabaseFacts } from "./snapshot.ts";
import { plural } from "../report/format.ts";

/** One line a difference, and one a table whose recorded rows were only an estimate: those are not proved. */
export interface TableComparison {
  readonly differences: string[];
  readonly notCompared: string[];
}

/** Compares the tables and their rows, by name. An estimate on either side is no proof and no difference. */
export function compareTables(recorded: DatabaseFacts["tables"], found: DatabaseFacts["tables"]): TableComparison {
  const differences: string[] = [];
  const notCompared: string[] = [];
  for (const name of [...new Set([...Object.keys(recorded), ...Object.keys(found)])].toSorted()) {
    const [before, after] = [own(recorded, name), own(found, name)];
    if (before === undefined) differences.push(`table ${name} was not in the backup`);
    else if (after === undefined) differences.push(`table ${name} is missing`);
    else if (before.digest !== undefined && after.digest !== undefined && before.digest !== after.digest)
      differences.push(
        `table ${name} has other content than was recorded${before.rows === after.rows ? "" : `: ${plural(after.rows, "row")}, not ${before.rows}`}`,
      );
    else if (!before.exact || !after.exact) notCompared.push(`rows of ${name}: only an estimate is known`);
    else if (before.rows !== after.rows) {
      differences.push(
        `table ${name} has ${plural(after.rows, "row")}, ${plural(before.rows, "was", "were")} recorded`,
      );
    }
  }
  return { differences, notCompared };
}

/** A table may be called `constructor`. */
function own(tables: DatabaseFacts["tables"], name: string) {
  return Object.hasOwn(tables, name) ? tables[name] : undefined;
}
