/** Writes a database as portable data: a directory of lines of JSON, with the manifest last. */
import { createHash } from "node:crypto";
import { mkdirSync, writeFileSync } from "node:fs";
import path from "node:path";
import { MOST_LINE } from "../read/gzip-lines.ts";
import { HoldfastError } from "../../errors.ts";
import { VERSION } from "../../version.ts";
import { checksumOf } from "../format/checksum.ts";
import { ChunkWriter } from "./chunk-writer.ts";
import { assertValidUtf8 } from "./reject-invalid-utf8.ts";
import type { Connection } from "../engine/connection.ts";
import { rowFilter } from "../rows/row-filter.ts";
import type { RowLayout, TableLayout } from "../rows/fields.ts";
import {
  EXPORT_FORMAT,
  EXPORT_VERSION,
  MANIFEST,
  SCHEMA,
  type ExportManifest,
  type ExportedTable,
} from "../format/documents.ts";
import { countsInDigest, headerOf } from "./table-header.ts";
import { assertUniqueKeys, assertUniqueOutside } from "../plan/unique-keys.ts";
import { requireMigrations } from "../plan/applied-migrations.ts";
import type { PortablePlan } from "../plan/run.ts";
import { SETTINGS, type CapturedSettings } from "../format/settings.ts";
import { LineEncoder } from "./native-rows.ts";
import { BlobWriter } from "./blob-writer.ts";
import { findLarge, type LargeRows } from "../rows/find-large-values.ts";
import { eachLargeLine } from "./large-rows.ts";
import { LARGE } from "../format/large-value.ts";
import { selectTable, type TableQuery } from "../rows/select-query.ts";
import type { TableId } from "../schema/tables.ts";
import { assertTreesConnected } from "../plan/reachable-rows.ts";
import { writeAtomically } from "./atomic-output.ts";
import { plural } from "../../report/format.ts";

export interface ExportRequest {
  /** The directory to create; it must not exist. */
  readonly output: string;
  readonly sourceName: string | null;
  readonly sourceUrl: string | null;
  /** The installation that the database belongs to, if known. */
  readonly instance?: string | undefined;
  /** The application's settings, without secrets; if absent, none are recorded. */
  readonly settings?: CapturedSettings | undefined;
  /** The size in bytes above which values get files of their own: `LARGE`, unless a test sets less. */
  readonly large?: number;
}

export type ExportProgress = (table: TableId, rows: number) => void;

/**
 * Exports what the plan selects, as of the point in time that the connection reads. Throws `E_TARGET` if the directory
 * exists, `E_IMPORT` for rows with equal keys, `E_SCHEMA` for an incomplete migration; nothing remains then.
 */
export async function exportTables(
  connection: Connection,
  plan: PortablePlan,
  request: ExportRequest,
  onRows: ExportProgress,
): Promise<ExportManifest> {
  return await writeAtomically(request.output, async (staging) => {
    mkdirSync(staging, { mode: 0o750 });
    return await writeExport(connection, plan, { ...request, output: staging }, onRows);
  });
}

async function writeExport(
  connection: Connection,
  plan: PortablePlan,
  request: ExportRequest,
  onRows: ExportProgress,
): Promise<ExportManifest> {
  const schema_versions = await requireMigrations(connection, plan.schema);
  const warnings = [...plan.warnings];
  const tables: ExportManifest["tables"] = [];
  const headers: ExportedTable[] = [];
  const together = plan.tables.map(({ table }) => table);
  await assertTreesConnected(
    connection,
    plan.fields,
    together.map(({ id }) => id),
  );
  await assertUniqueOutside(connection, plan);
  const blobs = new BlobWriter(request.output);
  for (const fields of plan.tables) {
    const filter = rowFilter(connection, together, fields.table, plan.conditions);
    const large = await findLarge(connection, fields, filter, request.large ?? LARGE);
    const query = selectTable(connection, plan.fields, fields, large.rest);
    const where = plan.conditions.get(fields.table.id);
    const header: ExportedTable = { ...headerOf(fields, query), ...(where && { where: [...where] }) };
    await assertUniqueKeys(connection, fields);
    headers.push(header);
    const { table, dangling } = await writeTable(
      connection,
      { fields, query, header, large, blobs, all: plan.fields },
      request.output,
      onRows,
    );
    if (dangling > 0)
      warnings.push(
        `${fields.table.id}: ${plural(dangling, "reference to a missing row is", "references to missing rows are")} exported unchanged`,
      );
    tables.push(table);
  }
  const schema_sha256 = writeDocument(path.join(request.output, SCHEMA), headers);
  const settings_sha256 =
    request.settings === undefined ? undefined : writeDocument(path.join(request.output, SETTINGS), request.settings);
  const manifest: ExportManifest = {
    export_format: EXPORT_FORMAT,
    export_version: EXPORT_VERSION,
    created_at: new Date().toISOString(),
    source: {
      name: request.sourceName,
      url: request.sourceUrl,
      engine: connection.engine.name,
      server_version: connection.serverVersion,
      ...(request.instance !== undefined && { instance: request.instance }),
    },
    software_versions: {
      holdfast: VERSION,
      node: process.versions.node,
      [connection.engine.name]: connection.serverVersion,
    },
    schema_versions,
    data_counts: Object.fromEntries(tables.map(({ table, rows }) => [table, rows])),
    tables,
    ...(blobs.files.length > 0 && { blobs: blobs.files }),
    left_out: [...plan.leftOut].map(([table, why]) => ({ table, why })),
    ...(plan.set !== undefined && { set: plan.set }),
    ...columnsIn(headers),
    warnings,
    schema_sha256,
    ...(settings_sha256 === undefined ? {} : { settings_sha256 }),
    checksum: checksumOf({ schema_sha256, settings_sha256, tables, blobs: blobs.files }),
  };
  writeFileSync(path.join(request.output, MANIFEST), `${JSON.stringify(manifest, null, 2)}\n`, {
    mode: 0o640,
    flush: true,
  });
  return manifest;
}

/** Writes a document and returns its sha256. */
function writeDocument(file: string, value: unknown): string {
  const text = `${JSON.stringify(value, null, 1)}\n`;
  writeFileSync(file, text, { mode: 0o640, flush: true });
  return createHash("sha256").update(text).digest("hex");
}

async function writeTable(
  connection: Connection,
  {
    fields,
    query,
    header,
    large,
    blobs,
    all,
  }: {
    readonly fields: TableLayout;
    readonly query: TableQuery;
    readonly header: ExportedTable;
    readonly large: LargeRows;
    readonly blobs: BlobWriter;
    readonly all: RowLayout;
  },
  root: string,
  onRows: ExportProgress,
): Promise<{ table: ExportManifest["tables"][number]; dangling: number }> {
  const { id } = fields.table;
  const encoder = new LineEncoder(connection.engine, fields.table, query, (place) => countsInDigest(fields, place));
  const writer = new ChunkWriter(root, `data/${pathOf(fields)}`, header);
  let rows = 0;
  try {
    for await (const batch of connection.streamBytes(query.sql, query.parameters)) {
      for (let row = 0; row < batch.rows; row++) {
        const line = writer.beginRow();
        const start = line.length;
        encoder.encode(batch, row, line);
        if (line.length - start > MOST_LINE) throw tooLong(id, rows);
        writer.endRow();
        if (writer.isFull) await writer.flush();
      }
      rows += batch.rows;
      onRows(id, rows);
    }
    const take = async (line: Buffer): Promise<void> => {
      if (line.length > MOST_LINE) throw tooLong(id, rows);
      writer.beginRow().copy(line, 0, line.length);
      writer.endRow();
      if (writer.isFull) await writer.flush();
      onRows(id, ++rows);
    };
    await eachLargeLine(connection, { fields: all, from: fields, encoder }, large, take, blobs);
    await assertValidUtf8(connection, fields, encoder.columnsWithReplacementChar);
    await writer.finish();
  } catch (error) {
    throw isTooLong(error) ? tooLong(id, rows) : error;
  } finally {
    await writer.abandon();
  }
  return { table: { table: id, rows, digest: encoder.finish(), files: writer.files }, dangling: encoder.dangling };
}

/** Checks for V8's limit on strings, 512 MiB, which a row may exceed before it is a line. */
const isTooLong = (error: unknown): boolean =>
  error instanceof Error &&
  (("code" in error && error.code === "ERR_STRING_TOO_LONG") || /Invalid string length/.test(error.message));

const tooLong = (table: TableId, rows: number): HoldfastError =>
  new HoldfastError(
    "E_IMPORT",
    `${table}: a row shortly after the first ${rows} is too large: as text it exceeds 128 MiB`,
    {
      hint:
        "omit its column with portable.exclude_columns, or the table with --exclude; " +
        "the dump of the step db contains it",
    },
  );

/** Returns the directory of a table, by a name that any file system accepts. */
const pathOf = ({ table }: TableLayout): string =>
  [...(table.schema === null ? [] : [table.schema]), table.name]
    .map((name) => encodeURIComponent(name).replaceAll(/^\./g, "%2E"))
    .join("/");

/** Returns the columns for the manifest that the rows do not show, by table. */
function columnsIn(
  headers: readonly ExportedTable[],
): Pick<ExportManifest, "columns_left_out" | "columns_replaced" | "columns_computed"> {
  const byTable = (of: (header: ExportedTable) => string[] | undefined): Record<string, string[]> =>
    Object.fromEntries(
      headers.flatMap((header) => {
        const columns = of(header);
        return columns === undefined ? [] : [[header.table, columns]];
      }),
    );
  return {
    columns_left_out: byTable((header) => header.columns_left_out),
    columns_replaced: byTable((header) => header.columns_replaced),
    columns_computed: byTable((header) => header.columns_computed),
  };
}
