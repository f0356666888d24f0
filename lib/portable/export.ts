/** Writes a database as portable data: a directory of lines of JSON, its manifest last. */
import { createHash, randomUUID } from "node:crypto";
import { existsSync, mkdirSync, renameSync, rmSync, writeFileSync } from "node:fs";
import path from "node:path";
import { HoldfastError } from "../errors.ts";
import { fsyncDirectory } from "../store/atomic.ts";
import { VERSION } from "../version.ts";
import { checksumOf } from "./checksum.ts";
import { ChunkWriter } from "./chunk-writer.ts";
import type { Connection } from "./connection.ts";
import type { TableFields } from "./fields.ts";
import { EXPORT_FORMAT, EXPORT_VERSION, MANIFEST, SCHEMA, type ExportManifest, type ExportedTable } from "./format.ts";
import { migrationsOf } from "./migrations.ts";
import type { PortablePlan } from "./plan.ts";
import { LineEncoder } from "./line.ts";
import { nameOf } from "./row.ts";
import { rowsOf, selectTable, type FieldPlace, type TableQuery } from "./select.ts";
import type { Column, TableId } from "./schema.ts";

export interface ExportRequest {
  /** The directory to make; it must not exist. */
  readonly output: string;
  readonly sourceName: string | null;
  readonly sourceUrl: string | null;
}

export type ExportProgress = (table: TableId, rows: number) => void;

/**
 * Exports what the plan says, in the one moment that the connection sees. Throws `E_TARGET` when the directory is there, `E_IMPORT` for rows that have one
 * key between them; nothing is left then.
 */
export async function exportTables(
  connection: Connection,
  plan: PortablePlan,
  request: ExportRequest,
  onRows: ExportProgress,
): Promise<ExportManifest> {
  const output = path.resolve(request.output);
  if (existsSync(output))
    throw new HoldfastError("E_TARGET", `${output} is there already`, {
      hint: "name a directory that does not exist yet",
    });
  mkdirSync(path.dirname(output), { recursive: true });
  const staging = `${output}.${randomUUID()}.new`;
  mkdirSync(staging, { mode: 0o750 });
  try {
    const manifest = await writeExport(connection, plan, { ...request, output: staging }, onRows);
    renameSync(staging, output);
    await fsyncDirectory(path.dirname(output));
    return manifest;
  } catch (error) {
    rmSync(staging, { recursive: true, force: true });
    throw error;
  }
}

async function writeExport(
  connection: Connection,
  plan: PortablePlan,
  request: ExportRequest,
  onRows: ExportProgress,
): Promise<ExportManifest> {
  const warnings = [...plan.warnings];
  const tables: ExportManifest["tables"] = [];
  const headers: ExportedTable[] = [];
  for (const fields of plan.tables) {
    const query = selectTable(connection, plan.fields, fields);
    await refuseTwins(connection, fields);
    headers.push(headerOf(fields, query));
    const { table, dangling } = await writeTable(connection, fields, query, request.output, onRows);
    if (dangling > 0) warnings.push(`${fields.table.id}: ${dangling} links lead to no row, and travel as they are`);
    tables.push(table);
  }
  const schema = `${JSON.stringify(headers, null, 1)}\n`;
  writeFileSync(path.join(request.output, SCHEMA), schema, { mode: 0o640, flush: true });
  const schema_sha256 = createHash("sha256").update(schema).digest("hex");
  const manifest: ExportManifest = {
    export_format: EXPORT_FORMAT,
    export_version: EXPORT_VERSION,
    created_at: new Date().toISOString(),
    source: {
      name: request.sourceName,
      url: request.sourceUrl,
      engine: connection.engine,
      server_version: connection.serverVersion,
    },
    software_versions: {
      holdfast: VERSION,
      node: process.versions.node,
      [connection.engine]: connection.serverVersion,
    },
    schema_versions: await migrationsOf(connection, plan.schema),
    data_counts: Object.fromEntries(tables.map(({ table, rows }) => [table, rows])),
    tables,
    left_out: [...plan.leftOut].map(([table, why]) => ({ table, why })),
    warnings,
    schema_sha256,
    checksum: checksumOf({ schema_sha256, tables }),
  };
  writeFileSync(path.join(request.output, MANIFEST), `${JSON.stringify(manifest, null, 2)}\n`, {
    mode: 0o640,
    flush: true,
  });
  return manifest;
}

async function writeTable(
  connection: Connection,
  fields: TableFields,
  query: TableQuery,
  root: string,
  onRows: ExportProgress,
): Promise<{ table: ExportManifest["tables"][number]; dangling: number }> {
  const { id } = fields.table;
  const encoder = new LineEncoder(connection.engine, fields.table, query, (place) => countsInDigest(fields, place));
  const writer = new ChunkWriter(root, `data/${pathOf(fields)}`, headerOf(fields, query));
  let rows = 0;
  try {
    for await (const batch of connection.streamBytes(query.sql)) {
      for (const row of batch) {
        writer.add(encoder.encode(row));
        if (writer.isFull) await writer.flush();
      }
      rows += batch.length;
      onRows(id, rows);
    }
    await writer.finish();
  } finally {
    await writer.abandon();
  }
  return { table: { table: id, rows, digest: encoder.finish(), files: writer.files }, dangling: encoder.dangling };
}

/** A number that only this database knows does not count where the row has a key of its own. */
export function countsInDigest({ key, table }: TableFields, place: FieldPlace): boolean {
  if (place.kind !== "value" || key.kind !== "natural" || key.columns.includes(place.column.name)) return true;
  return place.column.identity === undefined || table.primaryKey?.columns.includes(place.column.name) !== true;
}

/** A directory that any file system takes, one for each table. */
const pathOf = ({ table }: TableFields): string =>
  [...(table.schema === null ? [] : [table.schema]), table.name]
    .map((name) => encodeURIComponent(name).replaceAll(/^\./g, "%2E"))
    .join("/");

export const describeColumn = ({
  name,
  kind,
  native,
  nullable,
}: Column): ExportedTable["fields"][number] & { kind: "value" } => ({
  kind: "value",
  column: { name, kind, native, nullable },
});

/** What the first line of a table's files says. */
export function headerOf({ table, key }: TableFields, { places }: TableQuery): ExportedTable {
  return {
    table: table.id,
    key: { kind: key.kind, columns: [...key.columns], reason: key.reason },
    fields: places.map((place) =>
      place.kind === "value"
        ? describeColumn(place.column)
        : {
            kind: "link",
            name: nameOf(place),
            columns: [...place.field.link.columns],
            table: place.field.target,
            target_columns: [...place.field.link.targetColumns],
            leaves: place.leaves.map(({ leaf }) => ({
              path: [...leaf.through.map(({ columns }) => columns.join("+")), leaf.column.name].join("."),
              column: describeColumn(leaf.column).column,
            })),
          },
    ),
  };
}

/** A key that was named by hand may not be one. */
async function refuseTwins(connection: Connection, { table, key }: TableFields): Promise<void> {
  const isProved = [table.primaryKey, ...table.uniques].some(
    (unique) => unique !== null && unique.columns.every((name) => key.columns.includes(name)),
  );
  if (key.kind !== "natural" || isProved) return;
  const { quote } = connection;
  const columns = key.columns.map(quote).join(", ");
  const twins = await connection.rows(
    `select ${columns}, count(*) from ${rowsOf(connection, table)} group by ${columns} having count(*) > 1 limit 10`,
  );
  const [first] = twins;
  if (first === undefined) return;
  throw new HoldfastError(
    "E_IMPORT",
    `${table.id}: ${first.at(-1)?.toString()} rows have the key (${first.slice(0, -1).join(", ")})${twins.length > 1 ? ", and more keys are not unique" : ""}`,
    { hint: `portable.keys says that (${key.columns.join(", ")}) tells rows apart` },
  );
}
