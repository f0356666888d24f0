/**
 * Writes an export as a directory of plain JSON, a file for each table: `{model, count, records: [{natural_key,
 * fields}]}`. docs/portable.md specifies it byte by byte.
 */
import { createHash } from "node:crypto";
import { mkdirSync } from "node:fs";
import { VERSION } from "../../../version.ts";
import { assertValidUtf8 } from "../reject-invalid-utf8.ts";
import type { Connection } from "../../engine/connection.ts";
import type { ExportRequest } from "../run.ts";
import { assertUniqueKeys, assertUniqueOutside } from "../../plan/unique-keys.ts";
import type { KeyColumn, TableLayout, Tree } from "../../rows/fields.ts";
import { MANIFEST } from "../../format/documents.ts";
import { migrationsOf } from "../../plan/applied-migrations.ts";
import type { PortablePlan } from "../../plan/run.ts";
import { valueOf, type JsonCell } from "../../rows/nested-key.ts";
import { RowEncoder } from "../row-cells.ts";
import type { FieldPlace, TableQuery } from "../../rows/select-query.ts";
import { assertTreesConnected } from "../../plan/reachable-rows.ts";
import { writeAtomically } from "../atomic-output.ts";
import { jsonCellText, jsonText } from "../json-value.ts";
import { DirectoryOutput, type WrittenFile } from "../output-file.ts";
import {
  eachRow,
  fieldName,
  hasJsonNull,
  jsonNullWarning,
  queryOf,
  withoutGenerics,
  type ExportHooks,
  type ExportSummary,
} from "../record-rows.ts";
import { plural } from "../../../report/format.ts";

export const RECORDS_FORMAT = "holdfast-records";
const RECORDS_VERSION = "1.0.0";

interface RecordsFile extends WrittenFile {
  readonly path: string;
  readonly model: string;
  readonly table: string;
  readonly rows: number;
  readonly natural_key: readonly string[];
}

/** Exports as plain JSON. Throws like `exportTables`. */
export async function exportRecords(
  connection: Connection,
  plan: PortablePlan,
  request: ExportRequest,
  hooks: ExportHooks,
): Promise<ExportSummary> {
  return await writeAtomically(request.output, async (staging) => {
    mkdirSync(staging, { mode: 0o750 });
    const output = new DirectoryOutput(staging);
    try {
      return await writeRecords(connection, plan, { request, output, hooks });
    } finally {
      output.abandon();
    }
  });
}

interface Writing {
  readonly request: ExportRequest;
  readonly output: DirectoryOutput;
  readonly hooks: ExportHooks;
}

async function writeRecords(connection: Connection, plan: PortablePlan, writing: Writing): Promise<ExportSummary> {
  const { request, output } = writing;
  const warnings = [...plan.warnings];
  const files: RecordsFile[] = [];
  const models = modelNames(plan.tables);
  await assertTreesConnected(
    connection,
    plan.fields,
    plan.tables.map(({ table }) => table.id),
  );
  await assertUniqueOutside(connection, plan);
  for (const fields of plan.tables.map(withoutGenerics)) {
    const model = models.get(fields.table.id) ?? fields.table.name;
    files.push(await writeTable(connection, plan, fields, { ...writing, model, warnings }));
  }
  const migrations = await migrationsOf(connection, plan.schema);
  const manifest = {
    export_version: RECORDS_VERSION,
    export_format: RECORDS_FORMAT,
    created_at: new Date().toISOString(),
    source_portal: { url: request.sourceUrl, name: request.sourceName },
    source: { engine: connection.engine.name, server_version: connection.serverVersion },
    software_versions: {
      holdfast: VERSION,
      node: process.versions.node,
      [connection.engine.name]: connection.serverVersion,
    },
    schema_versions: latestByApp(migrations),
    migrations,
    data_counts: Object.fromEntries(files.map(({ model, rows }) => [model, rows])),
    files,
    left_out: [...plan.leftOut].map(([table, why]) => ({ table, why })),
    warnings,
    checksum: { algorithm: "sha256", of: "files", value: recordsChecksum(files) },
  };
  output.begin(MANIFEST);
  output.write(`${JSON.stringify(manifest, null, 2)}\n`);
  output.end();
  return { data_counts: manifest.data_counts, warnings };
}

/** Returns the last of Django's migrations for each app, by name. */
function latestByApp(migrations: Awaited<ReturnType<typeof migrationsOf>>): Record<string, string> {
  if (migrations?.tool !== "Django") return {};
  return Object.fromEntries(
    migrations.applied.toSorted().map((one) => [one.split(".")[0] ?? "", one.slice(one.indexOf(".") + 1)] as const),
  );
}

/**
 * Returns the checksum of an export: the sha256 over `holdfast records 1` LF and the entries of its files. An entry, in
 * the order of the manifest, is `path` NUL size NUL rows NUL sha256 LF.
 */
function recordsChecksum(files: readonly RecordsFile[]): string {
  const hash = createHash("sha256").update("holdfast records 1\n");
  for (const { path, size_bytes, rows, sha256 } of files) hash.update(`${path}\0${size_bytes}\0${rows}\0${sha256}\n`);
  return hash.digest("hex");
}

/** Returns the model names: the table's name, with its schema if two tables have the same name. */
function modelNames(tables: readonly TableLayout[]): Map<string, string> {
  const names = tables.map(({ table }) => table.name);
  return new Map(
    tables.map(({ table }) => [
      table.id,
      names.indexOf(table.name) === names.lastIndexOf(table.name) ? table.name : table.id,
    ]),
  );
}

interface TableWriting extends Writing {
  readonly model: string;
  readonly warnings: string[];
}

async function writeTable(
  connection: Connection,
  plan: PortablePlan,
  fields: TableLayout,
  { output, hooks, model, warnings }: TableWriting,
): Promise<RecordsFile> {
  const { table, key } = fields;
  await assertUniqueKeys(connection, fields);
  const { query, count } = await queryOf(connection, plan, fields);
  const encoder = new RowEncoder(connection.engine, query);
  const textOf = recordText(fields, query, plan.fields.tree(table.id));
  const path = fileOf(model);
  output.begin(path);
  output.write(`{\n"model": ${JSON.stringify(model)},\n"count": ${count},\n"records": [`);
  let nulls = 0;
  await eachRow(connection, table, query, { ...hooks, count }, (row, isFirst) => {
    const cells = encoder.encode(row);
    if (hasJsonNull(query, cells)) nulls++;
    output.write(`${isFirst ? "" : ","}\n${textOf(cells)}`);
  });
  await assertValidUtf8(connection, fields, encoder.columnsWithReplacementChar);
  output.write(count === 0 ? "]\n}\n" : "\n]\n}\n");
  if (encoder.dangling > 0)
    warnings.push(
      `${table.id}: ${plural(encoder.dangling, "reference to a missing row is", "references to missing rows are")} exported unchanged`,
    );
  if (nulls > 0) warnings.push(jsonNullWarning(table.id, nulls));
  return { path, model, table: table.id, rows: count, natural_key: [...key.columns], ...output.end() };
}

/** Returns the file of a model; `manifest` is reserved. */
const fileOf = (model: string): string =>
  model === "manifest" ? "%6Danifest.json" : `${encodeURIComponent(model).replace(/^\./, "%2E")}.json`;

/** Returns a writer of the line of a row. A generated id is omitted if the row has another key. */
function recordText(
  fields: TableLayout,
  { places }: TableQuery,
  tree: Tree | undefined,
): (cells: readonly JsonCell[]) => string {
  const { table, key } = fields;
  const parts = places.map((place, at) => {
    const columns = place.kind === "link" ? place.field.link.columns : [place.column.name];
    const leaves = place.kind === "link" ? place.leaves.map(({ leaf }) => leaf) : [];
    return {
      at,
      columns,
      name: JSON.stringify(fieldName(table, columns)),
      text: (cell: JsonCell): string => cellText(place, leaves, cell),
      isField: !isGivenNumber(fields, place),
    };
  });
  const ofKey = key.columns
    .map((name) => parts.find(({ columns }) => columns.includes(name)))
    .filter((part, index, all) => part !== undefined && all.indexOf(part) === index)
    .flatMap((part) => (part === undefined ? [] : [part]));
  const isParent = ({ columns }: { readonly columns: readonly string[] }): boolean =>
    tree !== undefined && columns.join() === tree.parent.columns.join();
  const parent = parts.findIndex(isParent);
  const ownOfKey = ofKey.filter((part) => !isParent(part)).map(({ at }) => at);
  // The levels of a tree follow each other, each with its columns in the order in which references have them.
  const keyText = (texts: readonly string[]): string => {
    if (tree === undefined) return ofKey.map(({ at }) => texts[at]).join(", ");
    const above = texts[parent] ?? "null";
    const own = ownOfKey.toSorted((a, b) => a - b).map((at) => texts[at]);
    return [...(above === "null" ? [] : [above.slice(1, -1)]), ...own].join(", ");
  };
  return (cells) => {
    const texts = parts.map(({ text, at }) => text(cells[at] ?? null));
    const own = parts.filter(({ isField }) => isField).map(({ name, at }) => `${name}: ${texts[at] ?? "null"}`);
    return `{"natural_key": [${keyText(texts)}], "fields": {${own.join(", ")}}}`;
  };
}

const isGivenNumber = ({ table, key }: TableLayout, place: FieldPlace): boolean =>
  place.kind === "value" &&
  place.column.identity !== undefined &&
  key.kind === "natural" &&
  !key.columns.includes(place.column.name) &&
  table.primaryKey?.columns.includes(place.column.name) === true;

function cellText(place: FieldPlace, leaves: readonly KeyColumn[], cell: JsonCell): string {
  if (cell === null) return "null";
  return place.kind === "link" ? jsonCellText(leaves, cell, false) : jsonText(place.column, valueOf(cell), false);
}
