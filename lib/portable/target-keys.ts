/** By what the rows of a database are known that takes an export. */
import { HoldfastError } from "../errors.ts";
import type { ExportedTable } from "./format.ts";
import { wayBetween } from "./graph.ts";
import { chooseKeys } from "./keys.ts";
import type { Schema, TableId } from "./schema.ts";
import { byNumber, chosenKeys, travelKeys, type TravelKey } from "./travel-key.ts";
import { treesOf } from "./tree-order.ts";

/** The keys of the database's own tables. An export that follows no tree key knows the rows of trees by their number. */
export function knownKeys(schema: Schema, exported: readonly ExportedTable[]): Map<TableId, TravelKey> {
  const keys = travelKeys(schema, chooseKeys(schema, { keys: {} }));
  const leaves = exported.flatMap(({ fields }) =>
    fields.flatMap((field) =>
      field.kind === "link" ? field.leaves : field.kind === "generic" ? field.tables.flatMap((one) => one.leaves) : [],
    ),
  );
  if (leaves.some(({ parts }) => parts !== undefined)) return keys;
  for (const table of treesOf(schema, keys)) keys.set(table.id, byNumber(table, keys.get(table.id)?.reason ?? ""));
  return keys;
}

/** Throws `E_SCHEMA` for a key of an export that would need itself without an end here. */
export function refuseEndless(schema: Schema, keys: ReadonlyMap<TableId, TravelKey>): void {
  const trees = new Set(treesOf(schema, keys).map(({ id }) => id));
  const chosen = chosenKeys(schema, keys);
  const nests = new Map(
    [...chosen].map(([id, key]) => [
      id,
      key.kind === "natural"
        ? key.nests.map(({ target }) => target).filter((target) => target !== id || !trees.has(id))
        : [],
    ]),
  );
  const endless = [...nests.keys()].find((id) => wayBetween(nests, id, id) !== undefined);
  if (endless !== undefined)
    throw new HoldfastError(
      "E_SCHEMA",
      `the key of ${endless} (${keys.get(endless)?.columns.join(", ") ?? ""}) needs itself without an end here: ${(wayBetween(nests, endless, endless) ?? []).join(" → ")}`,
      { hint: "make the export with another key for it, under portable.keys" },
    );
}
