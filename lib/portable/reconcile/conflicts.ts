/** Finds rows that would break a unique constraint once the rows they refer to are merged. */
import { HoldfastError } from "../../errors.ts";
import type { Cell } from "../engine/session.ts";
import { columnOf, type Schema, type Table, type Unique } from "../schema/tables.ts";
import type { Connection } from "../engine/connection.ts";
import { keyText } from "../import/staging/staged-table.ts";
import { rowsOf } from "../engine/sql-names.ts";
import { textOf } from "./groups.ts";
import { heldAs, heldBy, typeCondition, type Move } from "./references.ts";
import { GOES, type Pair, type Pairs } from "./row-pairs.ts";

export interface Conflicts {
  readonly table: Table;
  readonly moves: readonly Move[];
  readonly pairs: Pairs;
  readonly unique: Unique;
  /** The columns of the pairs that are found. */
  readonly columns: readonly string[];
  readonly identity: readonly string[];
  /** SQL conditions on a row `t` for rows that are removed anyway. */
  readonly going: readonly string[];
}

/**
 * Returns the pairs of rows to merge. Throws `E_TARGET` for rows that differ in other columns, since neither can be
 * removed without loss.
 */
export async function findConflicts(connection: Connection, schema: Schema, of: Conflicts): Promise<Pair[]> {
  const { table, moves, pairs, unique, columns, identity, going } = of;
  const { quote } = connection;
  const parameters: Cell[] = [];
  const joins: string[] = [];
  const values = new Map<string, string>();
  for (const [at, move] of moves.entries()) {
    const alias = `m${at}`;
    const type = typeCondition(connection, schema, move);
    const goingColumns = move.targetColumns.map((name) => pairs.goes(name));
    const on = [
      heldBy(connection, move, pairs.table, alias, goingColumns),
      ...(type.sql === "" ? [] : [type.sql]),
    ].join(" and ");
    parameters.push(...type.parameters);
    joins.push(` left join ${await pairs.copy()} as ${alias} on ${on}`);
    for (const [index, name] of move.columns.entries()) {
      const staying = `${alias}.${pairs.stays(move.targetColumns[index] ?? "")}`;
      const next = heldAs(connection, move, pairs.table, index, staying);
      values.set(name, `coalesce(${next}, ${values.get(name) ?? `t.${quote(name)}`})`);
    }
  }
  const own = table.columns.filter(({ generated }) => !generated);
  const next = own.map(({ name }, at) => `${values.get(name) ?? `t.${quote(name)}`} as n${at}`);
  const old = columns.map((name, at) => `t.${quote(name)} as o${at}`);
  const changed = moves.map((_move, at) => `coalesce(m${at}.${quote(GOES)}, 0)`).join(" + ");
  const touched = moves.map((_move, at) => `m${at}.${quote(GOES)} is not null`).join(" or ");
  const where = [`(${touched})`, ...going.map((one) => `not ${one}`)].join(" and ");
  const rows =
    `select ${[...old, ...next, `${changed} as changed`].join(", ")} ` +
    `from ${rowsOf(connection, table)} as t${joins.join("")} where ${where}`;
  const key = unique.columns.map((name) => `n${own.findIndex((one) => one.name === name)}`);
  const given = unique.nullsNotDistinct ? "1 = 1" : key.map((one) => `${one} is not null`).join(" and ");
  const keys = key.join(", ");
  const groups =
    `select x.*, dense_rank() over (order by ${keys}) as place, count(*) over (partition by ${keys}) as many ` +
    `from (${rows}) as x where ${given}`;
  const places = [...old.map((_one, at) => `o${at}`), ...next.map((_one, at) => `n${at}`)];
  const order = ["place", "changed", ...identity.map((name) => `o${columns.indexOf(name)}`)].join(", ");
  const sql = `select place, ${places.join(", ")} from (${groups}) as y where many > 1 order by ${order}`;
  const ignored = new Set([...(table.primaryKey?.columns ?? []), ...unique.columns]);
  const compared = own.flatMap(({ name }, at) => (ignored.has(name) ? [] : [{ name, at: 1 + columns.length + at }]));
  const found: Pair[] = [];
  let stays: readonly Cell[] = [];
  for await (const batch of connection.stream(sql, parameters))
    for (const row of batch) {
      if (stays.length === 0 || String(stays[0]) !== String(row[0])) {
        stays = row;
        continue;
      }
      const differing = compared.filter(({ at }) => !isSame(row[at] ?? null, stays[at] ?? null));
      const names = own.map(({ name }) => name);
      if (differing.length > 0) rejectDiffering(of, names, [stays, row], differing);
      const pairOf = (one: readonly Cell[]): readonly Cell[] => one.slice(1, 1 + columns.length);
      found.push({ goes: pairOf(row), stays: pairOf(stays) });
    }
  return found;
}

const isSame = (a: Cell, b: Cell): boolean => (a === null || b === null ? a === b : textOf(a) === textOf(b));

function rejectDiffering(
  { table, unique, columns, identity }: Conflicts,
  names: readonly string[],
  [one = [], other = []]: readonly (readonly Cell[])[],
  differing: readonly { readonly name: string }[],
): never {
  const identityOf = (row: readonly Cell[]): string =>
    keyText(identity.map((name) => row[1 + columns.indexOf(name)] ?? null));
  const key = keyText(unique.columns.map((name) => one[1 + columns.length + names.indexOf(name)] ?? null));
  throw new HoldfastError(
    "E_TARGET",
    `${table.id}: the rows ${identity.map((name) => columnOf(table, name).name).join(", ")} ` +
      `${identityOf(one)} and ${identityOf(other)} would have the same ${unique.columns.join(", ")} ${key}, ` +
      `but differ in ${differing.map(({ name }) => name).join(", ")}`,
    { hint: "nothing was changed: make them equal, or remove one of them, and run it again" },
  );
}
