/** What makes a column a good or a bad part of a key. */
import type { Column, Table } from "../tables.ts";

/** The names, or endings of names, of columns by which people identify rows; the best first. */
const NATURAL_KEY_NAMES = [
  "natural_key",
  "slug",
  "code",
  "key",
  "username",
  "email",
  "login",
  "handle",
  "name",
  "title",
  "path",
];
const RANDOM = /(?:^|_)(?:uuid|guid|hash|token|digest|checksum|md5|sha1|sha256|nonce|secret)(?:_|$)/;
/** The most bytes of a UUID, a hash, or a name stored as bytes. */
const SHORT_BYTES = 255;

/** Returns a column by its name. */
export const columnOf = (table: Table, name: string): Column | undefined =>
  table.columns.find((one) => one.name === name);

/** Checks for columns that the database computes: their values are not exported, so no row can be found by them. */
export const isComputed = (table: Table, columns: readonly string[]): boolean =>
  columns.some((name) => columnOf(table, name)?.generated === true);

/** Checks for values that may change when written and read again, or are too large for a key. */
export const isUnfit = ({ kind, length = Infinity }: Column): boolean =>
  ["float4", "float8", "json", "array"].includes(kind) || (kind === "bytes" && length > SHORT_BYTES);

/** Checks for a column that the database numbers. */
export const isNumbered = (column: Column): boolean => column.identity !== undefined || column.sequence !== undefined;

/** Checks for values that are unique but meaningless: random, or the time when the row was created. */
export const isWeak = ({ name, kind, hasDefault }: Column): boolean =>
  kind === "uuid" ||
  kind === "bytes" ||
  (hasDefault && (kind === "timestamp" || kind === "timestamptz")) ||
  RANDOM.test(words(name));

/** Checks for an identifier without meaning; in a key of several columns, only one with a name such as `id`. */
export function isSurrogate(table: Table, column: Column, alone: boolean): boolean {
  const name = words(column.name);
  if (["id", "pk", "uuid", "guid", "rowid", "oid"].includes(name)) return true;
  if (!alone) return false;
  if (column.kind === "uuid" || column.hasDefault || RANDOM.test(name)) return true;
  if (!name.endsWith("id")) return false;
  const called = name.replace(/_?id$/, "");
  return (name.endsWith("_id") && column.kind === "integer") || words(table.name).includes(called);
}

/** Returns the same words for `userName`, `UserName` and `user_name`. */
const words = (name: string): string =>
  name
    .replaceAll(/([a-z0-9])([A-Z])/g, "$1_$2")
    .replaceAll(/[^A-Za-z0-9]+/g, "_")
    .toLowerCase();

/** Ranks a column by its name: 0 is the best. */
export function nameRank(name: string): number {
  const plain = words(name);
  const exact = NATURAL_KEY_NAMES.indexOf(plain);
  if (exact >= 0) return exact * 2;
  const ending = NATURAL_KEY_NAMES.findIndex((one) => plain.endsWith(`_${one}`));
  return ending >= 0 ? ending * 2 + 1 : NATURAL_KEY_NAMES.length * 2;
}
