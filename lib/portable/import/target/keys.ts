/** The keys that identify rows in the target database of an import. */
import { HoldfastError } from "../../../errors.ts";
import type { ExportedField, ExportedTable } from "../../format/documents.ts";
import { pathBetween } from "../../schema/graph.ts";
import { chooseKeys } from "../../schema/keys/choose.ts";
import type { Schema, Table, TableId } from "../../schema/tables.ts";
import { matchColumn } from "../../schema/names.ts";
import { byPrimaryKey, keysOf, exportedKeys, type ExportedKey } from "../../schema/keys/exported.ts";
import { treesOf } from "../../plan/tree-order.ts";

/**
 * Returns the keys of the database's own tables. If the export uses no tree keys, rows of trees are identified by
 * primary key.
 */
export function knownKeys(schema: Schema, exported: readonly ExportedTable[]): Map<TableId, ExportedKey> {
  const keys = exportedKeys(schema, chooseKeys(schema, { keys: {} }));
  const leaves = exported.flatMap(({ fields }) =>
    fields.flatMap((field) =>
      field.kind === "link" ? field.leaves : field.kind === "generic" ? field.tables.flatMap((one) => one.leaves) : [],
    ),
  );
  if (leaves.some(({ parts }) => parts !== undefined)) return keys;
  for (const table of treesOf(schema, keys)) keys.set(table.id, byPrimaryKey(table, keys.get(table.id)?.reason ?? ""));
  return keys;
}

/**
 * Returns the keys by which the export references tables that it does not contain, where they differ from `keys`.
 * `outside` finds such a table by its id in the export.
 */
export function linkedKeys(
  exported: readonly ExportedTable[],
  keys: ReadonlyMap<TableId, ExportedKey>,
  outside: (id: TableId) => Table | undefined,
): Map<TableId, ExportedKey> {
  const found = new Map<TableId, ExportedKey>();
  for (const field of exported.flatMap(({ fields }) => fields)) {
    const target = field.kind === "link" ? outside(field.table) : undefined;
    const columns = field.kind === "link" && target !== undefined ? linkedKey(field, target) : undefined;
    if (target === undefined || columns === undefined) continue;
    const known = keys.get(target.id);
    const isSame = known?.kind === "natural" && sorted(known.columns) === sorted(columns);
    if (!isSame) found.set(target.id, { kind: "natural", columns, reason: "key of the export" });
  }
  return found;
}

const sorted = (columns: readonly string[]): string => columns.toSorted().join();

/**
 * Returns the columns by which a reference identifies rows of a table that is not in the export. Undefined if they are
 * its primary key, a path in a tree, or missing.
 */
function linkedKey({ leaves }: Extract<ExportedField, { kind: "link" }>, target: Table): string[] | undefined {
  const columns = new Set<string | undefined>();
  for (const { path, column, parts } of leaves) {
    const [, own, ...more] = path.split(".");
    if (parts !== undefined || own === undefined || (more.at(-1) ?? own) !== column.name) return undefined;
    for (const name of own.split("+")) columns.add(matchColumn(target, name)?.name);
  }
  const known = [...columns].flatMap((name) => name ?? []);
  const isNumber = known.every((name) => target.primaryKey?.columns.includes(name) === true);
  return known.length !== columns.size || isNumber ? undefined : known;
}

/** Throws `E_SCHEMA` if a key of an export refers to itself endlessly in this schema. */
export function assertKeysTerminate(schema: Schema, keys: ReadonlyMap<TableId, ExportedKey>): void {
  const trees = new Set(treesOf(schema, keys).map(({ id }) => id));
  const chosen = keysOf(schema, keys);
  const nests = new Map(
    [...chosen].map(([id, key]) => [
      id,
      key.kind === "natural"
        ? key.nests.map(({ target }) => target).filter((target) => target !== id || !trees.has(id))
        : [],
    ]),
  );
  const endless = [...nests.keys()].find((id) => pathBetween(nests, id, id) !== undefined);
  if (endless !== undefined)
    throw new HoldfastError(
      "E_SCHEMA",
      `the key of ${endless} (${keys.get(endless)?.columns.join(", ") ?? ""}) refers to itself and can ` +
        `never be NULL here: ${(pathBetween(nests, endless, endless) ?? []).join(" → ")}`,
      { hint: "export it with another key under portable.keys" },
    );
}
