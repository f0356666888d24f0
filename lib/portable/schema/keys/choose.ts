/** Chooses the key that identifies a table's rows outside their database. docs/portable.md has the order of choice. */
import { HoldfastError } from "../../../errors.ts";
import { byName, stronglyConnected, pathBetween, type Graph } from "../graph.ts";
import { byRank, candidatesOf, type Candidate } from "./candidates.ts";
import type { NaturalKey, TableKey } from "./table-key.ts";
import { findColumn, findTable } from "../names.ts";
import type { Schema, TableId } from "../tables.ts";

/** The violation of each tree key, or null, by `treeKeyName`. */
export type TreeKeyChecks = ReadonlyMap<string, string | null>;

/** Returns the name of a key in `TreeKeyChecks`. */
export const treeKeyName = (table: TableId, { columns }: NaturalKey): string => JSON.stringify([table, ...columns]);

/** Facts about keys that the schema does not have. */
export interface KeyHints {
  /**
   * The keys of the config: columns by table id, or by name if only one table has it. An empty list selects the
   * primary key.
   */
  readonly keys: Readonly<Record<string, readonly string[]>>;
  /** The results of checking tree keys against the rows; if absent, all are assumed valid. */
  readonly trees?: TreeKeyChecks;
}

/**
 * Chooses the key of every table: in this order, the key in the config, a primary key that the application sets, a
 * unique constraint or index over NOT NULL columns, the generated primary key, or none. Throws `E_CONFIG` if the config
 * has an unknown table or column, or keys that depend on each other.
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
  resolveCycles(candidates);
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

/**
 * Resolves cycles of keys: in each, the table that loses least takes its next key that depends on no other table of the
 * cycle.
 */
function resolveCycles(candidates: Map<TableId, Candidate[]>): void {
  for (;;) {
    const graph = nesting(candidates);
    const cycles = stronglyConnected(graph).filter(({ length }) => length > 1);
    if (cycles.length === 0) return;
    for (const cycle of cycles) {
      const [cheapest] = cycle
        .flatMap((id) => alternativesOf(id, candidates.get(id) ?? [], cycle))
        .toSorted((a, b) => byRank(a.next.rank, b.next.rank) || byName(a.id, b.id));
      const from = cheapest?.id ?? cycle.toSorted(byName)[0] ?? "";
      const path = (pathBetween(graph, from, from) ?? []).join(" → ");
      if (cheapest === undefined) {
        throw new HoldfastError("E_CONFIG", `keys: the keys depend on each other: ${path}`, {
          hint: "set a key for one of them that does not include its foreign key",
        });
      }
      const { next, left, later } = cheapest;
      const reason = `${next.key.reason}; (${left.columns.join(", ")}) would depend on itself: ${path}`;
      candidates.set(from, [{ ...next, key: { ...next.key, reason } }, ...later]);
    }
  }
}

interface Alternative {
  readonly id: TableId;
  readonly left: NaturalKey;
  readonly next: Candidate;
  readonly later: readonly Candidate[];
}

/** Returns the next candidate of a table that depends on no other table of a cycle. */
function alternativesOf(id: TableId, [best, ...rest]: readonly Candidate[], cycle: readonly TableId[]): Alternative[] {
  const at = rest.findIndex(({ key }) => !nestedIn(id, key).some((target) => cycle.includes(target)));
  const next = rest[at];
  if (best?.key.kind !== "natural" || next === undefined) return [];
  return [{ id, left: best.key, next, later: rest.slice(at + 1) }];
}

const nestedIn = (id: TableId, key: TableKey): TableId[] =>
  key.kind === "natural" ? key.nests.map(({ target }) => target).filter((target) => target !== id) : [];

const nesting = (candidates: ReadonlyMap<TableId, readonly Candidate[]>): Graph =>
  new Map([...candidates].map(([id, [best]]) => [id, best === undefined ? [] : nestedIn(id, best.key)]));

/** Drops tree keys that the rows violate, and those that neither the database enforces nor a check has verified. */
function validCandidates(
  table: TableId,
  candidates: readonly Candidate[],
  proofs: TreeKeyChecks | undefined,
): Candidate[] {
  const flaws: string[] = [];
  const valid = candidates.flatMap((candidate): Candidate[] => {
    const { key } = candidate;
    if (proofs === undefined || key.kind !== "natural" || key.tree !== true || isConfigured(candidate))
      return [candidate];
    const flaw = proofs.get(treeKeyName(table, key));
    if (flaw === null && key.rootsMayRepeat)
      return [{ ...candidate, key: { ...key, reason: `${key.reason}: these are distinct` } }];
    if (flaw === null || (flaw === undefined && !key.rootsMayRepeat)) return [candidate];
    flaws.push(`(${key.columns.join(", ")}) is not a key: ${flaw ?? "two rows without a parent may share it"}`);
    return [];
  });
  const [best, ...rest] = valid;
  if (best === undefined || flaws.length === 0) return valid;
  return [{ ...best, key: { ...best.key, reason: `${best.key.reason}; ${flaws.join("; ")}` } }, ...rest];
}

const isConfigured = ({ rank }: Candidate): boolean => rank[0] === 0;
