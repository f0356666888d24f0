/** Lists the possible keys of a table and ranks them. */
import { HoldfastError } from "../../../errors.ts";
import { byName } from "../graph.ts";
import type { Table, TableId, Unique } from "../tables.ts";
import { columnOf, isComputed, isNumbered, isSurrogate, isUnfit, isWeak, nameRank } from "./column-traits.ts";
import { canEnd, isPartialForeignKey, naturalKey, ownColumns, selfReferences } from "./natural-key.ts";
import type { TableKey } from "./table-key.ts";

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
  const key = naturalKey(table, known, columns, "named by the config");
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

function primaryKeyCandidate(table: Table, known: ReadonlySet<TableId>): Candidate | undefined {
  const { primaryKey } = table;
  if (primaryKey === null || isComputed(table, primaryKey.columns)) return undefined;
  const key = naturalKey(table, known, primaryKey.columns, "");
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
  const key = naturalKey(table, known, unique.columns, "");
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
