/** The exact rows of PostgreSQL tables. */
import { HoldfastError } from "../../errors.ts";
import { qualified, type Relation } from "./relations.ts";
import type { PostgresSession } from "./session.ts";

/** The number of tables in one counting query. */
const TABLES_AT_ONCE = 100;

export interface Counted {
  readonly rows: ReadonlyMap<Relation, number>;
  /** One for each table that could not be counted. */
  readonly warnings: readonly string[];
}

/**
 * Counts tables. The planner evaluates the expressions of a table's indexes, and may fail on a function that only works
 * with the site's own search_path: such a table is read by COPY, which plans nothing, and its lines are counted.
 */
export async function countRows(session: PostgresSession, tables: readonly Relation[]): Promise<Counted> {
  const rows = new Map<Relation, number>();
  const warnings: string[] = [];
  const typable = tables.filter((table) => table.typable);
  for (let start = 0; start < typable.length; start += TABLES_AT_ONCE) {
    const some = typable.slice(start, start + TABLES_AT_ONCE);
    try {
      for (const [table, number] of await countTogether(session, some)) rows.set(table, number);
    } catch (error) {
      if (!(error instanceof HoldfastError) || error.code !== "E_DATABASE") throw error;
      for (const table of some) {
        const counted = await countAlone(session, table);
        if (typeof counted === "number") rows.set(table, counted);
        else warnings.push(`the rows of ${table.key} could not be counted: ${counted}`);
      }
    }
  }
  for (const { key } of tables.filter((table) => !table.typable))
    warnings.push(`the rows of ${key} could not be counted: its name is not valid in any encoding`);
  return { rows, warnings };
}

async function countTogether(session: PostgresSession, tables: readonly Relation[]): Promise<[Relation, number][]> {
  const selects = tables.map((table, index) => `select ${index} as i, count(*) as n from only ${qualified(table)}`);
  return (await session.query(selects.join(" union all "))).flatMap(({ i, n }): [Relation, number][] => {
    const table = tables[Number(i)];
    return table === undefined ? [] : [[table, Number(n)]];
  });
}

/** Returns the number of rows, or the reason why they cannot be counted. */
async function countAlone(session: PostgresSession, table: Relation): Promise<number | string> {
  try {
    const [counted] = await countTogether(session, [table]);
    if (counted !== undefined) return counted[1];
  } catch (error) {
    if (!(error instanceof HoldfastError) || error.code !== "E_DATABASE") throw error;
  }
  try {
    let lines = 0;
    await session.lines(`copy ${qualified(table)} to stdout;\n`, () => lines++);
    return lines;
  } catch (error) {
    if (!(error instanceof HoldfastError) || error.code !== "E_DATABASE") throw error;
    return error.message;
  }
}
