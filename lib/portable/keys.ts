/** How the rows of a table are told apart without their generated numbers: its natural key, chosen from what the schema says. */
import { HoldfastError } from "../errors.ts";
import type { Column, ForeignKey, Schema, Table, TableId, Unique } from "./schema.ts";

/**
 * - `natural`: columns whose values mean the same in every database; one that is part of a foreign key stands for the key of the row that it points to.
 * - `reference`: the primary key, although the database made it; good between databases of one origin.
 * - `none`: no primary key; equal rows cannot be told apart.
 */
export interface ChosenKey {
  readonly kind: "natural" | "reference" | "none";
  /** Empty for `none`. */
  readonly columns: readonly string[];
  /** For people: why this one. */
  readonly reason: string;
}

export type Keys = ReadonlyMap<TableId, ChosenKey>;

/** Kinds whose values cannot be compared for certain, or are no names of anything. */
const NO_KEY = new Set(["float4", "float8", "json", "array", "interval"]);
const GOOD_NAMES = [/natural_?key/i, /slug/i, /code/i, /key/i, /user_?name/i, /e_?mail/i, /name/i, /title/i];
const POOR_NAMES = /uuid|guid|hash|token|digest|random/i;

/**
 * Chooses a key for every table. `configured` (by table id or name) comes first; then a primary key that the database does not make itself, a unique
 * constraint whose columns are all NOT NULL, a unique index likewise, the generated primary key. Throws `E_CONFIG` for a configured key
 * that names what is not there.
 */
export function chooseKeys(schema: Schema, configured: Readonly<Record<string, readonly string[]>> = {}): Keys {
  for (const [name, columns] of Object.entries(configured)) checkConfigured(schema, name, columns);
  const keys = new Map<TableId, ChosenKey>();
  for (const table of schema.tables) {
    const own = configured[table.id] ?? configured[table.name];
    keys.set(
      table.id,
      own === undefined ? (candidates(table)[0] ?? NONE) : { kind: "natural", columns: own, reason: "configured" },
    );
  }
  for (let circle = findCircle(schema, keys); circle !== undefined; circle = findCircle(schema, keys))
    breakCircle(keys, circle);
  return keys;
}

const NONE: ChosenKey = {
  kind: "none",
  columns: [],
  reason: "no primary key and no unique constraint over columns that are never NULL",
};

function checkConfigured(schema: Schema, name: string, columns: readonly string[]): void {
  const table = schema.tables.find((one) => one.id === name || one.name === name);
  if (table === undefined) throw new HoldfastError("E_CONFIG", `portable.keys names ${name}, which is no table`);
  const missing = columns.find((column) => !table.columns.some((one) => one.name === column));
  if (missing !== undefined || columns.length === 0)
    throw new HoldfastError("E_CONFIG", `portable.keys names ${name}.${missing ?? ""}, which is no column`);
}

/** Every key that a table could have, the best one first. */
function candidates(table: Table): ChosenKey[] {
  const found: ChosenKey[] = [];
  const { primaryKey } = table;
  if (primaryKey !== null && !isSurrogate(table, primaryKey))
    found.push({ kind: "natural", columns: primaryKey.columns, reason: describePrimary(table, primaryKey) });
  const uniques = table.uniques.filter((unique) => isUsable(table, unique)).toSorted((a, b) => compare(table, a, b));
  for (const { name, columns, constraint } of uniques)
    found.push({ kind: "natural", columns, reason: `unique ${constraint ? "constraint" : "index"} ${name}` });
  if (primaryKey !== null && isSurrogate(table, primaryKey))
    found.push({
      kind: "reference",
      columns: primaryKey.columns,
      reason: "its primary key is made by the database, and nothing else is unique and never NULL",
    });
  return found;
}

const columnOf = (table: Table, name: string): Column | undefined => table.columns.find((one) => one.name === name);

/** Made by the database, or by nobody who means something by it. */
function isSurrogate(table: Table, { columns }: Unique): boolean {
  const [only, ...more] = columns;
  if (only === undefined || more.length > 0 || table.foreignKeys.some((key) => key.columns.includes(only)))
    return false;
  const column = columnOf(table, only);
  return column?.identity !== undefined || column?.sequence !== undefined || column?.hasDefault === true;
}

function describePrimary(table: Table, { columns }: Unique): string {
  const links = columns.every((column) => table.foreignKeys.some((key) => key.columns.includes(column)));
  if (!links) return "primary key that the database does not make";
  return columns.length > 1
    ? "primary key of foreign keys: a join table"
    : "primary key that is a foreign key: that of its parent";
}

const isUsable = (table: Table, { columns }: Unique): boolean =>
  columns.every((name) => {
    const column = columnOf(table, name);
    // Two NULLs are two rows; where they are one to the index, the join that looks for them would still not find them.
    return column !== undefined && !column.nullable && !column.generated && !NO_KEY.has(column.kind);
  });

/** Constraint before index, few columns before many, a name that names before one that numbers; then as declared. */
function compare(table: Table, a: Unique, b: Unique): number {
  return (
    Number(b.constraint) - Number(a.constraint) ||
    poorness(table, a) - poorness(table, b) ||
    a.columns.length - b.columns.length ||
    goodness(a) - goodness(b) ||
    0
  );
}

const poorness = (table: Table, { columns }: Unique): number =>
  columns.some((name) => POOR_NAMES.test(name) || columnOf(table, name)?.kind === "uuid") ? 1 : 0;

function goodness({ columns }: Unique): number {
  const found = GOOD_NAMES.findIndex((pattern) => columns.some((name) => pattern.test(name)));
  return found === -1 ? GOOD_NAMES.length : found;
}

/** The foreign keys whose columns take part in a table's key. */
export const keyLinks = (table: Table, key: ChosenKey | undefined): ForeignKey[] =>
  table.foreignKeys.filter((link) => link.columns.some((column) => key?.columns.includes(column) === true));

/** Tables whose keys hold each other's, in a ring; one table that holds its own is a ring too. */
function findCircle(schema: Schema, keys: Keys): readonly Table[] | undefined {
  const tables = new Map(schema.tables.map((table) => [table.id, table]));
  const done = new Set<TableId>();
  for (const start of schema.tables) {
    const path: Table[] = [];
    const onPath = new Set<TableId>();
    const stack: { readonly table: Table; readonly left: Table[] }[] = [];
    const enter = (table: Table): void => {
      path.push(table);
      onPath.add(table.id);
      const left = keyLinks(table, keys.get(table.id)).flatMap(({ target }) => tables.get(target) ?? []);
      stack.push({ table, left });
    };
    if (!done.has(start.id)) enter(start);
    for (let top = stack.at(-1); top !== undefined; top = stack.at(-1)) {
      const next = top.left.pop();
      if (next === undefined) {
        stack.pop();
        path.pop();
        onPath.delete(top.table.id);
        done.add(top.table.id);
      } else if (onPath.has(next.id)) return path.slice(path.findIndex(({ id }) => id === next.id));
      else if (!done.has(next.id)) enter(next);
    }
  }
  return undefined;
}

/** One table of the ring takes its next best key: the one that has the best left. */
function breakCircle(keys: Map<TableId, ChosenKey>, circle: readonly Table[]): void {
  const ids = new Set(circle.map(({ id }) => id));
  const options = circle.flatMap((table) =>
    candidates(table)
      .filter((key) => !keyLinks(table, key).some(({ target }) => ids.has(target)))
      .map((key) => ({ table, key })),
  );
  const best = options.find(({ key }) => key.kind === "natural") ?? options[0];
  if (best === undefined) {
    const names = [...circle.map(({ id }) => id), circle[0]?.id].join(" → ");
    throw new HoldfastError("E_CYCLE", `the keys of ${names} hold each other, and none of them has another key`);
  }
  const { table, key } = best;
  keys.set(table.id, {
    ...key,
    reason: `${key.reason}; a better one would hold itself by way of ${circle.map(({ id }) => id).join(" → ")}`,
  });
}
