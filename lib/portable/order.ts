/** In which order tables are filled: parents before children, and where they wait for each other, what is filled in later. */
import { HoldfastError } from "../errors.ts";
import type { Keys } from "./keys.ts";
import type { ForeignKey, Schema, Table, TableId } from "./schema.ts";

export interface TableOrder {
  readonly order: readonly TableId[];
  /** Foreign keys that are NULL at first and are set when every row is there; self references are not among them when they are NOT NULL. */
  readonly deferred: readonly Deferred[];
}

export interface Deferred {
  readonly table: TableId;
  readonly foreignKey: string;
  /** `by-level`: a self reference that may not be NULL: rows without unfinished parents first. */
  readonly how: "null-then-update" | "by-level";
}

/**
 * Orders the tables, the same for the same schema whatever order it lists them in. Throws `E_CYCLE`, naming the ring, where tables wait for each other by
 * foreign keys that are never NULL or that their keys are made of.
 */
export function orderTables(schema: Schema, keys: Keys): TableOrder {
  const tables = new Map(schema.tables.map((table) => [table.id, table]));
  const deferred: Deferred[] = [];
  for (const table of schema.tables)
    for (const link of table.foreignKeys)
      if (link.target === table.id)
        deferred.push({
          table: table.id,
          foreignKey: link.name,
          how: canWait(table, link, keys) ? "null-then-update" : "by-level",
        });
  const order: TableId[] = [];
  const placed = new Set<TableId>();
  const waiting = new Set([...tables.keys()].toSorted());
  const isDeferred = (table: Table, link: ForeignKey): boolean =>
    deferred.some((one) => one.table === table.id && one.foreignKey === link.name);
  const open = (table: Table): ForeignKey[] =>
    table.foreignKeys.filter((link) => tables.has(link.target) && !placed.has(link.target) && !isDeferred(table, link));
  while (waiting.size > 0) {
    const ready = [...waiting].filter((id) => open(tables.get(id) ?? missing(id)).length === 0);
    for (const id of ready) {
      order.push(id);
      placed.add(id);
      waiting.delete(id);
    }
    if (ready.length > 0 || waiting.size === 0) continue;
    const ring = findRing(tables, waiting, open);
    const breakable = ring.flatMap((table, index) => {
      const next = ring[(index + 1) % ring.length];
      const links = open(table).filter(({ target }) => target === next?.id);
      return links.every((link) => canWait(table, link, keys)) ? [{ table, links }] : [];
    });
    const [best] = breakable.toSorted((a, b) => a.links.length - b.links.length || (a.table.id < b.table.id ? -1 : 1));
    if (best === undefined)
      throw new HoldfastError(
        "E_CYCLE",
        `${describeRing(ring, open)} wait for each other, and none of these columns may be NULL`,
      );
    for (const link of best.links)
      deferred.push({ table: best.table.id, foreignKey: link.name, how: "null-then-update" });
  }
  return { order, deferred };
}

/** Whether a foreign key may be NULL until its target is there. */
function canWait(table: Table, link: ForeignKey, keys: Keys): boolean {
  const inKey = link.columns.some((column) => keys.get(table.id)?.columns.includes(column) === true);
  return (
    !inKey && link.columns.every((name) => table.columns.find((column) => column.name === name)?.nullable === true)
  );
}

/** A ring among the tables that wait: every one of them waits for another. */
function findRing(
  tables: ReadonlyMap<TableId, Table>,
  waiting: ReadonlySet<TableId>,
  open: (table: Table) => ForeignKey[],
): Table[] {
  const path: Table[] = [];
  let at = tables.get([...waiting][0] ?? "");
  while (at !== undefined) {
    const seen = path.indexOf(at);
    if (seen !== -1) return path.slice(seen);
    path.push(at);
    const next = open(at).toSorted((a, b) => (a.target < b.target ? -1 : 1))[0];
    at = next === undefined ? undefined : tables.get(next.target);
  }
  return path;
}

const describeRing = (ring: readonly Table[], open: (table: Table) => ForeignKey[]): string =>
  ring
    .map((table, index) => {
      const next = ring[(index + 1) % ring.length];
      const link = open(table).find(({ target }) => target === next?.id);
      return `${table.id}.${link?.columns.join("+") ?? "?"} → ${next?.id ?? "?"}`;
    })
    .join(", ");

function missing(id: TableId): never {
  throw new HoldfastError("E_INTERNAL", `${id} is not in its schema`);
}
