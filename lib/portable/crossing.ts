/**
 * Columns of another sort than the ones that their values come from: a text that another schema keeps as bytes, JSON that it keeps as a text. Their
 * values are written as what they are here, and compared as what they were there.
 */
import { canonicalNumber } from "../database/canonical.ts";
import { HoldfastError } from "../errors.ts";
import { fromBytes, toBytes } from "./bytes.ts";
import type { ExportedField, ExportedTable } from "./format.ts";
import { jsonForm } from "./json-form.ts";
import type { Column, Kind, Schema, Table } from "./schema.ts";
import { findColumn } from "./target-refine.ts";
import { isGeometryType, type JsonValue } from "./values.ts";

type Sort = "number" | "bytes" | "json" | "text";

const SORTS: Partial<Record<Kind, Sort>> = {
  integer: "number",
  decimal: "number",
  float4: "number",
  float8: "number",
  boolean: "number",
  bits: "number",
  bytes: "bytes",
  json: "json",
};
const sortOf = (kind: Kind): Sort => SORTS[kind] ?? "text";

/** The schema with `sent` in each column that an export has as another sort. */
export function withSent(
  schema: Schema,
  exported: readonly ExportedTable[],
  homes: ReadonlyMap<string, Table>,
): Schema {
  const sent = new Map<string, Map<string, Kind>>();
  for (const { table, fields } of exported) {
    const home = homes.get(table);
    for (const [name, kind] of fields.flatMap(sentBy)) {
      const column = home && findColumn(home, name);
      if (home === undefined || column === undefined || sortOf(column.kind) === sortOf(kind)) continue;
      sent.set(home.id, (sent.get(home.id) ?? new Map<string, Kind>()).set(column.name, kind));
    }
  }
  const columnOf = (table: Table, column: Column): Column => {
    const kind = sent.get(table.id)?.get(column.name);
    return kind === undefined ? column : { ...column, sent: kind };
  };
  const tables = schema.tables.map((table) =>
    sent.has(table.id) ? { ...table, columns: table.columns.map((column) => columnOf(table, column)) } : table,
  );
  return { ...schema, tables };
}

/** Columns of a field, each with the kind of what it carries; of a link those that it carries as they are. */
function sentBy(field: ExportedField): [column: string, kind: Kind][] {
  if (field.kind === "value") return [[field.column.name, field.column.kind]];
  if (field.kind === "generic") return [];
  return field.columns.flatMap((name, at): [string, Kind][] => {
    const leaf = field.leaves.find(({ path }) => path === `${field.columns.join("+")}.${field.target_columns[at]}`);
    return leaf === undefined ? [] : [[name, leaf.column.kind]];
  });
}

const UTF8 = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

/** A value of an export as its column here would write it. Throws `E_IMPORT`, in words that fit behind the column's name. */
export function fromSent(column: Column, value: JsonValue): JsonValue {
  const { kind, sent } = column;
  if (sent === undefined) return value;
  if (sent === "bytes" && typeof value === "string" && isGeometryType(column)) return { $: "bytes", v: value };
  if (kind === "bytes") return typeof value === "string" ? Buffer.from(value, "utf8").toString("base64") : value;
  if (sent !== "bytes") return value;
  if (typeof value === "object" && value?.$ === "text") return value.v ?? "";
  if (typeof value !== "string") return value;
  try {
    return UTF8.decode(Buffer.from(value, "base64"));
  } catch {
    throw new HoldfastError("E_IMPORT", "is given bytes that are no UTF-8, and takes text");
  }
}

/** The form that a value had where it came from, of its form and its JSON here, all as bytes. */
export function sentForm(sent: Kind, form: string, json: string): string {
  const [head, body] = [form.slice(0, 1), form.slice(1)];
  switch (sortOf(sent)) {
    case "bytes":
      return `x${body}`;
    case "number":
      return `n${canonicalNumber(body)}`;
    case "json":
      return head === "j" ? form : `j${jsonForm(body)}`;
    case "text":
      // Geometry of MySQL's, whose bytes are kept as such.
      if (head === "x" && sent === "native" && body.includes("\0")) return form;
      return `t${head === "j" ? textOf(json, body) : body}`;
  }
}

/** The source text of JSON, of which the form keeps the meaning alone. */
function textOf(json: string, body: string): string {
  const text: unknown = JSON.parse(fromBytes(json));
  return typeof text === "string" ? toBytes(text) : body;
}
