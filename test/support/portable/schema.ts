/** Schemas in a few words, for tests of what is judged about them. */
import type { EngineName } from "../../../lib/database/snapshot.ts";
import type { Column, ForeignKey, Kind, Schema, Table, Unique } from "../../../lib/portable/schema/tables.ts";

type Flags = Partial<Omit<ForeignKey, "columns" | "target" | "targetColumns">>;

export interface TerseTable {
  /**
   * `"id! name? owner_id:integer?"`: a column a word, `:kind` (text unless said; integer for what ends in id), `?` nullable, `!` numbered by the
   * database, `=` with a default, `*` computed.
   */
  readonly columns: string;
  /** Columns of the primary key. */
  readonly pk?: string;
  /** `"a b"`: a unique constraint, `"index a b"`: an index, `"a b nulls"`: NULLS NOT DISTINCT. Named `<table>_<columns>_key`. */
  readonly unique?: readonly string[];
  /** `"owner_id users"`, `"a b others x y"` as `[columns, target, target columns]`; the target's primary key unless said. */
  readonly fk?: readonly (readonly [columns: string, target: string, targetColumns?: string, flags?: Flags])[];
  readonly rows?: number;
}

const split = (text: string): string[] => text.split(/\s+/).filter((word) => word !== "");

export function portableSchema(
  tables: Readonly<Record<string, TerseTable>>,
  engine: EngineName = "postgresql",
): Schema {
  const built = Object.entries(tables).map(([id, terse]) => tableOf(id, terse, tables));
  return { engine, serverVersion: "0", tables: built };
}

function tableOf(id: string, terse: TerseTable, all: Readonly<Record<string, TerseTable>>): Table {
  const name = id.split(".").at(-1) ?? id;
  return {
    id,
    schema: id.includes(".") ? (id.split(".")[0] ?? null) : null,
    name,
    columns: split(terse.columns).map(columnOf),
    primaryKey:
      terse.pk === undefined
        ? null
        : {
            name: `${name}_pkey`,
            columns: split(terse.pk),
            primary: true,
            constraint: true,
            nullsNotDistinct: false,
          },
    uniques: (terse.unique ?? []).map((text) => uniqueOf(name, text)),
    foreignKeys: (terse.fk ?? []).map(([columns, target, targetColumns, flags]) => ({
      name: `${name}_${split(columns).join("_")}_fkey`,
      columns: split(columns),
      target,
      targetColumns: split(targetColumns ?? all[target]?.pk ?? "id"),
      deferrable: false,
      ...flags,
    })),
    triggers: [],
    estimatedRows: terse.rows ?? 0,
    notes: [],
  };
}

const KINDS: readonly Kind[] = [
  ...(["integer", "decimal", "float4", "float8", "boolean", "bits", "text", "enum", "set", "uuid", "bytes"] as const),
  ...(["json", "date", "time", "timestamp", "timestamptz", "interval", "array", "native"] as const),
];

function columnOf(word: string): Column {
  const [, name = "", said, marks = ""] = /^([^:?!=*]+)(?::(\w+))?([?!=*]*)$/.exec(word) ?? [];
  if (name === "") throw new Error(`not a column: ${word}`);
  const kind = said === undefined ? (/id$/i.test(name) ? "integer" : "text") : KINDS.find((one) => one === said);
  if (kind === undefined) throw new Error(`no such kind: ${word}`);
  return {
    name,
    kind,
    native: kind,
    nullable: marks.includes("?"),
    generated: marks.includes("*"),
    hasDefault: marks.includes("=") || marks.includes("!"),
    ...(marks.includes("!") ? { identity: "default" } : {}),
  };
}

function uniqueOf(table: string, text: string): Unique {
  const columns = split(text).filter((word) => word !== "index" && word !== "nulls");
  return {
    name: `${table}_${columns.join("_")}_key`,
    columns,
    primary: false,
    constraint: !split(text).includes("index"),
    nullsNotDistinct: split(text).includes("nulls"),
  };
}
