/** Extracts the paths to rows of trees from the rows of an export. */
import { isGeneric, isRaw, levelsOf, unnest, type JsonCell } from "../../rows/nested-key.ts";
import type { KeyColumn, Tree } from "../../rows/fields.ts";
import { isPath, widthOf } from "../../rows/tree-path.ts";
import type { TableId } from "../../schema/tables.ts";
import type { TargetField, TargetTable } from "../target/types.ts";
import { pathBelow } from "./path-hash.ts";

/** Returns a function that extracts the paths to one tree from a table's rows; undefined if they hold none. */
export function pathsIn(target: TargetTable, tree: Tree): ((cells: readonly JsonCell[]) => JsonCell[]) | undefined {
  const { id } = tree.table;
  const own = target.table.id === id ? ownPath(target, tree) : undefined;
  const places = target.fields.flatMap((field, at) => (leavesOf(field).some((leaf) => holds(leaf, id)) ? [at] : []));
  if (own === undefined && places.length === 0) return undefined;
  return (cells) => {
    const paths: JsonCell[] = own === undefined ? [] : [own(cells)];
    for (const at of places) {
      const [field, cell = null] = [target.fields[at], cells[at]];
      if (cell === null || isRaw(cell)) continue;
      if (field?.kind === "link") collect(field.leaves, cell, 1, id, paths);
      else if (field?.kind === "generic" && isGeneric(cell)) {
        const [table, ...key] = cell.$generic;
        collect(field.targets.find((one) => one.target.as === table)?.leaves ?? [], key, 1, id, paths);
      }
    }
    return paths;
  };
}

/** Returns the trees that a field refers to; trees within the paths of others come first. */
export const treesIn = (field: TargetField): TableId[] => leavesOf(field).flatMap(treesBehind);

const treesBehind = (leaf: KeyColumn): TableId[] =>
  isPath(leaf) ? [...leaf.parts.flatMap(treesBehind), leaf.table] : [];

function leavesOf(field: TargetField): readonly KeyColumn[] {
  if (field?.kind === "link") return field.leaves;
  return field?.kind === "generic" ? field.targets.flatMap(({ leaves }) => leaves) : [];
}

const holds = (leaf: KeyColumn, id: TableId): boolean => treesBehind(leaf).includes(id);

function collect(leaves: readonly KeyColumn[], cell: JsonCell, depth: number, id: TableId, to: JsonCell[]): void {
  for (const [at, value] of unnest(leaves, cell, depth).entries()) {
    const leaf = leaves[at];
    if (leaf === undefined || !isPath(leaf)) continue;
    if (leaf.table === id) to.push(value);
    if (leaf.parts.some((part) => holds(part, id)))
      for (const level of levelsOf(value, widthOf(leaf.parts))) collect(leaf.parts, level, 0, id, to);
  }
}

/** Returns a function that builds the path to a row of the tree itself. */
export function ownPath({ fields }: TargetTable, tree: Tree): (cells: readonly JsonCell[]) => readonly JsonCell[] {
  const nameOf = (field: TargetField | Tree["fields"][number]): string | undefined =>
    field?.kind === "link" ? field.link.name : field?.column.name;
  const parent = fields.findIndex((field) => field?.kind === "link" && field.link.name === tree.parent.name);
  const parts = tree.fields.map((part) =>
    fields.findIndex((field) => field?.kind === part.kind && nameOf(field) === nameOf(part)),
  );
  return (cells) =>
    pathBelow(
      cells[parent] ?? null,
      parts.map((at) => cells[at] ?? null),
    );
}
