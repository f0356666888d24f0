/** By what the rows of a table are known outside their database. docs/portable.md says the order of choice. */
import { HoldfastError } from "../../../errors.ts";
import { byName, stronglyConnected, wayBetween, type Graph } from "../graph.ts";
import { byRank, candidatesOf, type Candidate, type TableKey, type NaturalKey } from "./candidates.ts";
import { findColumn, findTable } from "../names.ts";
import type { Schema, TableId } from "../tables.ts";

/** The flaw of each tree key, or null, by table and columns. */
export type TreeKeyChecks = ReadonlyMap<string, string | null>;

/** Returns the name of a key in `TreeProofs`. */
export const treeKeyName = (table: TableId, { columns }: NaturalKey): string => JSON.stringify([table, ...columns]);

/** What the config says: columns by table (its id, or its name where that is clear). No columns: rows are known by their primary key. */
export interface KeyHints {
  readonly keys: Readonly<Record<string, readonly string[]>>;
  /** What the rows say of tree keys; absent, all of them are taken for good ones. */
  readonly trees?: TreeKeyChecks;
}

/**
 * The key of every table: what the config names; a primary key that the application gives; a unique constraint or index whose columns can't be
 * NULL; the primary key that the database gives; none. Throws `E_CONFIG` where the config names what is not there or keys that need each other.
 */
export function chooseKeys(schema: Schema, hints: KeyHints): ReadonlyMap<TableId, TableKey> {
  const tables = schema.tables.toSorted((a, b) => byName(a.id, b.id));
  const known = new Set(tables.map(({ id }) => id));
  const configured = configuredKeys(schema, hints);
  const candidates = new Map(
    tables.map((table) => [
      table.id,
      validCandidates(table.id, candidatesOf(table, known, configured.get(table.id)), hints.trees),
    ]),
  );
  untangle(candidates);
  return new Map([...candidates].flatMap(([id, [best]]) => (best === undefined ? [] : [[id, best.key]])));
}

function configuredKeys(schema: Schema, hints: KeyHints): ReadonlyMap<TableId, readonly string[]> {
  const keys = new Map<TableId, readonly string[]>();
  for (const [name, columns] of Object.entries(hints.keys)) {
    const table = findTable(schema, name, "keys");
    if (keys.has(table.id)) throw new HoldfastError("E_CONFIG", `keys: the table ${table.id} is named twice`);
    for (const column of columns) findColumn(table, column, `keys.${name}`);
    const [twice] = columns.filter((column, at) => columns.indexOf(column) !== at);
    if (twice !== undefined) throw new HoldfastError("E_CONFIG", `keys.${name}: the column ${twice} is named twice`);
    keys.set(table.id, columns);
  }
  return keys;
}

/** Where the keys of several tables need each other, the table that loses least takes its next one that needs none of them, until none do. */
function untangle(candidates: Map<TableId, Candidate[]>): void {
  for (;;) {
    const graph = nesting(candidates);
    const cycles = stronglyConnected(graph).filter(({ length }) => length > 1);
    if (cycles.length === 0) return;
    for (const cycle of cycles) {
      const [cheapest] = cycle
        .flatMap((id) => waysOut(id, candidates.get(id) ?? [], cycle))
        .toSorted((a, b) => byRank(a.next.rank, b.next.rank) || byName(a.id, b.id));
      const from = cheapest?.id ?? cycle.toSorted(byName)[0] ?? "";
      const way = (wayBetween(graph, from, from) ?? []).join(" → ");
      if (cheapest === undefined) {
        throw new HoldfastError("E_CONFIG", `keys: the keys need each other: ${way}`, {
          hint: "name a key for one of them that does not hold its foreign key",
        });
      }
      const { next, left, later } = cheapest;
      const reason = `${next.key.reason}; (${left.columns.join(", ")}) would need itself: ${way}`;
      candidates.set(from, [{ ...next, key: { ...next.key, reason } }, ...later]);
    }
  }
}

interface WayOut {
  readonly id: TableId;
  readonly left: NaturalKey;
  readonly next: Candidate;
  readonly later: readonly Candidate[];
}

/** The next candidate of a table that needs none of the others in a cycle. */
function waysOut(id: TableId, [best, ...rest]: readonly Candidate[], cycle: readonly TableId[]): WayOut[] {
  const at = rest.findIndex(({ key }) => !nestedIn(id, key).some((target) => cycle.includes(target)));
  const next = rest[at];
  if (best?.key.kind !== "natural" || next === undefined) return [];
  return [{ id, left: best.key, next, later: rest.slice(at + 1) }];
}

const nestedIn = (id: TableId, key: TableKey): TableId[] =>
  key.kind === "natural" ? key.nests.map(({ target }) => target).filter((target) => target !== id) : [];

const nesting = (candidates: ReadonlyMap<TableId, readonly Candidate[]>): Graph =>
  new Map([...candidates].map(([id, [best]]) => [id, best === undefined ? [] : nestedIn(id, best.key)]));

/** Without tree keys that the rows do not bear, or that nobody has looked at though the database does not guard them. */
function validCandidates(
  table: TableId,
  candidates: readonly Candidate[],
  proofs: TreeKeyChecks | undefined,
): Candidate[] {
  const flaws: string[] = [];
  const proved = candidates.flatMap((candidate): Candidate[] => {
    const { key } = candidate;
    if (proofs === undefined || key.kind !== "natural" || key.tree !== true || isConfigured(candidate))
      return [candidate];
    const flaw = proofs.get(treeKeyName(table, key));
    if (flaw === null && key.rootsMayRepeat)
      return [{ ...candidate, key: { ...key, reason: `${key.reason}: these are distinct` } }];
    if (flaw === null || (flaw === undefined && !key.rootsMayRepeat)) return [candidate];
    flaws.push(`(${key.columns.join(", ")}) is none: ${flaw ?? "two rows without a parent may share it"}`);
    return [];
  });
  const [best, ...rest] = proved;
  if (best === undefined || flaws.length === 0) return proved;
  return [{ ...best, key: { ...best.key, reason: `${best.key.reason}; ${flaws.join("; ")}` } }, ...rest];
}

const isConfigured = ({ rank }: Candidate): boolean => rank[0] === 0;
