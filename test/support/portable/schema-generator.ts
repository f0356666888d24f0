/** Databases that nobody wrote by hand: schemas with keys and links of every kind, and rows, in words that hold for every engine. */
import fc from "fast-check";
import { EDGES, TYPES, type TypeName } from "./value-edges.ts";

export interface ModelColumn {
  readonly name: string;
  readonly type: TypeName;
  readonly nullable: boolean;
  /** Numbered by the database; `always` is GENERATED ALWAYS on PostgreSQL. */
  readonly identity?: "always" | "default";
}

export interface ModelLink {
  readonly columns: readonly string[];
  readonly target: ModelTable;
}

/** A value as SQLite, PostgreSQL and MariaDB print it; or the number of a row, which another database gives anew. */
export type ModelCell = string | null | { readonly number: number };

export interface ModelRow {
  readonly cells: Map<string, ModelCell>;
  /** The rows that its links lead to. */
  readonly links: Map<ModelLink, ModelRow>;
}

export interface ModelTable {
  readonly name: string;
  readonly columns: ModelColumn[];
  readonly primaryKey: string[];
  readonly uniques: string[][];
  readonly links: ModelLink[];
  rows: ModelRow[];
}

const KEYS = ["number", "code", "pair", "uuid", "parent", "join", "tree", "none"] as const;

/** Parts of names that have broken tools before; a number behind them keeps them apart. */
const NAMES = [
  "select", "Order", "group by", "it's", 'say "so"', "back`tick", "ünï 名前", "MixedCase", "a.b", "up/down", "t s.v0", "100%",
  "a?b", "$1", "a;b", "--a", "back\\slash", "x".repeat(50), "_", "j0.a", "[x]", ":a",
] as const; // prettier-ignore

const column = fc.record({
  type: fc.constantFrom(...TYPES),
  nullable: fc.boolean(),
  unique: fc.constantFrom("no", "alone", "with link"),
  name: fc.nat(NAMES.length - 1),
});
const link = fc.record({ to: fc.nat(7), nullable: fc.boolean() });
const table = fc.record({
  key: fc.constantFrom(...KEYS),
  name: fc.nat(NAMES.length - 1),
  always: fc.boolean(),
  columns: fc.array(column, { maxLength: 5 }),
  links: fc.array(link, { maxLength: 3 }),
  rows: fc.nat(7),
});

export const recipes = fc.record({
  tables: fc.array(table, { minLength: 1, maxLength: 8, size: "max" }),
  seed: fc.nat(),
});
export type Recipe = typeof recipes extends fc.Arbitrary<infer T> ? T : never;

/** What the recipe says, as far as it can be: links to tables without a key fall away, and rows that break a constraint. */
export function build({ tables: wanted, seed }: Recipe): ModelTable[] {
  const random = randomOf(seed);
  const tables = wanted.map(({ name }, at): ModelTable => ({
    name: `${NAMES[name]}${at}`, columns: [], primaryKey: [], uniques: [], links: [], rows: [],
  })); // prettier-ignore
  for (const [at, recipe] of wanted.entries()) {
    const own = tables[at];
    if (own === undefined) continue;
    addKey(own, recipe, tables.slice(0, at).filter((one) => one.primaryKey.length > 0 && one.primaryKey.length < 3), random); // prettier-ignore
  }
  for (const [at, recipe] of wanted.entries()) {
    const own = tables[at];
    if (own === undefined) continue;
    for (const { to, nullable } of recipe.links) {
      const target = tables[to % tables.length];
      if (target !== undefined && target.primaryKey.length > 0) addLink(own, target, nullable);
    }
    for (const [index, { type, nullable, unique, name }] of recipe.columns.entries()) {
      const added = `${NAMES[name]}v${index}`;
      own.columns.push({ name: added, type, nullable });
      if (unique === "no" || !["text", "integer", "moment", "date"].includes(type)) continue;
      const first = own.links.at(-1);
      own.uniques.push(unique === "alone" || first === undefined ? [added] : [...first.columns, added]);
    }
  }
  for (const [at, recipe] of wanted.entries()) fill(tables, at, recipe.rows, random);
  dropBroken(tables);
  return tables;
}

type Random = (below: number) => number;

/** Small and repeatable (mulberry32). */
function randomOf(seed: number): Random {
  let state = seed | 0;
  return (below) => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) % below;
  };
}

function addKey(
  own: ModelTable,
  { key, always }: Recipe["tables"][number],
  parents: readonly ModelTable[],
  random: Random,
): void {
  const add = (name: string, type: TypeName, rest: Partial<ModelColumn> = {}): void => {
    own.columns.push({ name, type, nullable: false, ...rest });
    own.primaryKey.push(name);
  };
  const [one, two] = [parents[random(Math.max(1, parents.length))], parents[random(Math.max(1, parents.length))]];
  if (key === "none") return;
  if (key === "code") return add("code", "text");
  if (key === "uuid") return add("uid", "uuid");
  if (key === "pair") {
    add("part a", "text");
    return add("partB", "integer");
  }
  if (key === "tree") {
    add("id", "integer", { identity: always ? "always" : "default" });
    own.columns.push({ name: "slug", type: "text", nullable: false });
    own.uniques.push([...addLink(own, own, true), "slug"]);
    return;
  }
  if (key === "number" || one === undefined || two === undefined)
    return add("id", "integer", { identity: always ? "always" : "default" });
  const links = key === "parent" ? [one] : [one, two];
  for (const target of links) own.primaryKey.push(...addLink(own, target, false));
}

function addLink(own: ModelTable, target: ModelTable, nullable: boolean): string[] {
  const number = own.links.length;
  const columns = target.primaryKey.map((name, at) => {
    const type = target.columns.find((one) => one.name === name)?.type ?? "integer";
    own.columns.push({ name: `l${number} ${at}`, type, nullable });
    return `l${number} ${at}`;
  });
  own.links.push({ columns, target });
  return columns;
}

function fill(tables: readonly ModelTable[], at: number, count: number, random: Random): void {
  const own = tables[at];
  if (own === undefined) return;
  for (let index = 0; index < count; index++) own.rows.push({ cells: new Map(), links: new Map() });
  const linked = new Set(own.links.flatMap(({ columns }) => columns));
  const keyed = new Set([...own.primaryKey, ...own.uniques.flat()]);
  for (const [index, row] of own.rows.entries())
    for (const { name, type, nullable, identity } of own.columns) {
      if (linked.has(name)) continue;
      const edges = EDGES[type];
      if (identity !== undefined) row.cells.set(name, { number: ((index * 5) % 13) + 1 });
      else if (nullable && random(4) === 0) row.cells.set(name, null);
      else if (type === "text" && keyed.has(name))
        row.cells.set(name, `k${random(30)}${["", " é", "'\\", "🎧"][random(4)] ?? ""}`);
      else row.cells.set(name, edges[random(edges.length)] ?? null);
    }
}

/** Links rows, then takes away again what a constraint forbids, until nothing is left to take. */
function dropBroken(tables: readonly ModelTable[]): void {
  for (const { rows, links, columns } of tables)
    for (const [index, row] of rows.entries())
      for (const [number, link] of links.entries()) {
        const nullable = columns.find(({ name }) => name === link.columns[0])?.nullable === true;
        // Rows of a tree are below earlier ones.
        const among = nullable && link.target.rows === rows ? index : link.target.rows.length;
        const target = link.target.rows[(index * (number + 2) + number) % Math.max(1, among)];
        if (target !== undefined && among > 0 && !(nullable && index % 3 === 0)) row.links.set(link, target);
      }
  for (let dropped = true; dropped;) {
    dropped = false;
    const alive = new Set(tables.flatMap(({ rows }) => rows));
    for (const own of tables) {
      const seen = new Set<string>();
      const kept = own.rows.filter((row) => {
        for (const link of own.links) {
          const target = row.links.get(link);
          const nullable = own.columns.find(({ name }) => name === link.columns[0])?.nullable === true;
          if (target !== undefined && alive.has(target)) continue;
          if (!nullable) return false;
          row.links.delete(link);
        }
        for (const unique of [own.primaryKey, ...own.uniques]) {
          const values = unique.map((name) => cellOf(own, row, name));
          if (unique.length === 0 || values.includes(null)) continue;
          const tuple = JSON.stringify([unique, values]).toLowerCase();
          if (seen.has(tuple)) return false;
          seen.add(tuple);
        }
        return true;
      });
      dropped ||= kept.length < own.rows.length;
      own.rows = kept;
    }
  }
}

/** The value of a column, of its own or of the row that its link leads to. */
export function cellOf(own: ModelTable, row: ModelRow, name: string): ModelCell {
  const found = own.links.find(({ columns }) => columns.includes(name));
  if (found === undefined) return row.cells.get(name) ?? null;
  const target = row.links.get(found);
  const pointed = found.target.primaryKey[found.columns.indexOf(name)];
  return target === undefined || pointed === undefined ? null : cellOf(found.target, target, pointed);
}
