/** Lists the possible keys of a table and ranks them. */
import { HoldfastError } from "../../../errors.ts";
import { byName } from "../graph.ts";
import type { Column, ForeignKey, Table, TableId, Unique } from "../tables.ts";

/** Columns that identify a row in every database. */
export interface NaturalKey {
  readonly kind: "natural";
  readonly columns: readonly string[];
  /**
   * The foreign keys in the key, each replaced by the target's key, or exported as plain values if the target has none.
   */
  readonly nests: readonly ForeignKey[];
  /** The key is self-referential: rows are identified level by level. */
  readonly tree?: true;
  /** The database allows duplicate keys among rows without a parent, so the rows must be checked. */
  readonly rootsMayRepeat?: true;
  /** The reason for the choice, shown by the plan. */
  readonly reason: string;
}

/** The primary key that this database generated. */
export interface GeneratedKey {
  readonly kind: "reference";
  readonly columns: readonly string[];
  readonly reason: string;
}

/** Nothing identifies a row: the table is a multiset. */
export interface NoKey {
  readonly kind: "none";
  readonly reason: string;
}

export type TableKey = NaturalKey | GeneratedKey | NoKey;

/** The rank of a key: numbers compared from first to last, where less is better. */
type Rank = readonly number[];

export interface Candidate {
  readonly key: TableKey;
  readonly rank: Rank;
}

/** The first number of a rank: the class of a key. */
const PLACE = {
  config: 0,
  primaryKey: 1,
  unique: 2,
  tree: 3,
  surrogate: 4,
  weak: 5,
  surrogateNumber: 6,
  reference: 7,
} as const;

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

/**
 * Returns the foreign keys that lie entirely within these columns, and that the target's key replaces. A column in
 * several belongs to the widest. A foreign key from columns to themselves is ignored.
 */
export function nestedForeignKeys(
  table: Table,
  columns: readonly string[],
  known: ReadonlySet<TableId>,
): readonly ForeignKey[] {
  const inside = table.foreignKeys
    .filter(
      (key) =>
        known.has(key.target) && !isSelfIdentity(table, key) && key.columns.every((one) => columns.includes(one)),
    )
    .toSorted(
      (a, b) =>
        b.columns.length - a.columns.length ||
        Number(a.target === table.id) - Number(b.target === table.id) ||
        byName(a.name, b.name),
    );
  const covered = new Set<string>();
  return inside.filter((key) => {
    const adds = key.columns.some((column) => !covered.has(column));
    for (const column of key.columns) covered.add(column);
    return adds;
  });
}

/** Checks for a foreign key from columns to themselves. */
export const isSelfIdentity = (table: Table, key: ForeignKey): boolean =>
  key.target === table.id && key.columns.every((column, at) => column === key.targetColumns[at]);

/** Returns the possible keys of a table, the best first; never empty. */
export function candidatesOf(
  table: Table,
  known: ReadonlySet<TableId>,
  configured: readonly string[] | undefined,
): Candidate[] {
  if (configured?.length === 0) return [fallbackKey(table, "set by the config")];
  if (configured !== undefined) return [configuredKey(table, known, configured)];
  const found = [
    primaryKeyCandidate(table, known),
    ...table.uniques.map((unique) => uniqueCandidate(table, known, unique)),
  ].filter((candidate) => candidate !== undefined);
  return [
    ...found.toSorted((a, b) => byRank(a.rank, b.rank) || byName(a.key.reason, b.key.reason)),
    fallbackKey(table),
  ];
}

/** Compares two ranks, the better one first. */
export function byRank(a: Rank, b: Rank): number {
  for (const [at, number] of a.entries()) {
    const difference = number - (b[at] ?? 0);
    if (difference !== 0) return difference;
  }
  return 0;
}

function configuredKey(table: Table, known: ReadonlySet<TableId>, columns: readonly string[]): Candidate {
  if (isComputed(table, columns))
    throw new HoldfastError(
      "E_CONFIG",
      `keys: ${table.id} (${columns.join(", ")}) has a column that the database computes`,
      { hint: "use columns that the application writes" },
    );
  const key = natural(table, known, columns, "named by the config");
  const unfit = ownColumns(table, key).find(isUnfit);
  if (unfit !== undefined) {
    throw new HoldfastError("E_CONFIG", `keys: ${table.id}.${unfit.name} is ${unfit.native}, which cannot be a key`, {
      hint: "use columns of text, integers, times or UUIDs",
    });
  }
  if (key.tree && !canEnd(table, key)) {
    throw new HoldfastError("E_CONFIG", `keys: the key of ${table.id} refers to itself and can never be NULL`, {
      hint: `omit ${selfReferences(table, key)
        .flatMap((one) => one.columns)
        .join(", ")}, which is NOT NULL`,
    });
  }
  return { key, rank: [PLACE.config] };
}

function natural(table: Table, known: ReadonlySet<TableId>, columns: readonly string[], reason: string): NaturalKey {
  const nests = nestedForeignKeys(table, columns, known);
  const tree = nests.some(({ target }) => target === table.id);
  return { kind: "natural", columns, nests, ...(tree ? { tree } : {}), reason };
}

const selfReferences = (table: Table, key: NaturalKey): ForeignKey[] =>
  key.nests.filter(({ target }) => target === table.id);

/** Checks whether a tree can have roots, which reference no parent. */
const canEnd = (table: Table, key: NaturalKey): boolean =>
  selfReferences(table, key).every((one) => one.columns.some((name) => columnOf(table, name)?.nullable === true));

const columnOf = (table: Table, name: string): Column | undefined => table.columns.find((one) => one.name === name);

function primaryKeyCandidate(table: Table, known: ReadonlySet<TableId>): Candidate | undefined {
  const { primaryKey } = table;
  if (primaryKey === null || isComputed(table, primaryKey.columns)) return undefined;
  const key = natural(table, known, primaryKey.columns, "");
  const own = ownColumns(table, key);
  if (own.some(isUnfit) || (key.tree && !canEnd(table, key))) return undefined;
  const [first] = own;
  const alone = primaryKey.columns.length === 1;
  const isNumber = first?.kind === "integer" || first?.kind === "decimal";
  // A default numbers a key of one column, as a sequence does; in a key of several columns it is an ordinary value.
  if (own.some(isNumbered) || (alone && isNumber && first.hasDefault)) return undefined;
  const nullable = key.columns.some((name) => columnOf(table, name)?.nullable === true);
  const rest: Rank = [0, 0, key.columns.length, 0];
  const of = (place: number, reason: string): Candidate => ({
    key: { ...key, reason: nullable ? `${reason}; rows with NULL in it have no key` : reason },
    rank: [place, ...rest],
  });
  if (first === undefined) {
    const targets = key.nests.map(({ target }) => target).join(", ");
    return of(
      PLACE.primaryKey,
      key.nests.length === 1
        ? `primary key, which references ${targets}`
        : `primary key, made of references to ${targets}`,
    );
  }
  const surrogate = own.some((column) => isSurrogate(table, column, alone));
  if (!surrogate) {
    return of(
      isPartialForeignKey(table, key, known) ? PLACE.weak : PLACE.primaryKey,
      "primary key, given by the application",
    );
  }
  return isNumber
    ? of(PLACE.surrogateNumber, "primary key: not generated, and there is no better key")
    : of(PLACE.surrogate, "primary key: the same in every database, and there is no better key");
}

function uniqueCandidate(table: Table, known: ReadonlySet<TableId>, unique: Unique): Candidate | undefined {
  if (isComputed(table, unique.columns)) return undefined;
  const key = natural(table, known, unique.columns, "");
  const own = ownColumns(table, key);
  if (own.some(isUnfit) || own.some(isNumbered)) return undefined;
  const parents = new Set(selfReferences(table, key).flatMap(({ columns }) => columns));
  // Parents alone would identify the rows of a list by their position.
  if (key.tree && (!canEnd(table, key) || parents.size === key.columns.length)) return undefined;
  const nullable = key.columns.filter((name) => columnOf(table, name)?.nullable === true);
  if ((!unique.nullsNotDistinct || key.tree) && nullable.some((name) => !parents.has(name))) return undefined;
  const unguarded = !unique.nullsNotDistinct && nullable.length > 0;
  const place =
    own.some(isWeak) || isPartialForeignKey(table, key, known) ? PLACE.weak : unguarded ? PLACE.tree : PLACE.unique;
  const telling = own.reduce((sum, column) => sum + nameRank(column.name), 0);
  const what = `${unique.constraint ? "unique constraint" : "unique index"} ${unique.name}`;
  return {
    key: unguarded
      ? { ...key, rootsMayRepeat: true, reason: `${what}, which does not cover rows without a parent` }
      : { ...key, reason: what },
    rank: [
      place,
      Number(!unique.constraint),
      Number(unique.deferrable === true),
      key.columns.length,
      telling,
      ...unique.columns.map((name) => table.columns.findIndex((one) => one.name === name)),
    ],
  };
}

/** Checks for columns that the database computes: their values are not exported, so no row can be found by them. */
const isComputed = (table: Table, columns: readonly string[]): boolean =>
  columns.some((name) => columnOf(table, name)?.generated === true);

/** Returns the columns of a key that are not part of a foreign key in it. */
function ownColumns(table: Table, key: NaturalKey): Column[] {
  const nested = new Set(key.nests.flatMap(({ columns }) => columns));
  return key.columns.flatMap((name) => (nested.has(name) ? [] : (columnOf(table, name) ?? [])));
}

/** Checks for values that may change when written and read again, or are too large for a key. */
const isUnfit = ({ kind, length = Infinity }: Column): boolean =>
  ["float4", "float8", "json", "array"].includes(kind) || (kind === "bytes" && length > SHORT_BYTES);

/** Checks for a column that the database numbers. */
const isNumbered = (column: Column): boolean => column.identity !== undefined || column.sequence !== undefined;

/** Checks for values that are unique but meaningless: random, or the time when the row was created. */
const isWeak = ({ name, kind, hasDefault }: Column): boolean =>
  kind === "uuid" ||
  kind === "bytes" ||
  (hasDefault && (kind === "timestamp" || kind === "timestamptz")) ||
  RANDOM.test(words(name));

/** Checks for an identifier without meaning; in a key of several columns, only one with a name such as `id`. */
function isSurrogate(table: Table, column: Column, alone: boolean): boolean {
  const name = words(column.name);
  if (["id", "pk", "uuid", "guid", "rowid", "oid"].includes(name)) return true;
  if (!alone) return false;
  if (column.kind === "uuid" || column.hasDefault || RANDOM.test(name)) return true;
  if (!name.endsWith("id")) return false;
  const called = name.replace(/_?id$/, "");
  return (name.endsWith("_id") && column.kind === "integer") || words(table.name).includes(called);
}

/**
 * Checks whether a column of the key belongs to a foreign key that the key contains only in part: alone, its value
 * means nothing.
 */
function isPartialForeignKey(table: Table, key: NaturalKey, known: ReadonlySet<TableId>): boolean {
  const own = new Set(ownColumns(table, key).map(({ name }) => name));
  return table.foreignKeys.some(
    (one) => known.has(one.target) && !isSelfIdentity(table, one) && one.columns.some((column) => own.has(column)),
  );
}

/** Returns the same words for `userName`, `UserName` and `user_name`. */
const words = (name: string): string =>
  name
    .replaceAll(/([a-z0-9])([A-Z])/g, "$1_$2")
    .replaceAll(/[^A-Za-z0-9]+/g, "_")
    .toLowerCase();

function nameRank(name: string): number {
  const plain = words(name);
  const exact = NATURAL_KEY_NAMES.indexOf(plain);
  if (exact >= 0) return exact * 2;
  const ending = NATURAL_KEY_NAMES.findIndex((one) => plain.endsWith(`_${one}`));
  return ending >= 0 ? ending * 2 + 1 : NATURAL_KEY_NAMES.length * 2;
}

function fallbackKey(table: Table, why?: string): Candidate {
  const { primaryKey } = table;
  const rank = [PLACE.reference];
  if (primaryKey === null) {
    const reason = why ?? "no primary key and nothing unique without NULLs";
    return { key: { kind: "none", reason: `${reason}: nothing identifies its rows` }, rank };
  }
  const reason = why ?? "nothing else is unique without NULLs";
  return { key: { kind: "reference", columns: primaryKey.columns, reason: `primary key: ${reason}` }, rank };
}
