/** The trees whose rows an export refers to by path. */
import type { Row } from "../../engine/session.ts";
import { isPath } from "../../rows/tree-path.ts";
import type { ExportReader } from "../../read/export-reader.ts";
import type { TableId } from "../../schema/tables.ts";
import type { Targets } from "../target/resolve.ts";
import type { TargetTable } from "../target/types.ts";
import { treesIn } from "../staging/path-cells.ts";
import type { PathHasher } from "../staging/path-hash.ts";
import type { StagedForeignKey } from "../staging/column-loaders.ts";
import type { Statements } from "../staging/statements.ts";
import { TreePaths } from "../staging/tree-paths.ts";

export class Trees {
  readonly #trees = new Map<TableId, TreePaths>();

  constructor(on: Statements, { tables, fields }: Targets, hasher: PathHasher) {
    const own = tables.map(({ table }) => table.id);
    // Trees that are part of other trees' keys come first.
    for (const id of [...tables.flatMap((target) => target.fields.flatMap(treesIn)), ...own]) {
      const tree = this.#trees.has(id) ? undefined : fields.tree(id);
      if (tree !== undefined) this.#trees.set(id, new TreePaths(on, fields, tree, this.#trees.size, hasher));
    }
  }

  /** Returns undefined for a table that is not a tree. */
  find(id: TableId): TreePaths | undefined {
    return this.#trees.get(id);
  }

  of(id: TableId): TreePaths {
    const found = this.#trees.get(id);
    if (found === undefined) throw new RangeError(`${id} is not a tree`);
    return found;
  }

  /** Loads all paths of an export. Throws `E_IMPORT` and `E_PACKAGE`. */
  async load(from: ExportReader, { tables }: Targets, signal: AbortSignal): Promise<void> {
    for (const tree of this.#trees.values()) await tree.load(from, tables, signal);
  }

  /** Returns the trees that a table refers to, that are not imported, and whose rows are not resolved yet. */
  waiting({ fields }: TargetTable, isImported: (id: TableId) => boolean): TreePaths[] {
    const ids = new Set(fields.flatMap(treesIn));
    return [...ids].map((id) => this.of(id)).filter(({ isDone, tree }) => !isDone && !isImported(tree.table.id));
  }

  /** Returns a staged key with readable paths. */
  async shown(leaves: StagedForeignKey["leaves"], key: Row): Promise<Row> {
    const shown = [...key];
    for (const [at, { leaf }] of leaves.entries())
      if (isPath(leaf) && key[at] !== null) shown[at] = await this.of(leaf.table).textOf(key[at] ?? null);
    return shown;
  }
}
