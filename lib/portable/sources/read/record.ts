/** The records that every external format is read as. */
import type { ExportOrigin } from "../../format/documents.ts";
import { isList, isObject, NumberLiteral, type Json, type JsonObject } from "../json/lossless.ts";

/** A row as another program wrote it. */
export interface ForeignRecord {
  /** `app.model`, or the format's own name for it. */
  readonly model: string;
  readonly pk?: Json;
  /** The key by which other records refer to this one, if the format has such. */
  readonly naturalKey?: readonly Json[];
  readonly fields: JsonObject;
  /** The origin of the record, for messages. */
  readonly file: string;
  readonly line: number;
}

export interface ForeignSource {
  /** The name of the format: `a Django dump`. */
  readonly format: string;
  /** The source's description of itself. */
  readonly made: ExportOrigin;
  readonly name: string | null;
  readonly url: string | null;
  /** Notes for people, such as what is not imported. */
  readonly notes: readonly string[];
  /** Warnings that need --force. */
  readonly warnings: readonly string[];
  /** The last migration of each app, if recorded. */
  readonly lastMigrations: Readonly<Record<string, string>>;
  /** Every applied migration, if recorded. */
  readonly migrations: { tool: string; applied: string[] } | null;
  /** Yields the records in the order of the files. Throws `E_PACKAGE` for damage, after the complete records. */
  records(): AsyncIterable<ForeignRecord>;
}

/** Returns the location of a record: `dump.json, line 7: auth.user 3`. */
export function placeOf({ file, line, model, pk, naturalKey }: ForeignRecord): string {
  const key = pk ?? naturalKey;
  return `${file}, line ${line}: ${model}${key === undefined ? "" : ` ${shown(key)}`}`;
}

/** Returns a value as text for messages. */
export function shown(value: Json): string {
  const text = JSON.stringify(plain(value)) ?? "";
  return text.length > 120 ? `${text.slice(0, 120)}…` : text;
}

/** Converts a value for `JSON.stringify`: for messages, and where the notation of numbers does not matter. */
export function plain(value: Json): unknown {
  if (isObject(value)) return Object.fromEntries([...value].map(([name, one]) => [name, plain(one)]));
  if (isList(value)) return value.map(plain);
  return value instanceof NumberLiteral ? value.source : value;
}
