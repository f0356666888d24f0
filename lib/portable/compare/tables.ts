/** Compares the rows of an export with those of a database, by digest. */
import { ByteWriter } from "../bytes/byte-writer.ts";
import type { Connection } from "../engine/connection.ts";
import { countsInDigest } from "../export/table-header.ts";
import { rowFilter } from "../rows/row-filter.ts";
import { LineEncoder } from "../export/native-rows.ts";
import { hasConvertedColumns, isSameHere } from "./same-values.ts";
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
  /**
   * True if `portable.map` replaces rows of the table, or references in them: then they need not equal the export's.
   */
  readonly mapped: boolean;
}

/**
 * Reads every row of the exported tables from the database; values over `large` bytes piece by piece. Throws `E_SCHEMA`
 * if the tables are not comparable.
 */
export async function compareTables(
  connection: Connection,
  from: ExportReader,
  signal: AbortSignal,
  large = LARGE,
): Promise<TableComparison[]> {
  const targets = findTargets(await connection.engine.introspect(connection), from.tables, {
    ...from.refine,
    readOnly: true,
  });
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
    // The export lists the columns it left out of its digest: its database may have had other keys.
    const uncounted = exported.uncounted?.map(fold);
    const counts = (place: FieldPlace): boolean =>
      uncounted === undefined ? countsInDigest(own, place) : !uncounted.includes(fold(nameOf(place)));
    const encoder = new LineEncoder(connection.engine, table, query, counts);
    const line = new ByteWriter();
    let found = 0;
    for await (const batch of connection.streamBytes(query.sql, query.parameters)) {
      for (let row = 0; row < batch.rows; row++) {
        line.length = 0;
        encoder.encode(batch, row, line);
      }
      found += batch.rows;
    }
    await eachLargeLine(connection, { fields: targets.fields, from: own, encoder }, apart, () => void found++);
    const isWhole = wanted.length === exported.fields.length;
    const isLarge = apart.rows.length > 0 || from.manifest.blobs !== undefined;
    const same =
      isWhole &&
      (encoder.finish() === entry?.digest ||
        (found === entry?.rows &&
          hasConvertedColumns(query) &&
          (await isSameHere(connection, {
            from,
            exported,
            table,
            query,
            counts,
            signal,
            ...(isLarge && { large: { own, fields: targets.fields, rows: apart } }),
          }))));
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
