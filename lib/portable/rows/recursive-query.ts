/** Builds the query that walks trees from their roots and returns the path of each row as text; see tree-path.ts. */
import type { Quoting } from "../engine/sql-names.ts";
import type { RowLayout, KeyColumn, Tree } from "./fields.ts";
import type { Table, TableId } from "../schema/tables.ts";

/** Reads the values of a row `t`, through joins. */
interface PartReader {
  expression(leaf: KeyColumn): string;
  sql(): string;
  /** Returns the FROM item for a table's own rows. */
  rows(table: Table): string;
}

/** The recursive queries for the trees that one statement needs, one per tree. */
export class RecursiveQueries {
  readonly #connection: Quoting;
  readonly #fields: RowLayout;
  readonly #reader: (walks: RecursiveQueries) => PartReader;
  readonly #names = new Map<TableId, string>();
  #sql = "";

  constructor(connection: Quoting, fields: RowLayout, reader: (walks: RecursiveQueries) => PartReader) {
    this.#connection = connection;
    this.#fields = fields;
    this.#reader = reader;
  }

  /** Returns the WITH clause of the statement. */
  sql(): string {
    return this.#sql === "" ? "" : `with recursive ${this.#sql} `;
  }

  tree(id: TableId): Tree {
    const tree = this.#fields.tree(id);
    if (tree === undefined) throw new RangeError(`${id} is not a tree`);
    return tree;
  }

  /** Returns the name of the recursive query, which has the columns `id`, referenced within the tree, and `path`. */
  nameOf(id: TableId): string {
    const known = this.#names.get(id);
    if (known !== undefined) return known;
    const tree = this.tree(id);
    const { quote, engine } = this.#connection;
    const { paths } = engine;
    const reader = this.#reader(this);
    const parts = tree.parts.map((leaf) => paths.part(reader.expression(leaf), leaf.column));
    const name = `holdfast_tree_${this.#names.size}`;
    this.#names.set(id, name);
    const [up, to] = [`t.${quote(tree.parent.columns[0] ?? "")}`, `t.${quote(tree.parent.targetColumns[0] ?? "")}`];
    const rows = `${reader.rows(tree.table)} as t`;
    const root = paths.widen(paths.join(parts));
    const first = `select ${to}, ${root} from ${rows}${reader.sql()} where ${up} is null`;
    const below = paths.join(["h.path", ...parts]);
    const next = `select ${to}, ${below} from ${name} as h join ${rows} on ${up} = h.id${reader.sql()}`;
    this.#sql += `${this.#sql === "" ? "" : ", "}${name} (id, path) as (${first} union all ${next})`;
    return name;
  }
}
