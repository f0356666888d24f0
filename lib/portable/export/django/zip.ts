/**
 * Writes an export as one ZIP: `metadata.json`, `<app>/<model>.json` as Django's serializer writes it, and `media/`.
 * docs/portable.md specifies it byte by byte.
 */
import { HoldfastError } from "../../../errors.ts";
import { VERSION } from "../../../version.ts";
import { assertValidUtf8 } from "../reject-invalid-utf8.ts";
import type { Connection } from "../../engine/connection.ts";
import type { Row } from "../../engine/session.ts";
import type { ExportRequest } from "../run.ts";
import { columnOf, type Column, type Table } from "../../schema/tables.ts";
import type { Field, TableLayout, ValueField } from "../../rows/fields.ts";
import { migrationsOf } from "../../plan/applied-migrations.ts";
import type { PortablePlan } from "../../plan/run.ts";
import { valueOf } from "../../rows/nested-key.ts";
import { RowEncoder } from "../row-cells.ts";
import type { TableQuery } from "../../rows/select-query.ts";
import type { JsonValue } from "../../format/value.ts";
import { writeAtomically } from "../atomic-output.ts";
import { timestampIn } from "./file-name.ts";
import { jsonText } from "../json-value.ts";
import { addMedia, checkMedia } from "./media.ts";
import { isDjango, labelOf, modelNames, type ModelName } from "./model-names.ts";
import { ZipOutput, type WrittenFile } from "../output-file.ts";
import {
  eachRow,
  fieldName,
  hasJsonNull,
  jsonNullWarning,
  queryOf,
  type ExportHooks,
  type ExportSummary,
} from "../record-rows.ts";
import { attributesAt, writeZip } from "../zip-file.ts";

export const METADATA = "metadata.json";
const METADATA_VERSION = "1.0";

export interface ZipRequest extends ExportRequest {
  readonly createdAt: Date;
  /** The name of the time zone, as Intl knows it. */
  readonly timeZone: string;
  /** Directories with files to include. */
  readonly media: readonly string[];
}

interface ModelFile extends WrittenFile {
  readonly path: string;
  readonly model: string;
  readonly table: string;
  readonly rows: number;
}

/** Exports as a ZIP. Throws like `exportTables` and `addMedia`. */
export async function exportDjangoZip(
  connection: Connection,
  plan: PortablePlan,
  request: ZipRequest,
  hooks: ExportHooks,
): Promise<ExportSummary> {
  checkMedia(request.media, request.output);
  return await writeAtomically(
    request.output,
    async (staging) =>
      await writeZip(staging, hooks.signal, async (zip) => {
        const output = new ZipOutput(zip, attributesAt(request.createdAt));
        const warnings = [...plan.warnings];
        const models = await writeModels(connection, plan, { output, hooks, warnings });
        const media = await addMedia(zip, request.media, [staging], {
          signal: hooks.signal,
          warn: (text) => void warnings.push(text),
        });
        const data_counts = Object.fromEntries(models.map(({ model, rows }) => [model, rows]));
        const metadata = {
          version: METADATA_VERSION,
          timestamp: timestampIn(request.createdAt, request.timeZone),
          database_engine: `django.db.backends.${connection.engine.djangoBackend}`,
          models_count: models.length,
          total_records: models.reduce((sum, { rows }) => sum + rows, 0),
          includes_media: request.media.length > 0,
          media,
          source: { name: request.sourceName, url: request.sourceUrl, server_version: connection.serverVersion },
          software_versions: { holdfast: VERSION, node: process.versions.node },
          schema_versions: await migrationsOf(connection, plan.schema),
          models,
          left_out: [...plan.leftOut].map(([table, why]) => ({ table, why })),
          warnings,
        };
        output.begin(METADATA);
        output.write(`${JSON.stringify(metadata, null, 2)}\n`);
        output.end();
        return { data_counts, warnings };
      }),
  );
}

interface Writing {
  readonly output: ZipOutput;
  readonly hooks: ExportHooks;
  readonly warnings: string[];
}

async function writeModels(connection: Connection, plan: PortablePlan, writing: Writing): Promise<ModelFile[]> {
  const all = plan.schema.tables;
  const names = await modelNames(
    connection,
    all,
    plan.tables.map(({ table }) => table),
  );
  const files: ModelFile[] = [];
  for (const fields of plan.tables) {
    const name = names.get(fields.table.id);
    if (name === undefined) throw new HoldfastError("E_INTERNAL", `${fields.table.id} has no name`);
    files.push(await writeModel(connection, plan, fields, { ...writing, name, utc: isDjango(all) }));
  }
  return files;
}

async function writeModel(
  connection: Connection,
  plan: PortablePlan,
  { table, key, fields }: TableLayout,
  { output, hooks, warnings, name, utc }: Writing & { readonly name: ModelName; readonly utc: boolean },
): Promise<ModelFile> {
  const plain: TableLayout = { table, key, fields: fields.flatMap((field) => plainFields(table, field)) };
  const { query, count } = await queryOf(connection, plan, plain);
  const model = labelOf(name);
  const encoder = new RowEncoder(connection.engine, query);
  const textOf = objectText(encoder, plain, query, { model, utc });
  const path = [name.app, name.model].map((part) => encodeURIComponent(part).replace(/^\./, "%2E")).join("/");
  let nulls = 0;
  output.begin(`${path}.json`);
  output.write("[");
  await eachRow(connection, table, query, { ...hooks, count }, (row, isFirst) => {
    const { text, values } = textOf(row);
    if (hasJsonNull(query, values)) nulls++;
    output.write(`${isFirst ? "" : ","}\n${text}`);
  });
  await assertValidUtf8(connection, plain, encoder.columnsWithReplacementChar);
  output.write(count === 0 ? "]\n" : "\n]\n");
  if (nulls > 0) warnings.push(jsonNullWarning(table.id, nulls));
  return { path: `${path}.json`, model, table: table.id, rows: count, ...output.end() };
}

/** Returns a foreign key as its columns. */
const plainFields = (table: Table, field: Field): ValueField[] =>
  field.kind === "link"
    ? field.link.columns.map((name) => ({ kind: "value", column: columnOf(table, name) }))
    : [{ ...field, kind: "value" }];

/**
 * Returns a writer of `{"model", "pk", "fields"}` for a row. As in Django, the primary key is not among the fields,
 * unless it has several columns: then `pk` is a list, and they are fields as well.
 */
function objectText(
  encoder: RowEncoder,
  { table }: TableLayout,
  query: TableQuery,
  { model, utc }: { readonly model: string; readonly utc: boolean },
): (row: Row) => { text: string; values: JsonValue[] } {
  const columns = query.places.flatMap((place): Column[] => (place.kind === "value" ? [place.column] : []));
  const pk = (table.primaryKey?.columns ?? []).map((name) => columns.findIndex((column) => column.name === name));
  const fields = columns.flatMap((column, at) =>
    pk.length === 1 && pk[0] === at ? [] : [{ at, name: JSON.stringify(fieldName(table, [column.name])) }],
  );
  const head = `{"model": ${JSON.stringify(model)}, "pk": `;
  return (row) => {
    const values = encoder.encode(row).map(valueOf);
    const texts = columns.map((column, at) => jsonText(column, values[at] ?? null, utc));
    const key =
      pk.length === 1 ? texts[pk[0] ?? 0] : pk.length === 0 ? "null" : `[${pk.map((at) => texts[at]).join(", ")}]`;
    const own = fields.map(({ at, name }) => `${name}: ${texts[at]}`).join(", ");
    return { text: `${head}${key}, "fields": {${own}}}`, values };
  };
}
