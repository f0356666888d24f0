/** The values of an export. docs/portable.md, "Values". */

/**
 * A value that its column's kind cannot represent, with its type: text in a number column of SQLite, an infinite float
 * or date.
 */
export interface Tagged {
  readonly $: "nan" | "inf" | "-inf" | "text" | "integer" | "float" | "bytes";
  readonly v?: string;
}

export type JsonValue = null | boolean | number | string | Tagged;
