/** What every foreign format is read as. */
import type { ExportOrigin } from "../../format/documents.ts";
import { isList, isObject, NumberLiteral, type Json, type JsonObject } from "../json/lossless.ts";

/** A row as another program wrote it. */
export interface ForeignRecord {
  /** `app.model`, or whatever its format calls it. */
  readonly model: string;
  /** Undefined where there is none. */
  readonly pk?: Json;
  /** By which other records name this one, where the format says so. */
  readonly naturalKey?: readonly Json[];
  readonly fields: JsonObject;
  /** Where it stands, for messages. */
  readonly file: string;
  readonly line: number;
}

export interface ForeignSource {
  /** In words: `a Django dump`. */
  readonly format: string;
  /** The description that it gives of itself. */
  readonly made: ExportOrigin;
  readonly name: string | null;
  readonly url: string | null;
  /** What is not imported from it, and what a person should know. */
  readonly notes: readonly string[];
  /** What an import is made in spite of, with --force. */
  readonly warnings: readonly string[];
  /** The last migration of each app, where it says. */
  readonly lastMigrations: Readonly<Record<string, string>>;
  /** All that were applied, where it says. */
  readonly migrations: { tool: string; applied: string[] } | null;
  /** In the order of the files. Throws `E_PACKAGE` where they are damaged; what is whole comes first. */
  records(): AsyncIterable<ForeignRecord>;
}

/** `dump.json, line 7: auth.user 3`. */
export function placeOf({ file, line, model, pk, naturalKey }: ForeignRecord): string {
  const key = pk ?? naturalKey;
  return `${file}, line ${line}: ${model}${key === undefined ? "" : ` ${shown(key)}`}`;
}

/** A value, for people. */
export function shown(value: Json): string {
  const text = JSON.stringify(plain(value)) ?? "";
  return text.length > 120 ? `${text.slice(0, 120)}…` : text;
}

/** As `JSON.stringify` takes it: for messages, and where what a number is written like does not count. */
export function plain(value: Json): unknown {
  if (isObject(value)) return Object.fromEntries([...value].map(([name, one]) => [name, plain(one)]));
  if (isList(value)) return value.map(plain);
  return value instanceof NumberLiteral ? value.source : value;
}
