/** Describes a table in an export, in the first line of its files. */
import { computedIn } from "../schema/computed-columns.ts";
import type { KeyColumn, TableLayout } from "../rows/fields.ts";
import type { ExportedLeaf, ExportedTable } from "../format/documents.ts";
import { nameOf } from "./row-cells.ts";
import type { Column } from "../schema/tables.ts";
import type { FieldPlace, TableQuery } from "../rows/select-query.ts";

export const describeColumn = ({
  name,
  kind,
  native,
  nullable,
}: Column): ExportedTable["fields"][number] & { kind: "value" } => ({
  kind: "value",
  column: { name, kind, native, nullable },
});

/** Returns the first line of a table's files. */
export function headerOf(from: TableLayout, { places }: TableQuery): ExportedTable {
  const { table, key, leftOut = [] } = from;
  const replaced = replacedIn(places);
  const { notForeignKeys = [] } = table;
  const computed = computedIn(table);
  const uncounted = places.filter((place) => !countsInDigest(from, place)).map(nameOf);
  return {
    table: table.id,
    uncounted,
    key: { kind: key.kind, columns: [...key.columns], reason: key.reason },
    ...(leftOut.length > 0 && { columns_left_out: [...leftOut] }),
    ...(replaced.length > 0 && { columns_replaced: replaced }),
    ...(notForeignKeys.length > 0 && { not_foreign_keys: [...notForeignKeys] }),
    ...(computed.length > 0 && { columns_computed: computed }),
    fields: places.map((place) =>
      place.kind === "value"
        ? describeColumn(place.column)
        : place.kind === "generic"
          ? {
              kind: "generic",
              name: nameOf(place),
              column: describeColumn(place.column).column,
              type: place.relation.type,
              tables: place.relation.targets.map(({ type, as }, index) => ({
                type,
                table: as,
                leaves: leavesAt(place.targets[index]?.leaves),
              })),
            }
          : {
              kind: "link",
              name: nameOf(place),
              columns: [...place.field.link.columns],
              table: place.field.target,
              target_columns: [...place.field.link.targetColumns],
              leaves: leavesAt(place.leaves),
            },
    ),
  };
}

const describeLeaves = (leaves: readonly KeyColumn[]): ExportedLeaf[] =>
  leaves.map(({ through, column, parts }) => ({
    path: [...through.map(({ columns }) => columns.join("+")), column.name].join("."),
    column: describeColumn(column).column,
    ...(parts && { parts: describeLeaves(parts) }),
  }));

const leavesAt = (leaves: readonly { readonly leaf: KeyColumn }[] = []): ExportedLeaf[] =>
  describeLeaves(leaves.map(({ leaf }) => leaf));

const replacedIn = (places: readonly FieldPlace[]): string[] =>
  places.flatMap((place) => (place.kind === "value" && place.replaced !== undefined ? [place.column.name] : []));

/**
 * Checks whether a field counts in digests. The primary key of a row that has another key does not, as it may differ
 * between databases; nor do replaced values.
 */
export function countsInDigest({ key, table }: TableLayout, place: FieldPlace): boolean {
  if (place.kind === "value" && place.replaced !== undefined) return false;
  if (place.kind !== "value" || key.kind !== "natural" || key.columns.includes(place.column.name)) return true;
  return table.primaryKey?.columns.includes(place.column.name) !== true;
}
