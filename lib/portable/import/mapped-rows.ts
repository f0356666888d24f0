/** Applies a key map: checks that the rows it maps to exist, and merges rows that it made equal. */
import { HoldfastError } from "../../errors.ts";
import type { KeyMap } from "./target/key-map.ts";
import { rowsOf } from "../engine/sql-names.ts";
import { decode } from "../values/decode.ts";
import { ROW_NUMBER_COLUMN, RENAMED_STATE, stagingName, MATCH_STATE_COLUMN, keyText } from "./staging/staged-table.ts";
import type { StagingTable } from "./staging/table.ts";
import type { Statements } from "./staging/statements.ts";

/** A row of the export that another row of the database replaces. */
export interface MappedRow {
  readonly table: string;
  readonly from: string;
  readonly to: string;
  /** Skipped rows of the table itself. */
  readonly rows: number;
  /** References in other rows that were redirected. */
  readonly links: number;
}

/**
 * Keeps one of the rows whose keys the map made equal, and returns a warning for each such table. Throws `E_CONFIG` for
 * a map that is used and whose target row is in neither the database nor the export.
 */
export async function applyKeyMap(
  on: Statements,
  maps: KeyMap,
  stagings: readonly StagingTable[],
): Promise<{ readonly mapped: MappedRow[]; readonly warnings: string[] }> {
  const used = maps.all.filter(({ rows, links }) => rows + links > 0);
  for (const { table, columns, from, to } of used) {
    const { connection } = on;
    const values = columns.map((column, at) => decode(connection.engine.values, column, to[at] ?? null));
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
    if (staging !== undefined) {
      const staged = names.map((name) => staging.of(name));
      if (await isIn(stagingName(on.connection, staging), staged)) continue;
    }
    throw new HoldfastError(
      "E_CONFIG",
      `portable.map.${table.name}: ${keyText(from)} is mapped to ${keyText(values)}, which ${table.id} does not have`,
    );
  }
  const warnings: string[] = [];
  for (const staging of stagings) {
    const duplicates = await dropDuplicates(on, staging);
    if (duplicates > 0)
      warnings.push(`${staging.target.table.id}: skipped ${duplicates} rows that portable.map makes equal to others`);
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

/**
 * Drops rows whose mapped key duplicates another. Their row numbers are selected first: MySQL cannot read a temporary
 * table twice in one statement.
 */
async function dropDuplicates(on: Statements, staging: StagingTable): Promise<number> {
  if (!staging.hasRenamed || staging.target.key.kind === "none") return 0;
  const { connection } = on;
  const { temporary } = on.dialect;
  const [line, state] = [on.quote(ROW_NUMBER_COLUMN), on.quote(MATCH_STATE_COLUMN)];
  const stage = stagingName(on.connection, staging);
  const lines = on.quote(`${staging.name}_twins`);
  const keys = staging.keyNames.map(on.quote).join(", ");
  const order = `case when ${state} = ${RENAMED_STATE} then 1 else 0 end, ${line}`;
  const place = `row_number() over (partition by ${keys} order by ${order}) as place`;
  const ranked = `select ${line}, ${state}, ${place} from ${stage}`;
  await connection.run(
    `create temporary table ${lines}${temporary} as select ${line} from (${ranked}) as ranked ` +
      `where place > 1 and ${state} = ${RENAMED_STATE}`,
  );
  const dropped = await connection.run(`delete from ${stage} where ${line} in (select ${line} from ${lines})`);
  staging.rows -= dropped;
  staging.skipped += dropped;
  return dropped;
}
