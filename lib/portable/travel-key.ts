/** The key by which a row is known on its way: the chosen one, as far as it can be followed. */
import { nestedForeignKeys } from "./key-candidates.ts";
import type { ChosenKey } from "./keys.ts";
import type { Schema, Table, TableId } from "./schema.ts";

/** As in an export's headers. */
export interface TravelKey {
  readonly kind: "natural" | "reference" | "none";
  /** Empty for `none`. */
  readonly columns: readonly string[];
  /** For people: why this one. */
  readonly reason: string;
}

export type TravelKeys = ReadonlyMap<TableId, TravelKey>;

/** A key that holds itself, level by level, is not followed: the row's number stands for it. */
export function travelKeys(schema: Schema, chosen: ReadonlyMap<TableId, ChosenKey>): Map<TableId, TravelKey> {
  return new Map(schema.tables.map((table) => [table.id, travelKey(table, chosen.get(table.id))]));
}

function travelKey({ primaryKey }: Table, key: ChosenKey | undefined): TravelKey {
  if (key === undefined || key.kind === "none") return { kind: "none", columns: [], reason: key?.reason ?? "" };
  if (key.kind === "reference" || key.tree !== true)
    return { kind: key.kind, columns: key.columns, reason: key.reason };
  const reason = `${key.reason}, which holds itself and is not followed`;
  return primaryKey === null
    ? { kind: "none", columns: [], reason }
    : { kind: "reference", columns: primaryKey.columns, reason };
}

/** The same as `orderTables` wants it. */
export function chosenKeys(schema: Schema, keys: TravelKeys): Map<TableId, ChosenKey> {
  const known = new Set(schema.tables.map(({ id }) => id));
  return new Map(
    schema.tables.map((table): [TableId, ChosenKey] => {
      const key = keys.get(table.id);
      if (key === undefined || key.kind === "none") return [table.id, { kind: "none", reason: key?.reason ?? "" }];
      const { kind, columns, reason } = key;
      return [
        table.id,
        kind === "reference"
          ? { kind, columns, reason }
          : { kind, columns, reason, nests: nestedForeignKeys(table, columns, known) },
      ];
    }),
  );
}
