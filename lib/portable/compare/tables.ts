/** Compares what an export holds with what a database holds: the same rows, by the digests of both. */
import type { Connection } from "../connection.ts";
import { countsInDigest } from "../export/table-header.ts";
import { rowFilter } from "../rows/row-filter.ts";
import { introspect } from "../engines/introspect.ts";
import { LineEncoder } from "../export/native-rows.ts";
import { holdsOtherSorts, isSameHere } from "./same-values.ts";
import { findLarge } from "../rows/find-large-values.ts";
import { eachLargeLine } from "../export/large-rows.ts";
import { LARGE } from "../format/large-value.ts";
import type { ExportReader } from "../read/export-reader.ts";
import type { Field } from "../rows/fields.ts";
import { fold } from "../schema/names.ts";
import { nameOf } from "../export/row-cells.ts";
import { selectTable, type FieldPlace } from "../rows/select-query.ts";
import { findTargets } from "../import/target/resolve.ts";

export interface TableComparison {
  readonly table: string;
  readonly exported: number;
  readonly found: number;
  readonly same: boolean;
  /** Rows of it are others here by `portable.map`, or lead to such: they are not those of the export, and are not meant to be. */
  readonly mapped: boolean;
}

/**
 * Reads every row of the database's tables that the export has; values of more than `large` bytes piece by piece. Throws `E_SCHEMA` where they are not
 * comparable.
 */
export async function compareTables(
  connection: Connection,
  from: ExportReader,
  signal: AbortSignal,
  large = LARGE,
): Promise<TableComparison[]> {
  const targets = findTargets(await introspect(connection), from.tables, { ...from.refine, readOnly: true });
  const comparisons: TableComparison[] = [];
  const together = targets.tables.map(({ table }) => table);
  for (const target of targets.tables) {
    const { exported, table, key, fields } = target;
    const entry = from.manifest.tables.find((one) => one.table === exported.table);
    const wanted = fields.flatMap((field): Field[] =>
      field === undefined
        ? []
        : field.kind !== "link"
          ? [field]
          : [{ kind: "link", link: field.link, target: field.link.target }],
    );
    const filter = rowFilter(connection, together, table, targets.conditions);
    const own = { table, key, fields: wanted };
    const apart = await findLarge(connection, own, filter, large);
    const query = selectTable(connection, targets.fields, own, apart.rest);
    // The export says what it counted: its database may have had other keys than this one.
    const uncounted = exported.uncounted?.map(fold);
    const counts = (place: FieldPlace): boolean =>
      uncounted === undefined ? countsInDigest(own, place) : !uncounted.includes(fold(nameOf(place)));
    const encoder = new LineEncoder(connection.engine, table, query, counts);
    let found = 0;
    for await (const batch of connection.streamBytes(query.sql, query.parameters)) {
      for (const row of batch) encoder.encode(row);
      found += batch.length;
    }
    await eachLargeLine(connection, { fields: targets.fields, from: own, encoder }, apart, () => void found++);
    const isWhole = wanted.length === exported.fields.length;
    const isLarge = apart.rows.length > 0 || from.manifest.blobs !== undefined;
    const same =
      isWhole &&
      (encoder.finish() === entry?.digest ||
        (found === entry?.rows &&
          !isLarge &&
          holdsOtherSorts(query) &&
          (await isSameHere(connection, { from, exported, table, query, counts, signal }))));
    comparisons.push({
      table: table.id,
      exported: entry?.rows ?? 0,
      found,
      same,
      mapped: targets.maps.of(target) !== undefined,
    });
  }
  return comparisons;
}
