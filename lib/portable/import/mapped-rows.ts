/** What a map of keys comes to: that the rows it leads to are somewhere, and rows which it made equal. */
import { HoldfastError } from "../../errors.ts";
import type { KeyMap } from "./target/key-map.ts";
import { rowsOf } from "../schema/sql-names.ts";
import { decode } from "../values/codec.ts";
import { ROW_NUMBER_COLUMN, RENAMED_STATE, stagingName, MATCH_STATE_COLUMN, keyText } from "./staging/staged-table.ts";
import type { StagingTable } from "./staging/table.ts";
import type { Statements } from "./staging/statements.ts";

/** A row of the export that another one of the database stands for. */
export interface MappedRow {
  readonly table: string;
  readonly from: string;
  readonly to: string;
  /** Of the table itself, passed over. */
  readonly rows: number;
  /** Of other rows, which lead elsewhere now. */
  readonly links: number;
}

/**
 * Rows whose key became that of another row of the export are taken once: the other one stays. Gives a line for each table where that was so. Throws
 * `E_CONFIG` for a map that is used and leads to a row which is neither in the database nor in the export.
 */
export async function applyKeyMap(
  on: Statements,
  maps: KeyMap,
  stagings: readonly StagingTable[],
): Promise<{ readonly mapped: MappedRow[]; readonly warnings: string[] }> {
  const used = maps.all.filter(({ rows, links }) => rows + links > 0);
  for (const { table, columns, from, to } of used) {
    const { connection } = on.dialect;
    const values = columns.map((column, at) => decode(connection.engine, column, to[at] ?? null));
    const staging = stagings.find(({ target }) => target.table.id === table.id);
    const isIn = async (rows: string, names: readonly string[]): Promise<boolean> =>
      (
        await connection.rows(
          `select 1 from ${rows} where ${names.map((name) => `${on.quote(name)} = ?`).join(" and ")} limit 1`,
          values,
        )
      ).length > 0;
    const names = columns.map(({ name }) => name);
    if (await isIn(rowsOf(connection, table), names)) continue;
    if (staging !== undefined && (await isIn(stagingName(on.dialect, staging), names.map((name) => staging.of(name))))) continue; // prettier-ignore
    throw new HoldfastError(
      "E_CONFIG",
      `portable.map.${table.name}: ${keyText(from)} is to be ${keyText(values)}, which ${table.id} does not have`,
    );
  }
  const warnings: string[] = [];
  for (const staging of stagings) {
    const twins = await dropTwins(on, staging);
    if (twins > 0)
      warnings.push(
        `${staging.target.table.id}: ${twins} rows are the same as others by portable.map, and were passed over`,
      );
  }
  const mapped = used.map(({ table, from, to, rows, links }) => ({
    table: table.id,
    from: keyText(from),
    to: keyText(to.map(String)),
    rows,
    links,
  }));
  return { mapped, warnings };
}

/** The lines are found first: MySQL cannot read a temporary table in two places of one statement. */
async function dropTwins(on: Statements, staging: StagingTable): Promise<number> {
  if (!staging.hasRenamed || staging.target.key.kind === "none") return 0;
  const { connection, temporary } = on.dialect;
  const [line, state] = [on.quote(ROW_NUMBER_COLUMN), on.quote(MATCH_STATE_COLUMN)];
  const stage = stagingName(on.dialect, staging);
  const lines = on.quote(`${staging.name}_twins`);
  const keys = staging.keyNames.map(on.quote).join(", ");
  const order = `case when ${state} = ${RENAMED_STATE} then 1 else 0 end, ${line}`;
  const ranked = `select ${line}, ${state}, row_number() over (partition by ${keys} order by ${order}) as place from ${stage}`;
  await connection.run(
    `create temporary table ${lines}${temporary} as select ${line} from (${ranked}) as ranked where place > 1 and ${state} = ${RENAMED_STATE}`,
  );
  const dropTableKeyword = await connection.run(`delete from ${stage} where ${line} in (select ${line} from ${lines})`);
  staging.rows -= dropTableKeyword;
  staging.skipped += dropTableKeyword;
  return dropTableKeyword;
}
