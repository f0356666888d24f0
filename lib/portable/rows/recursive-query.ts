/** Builds the query that walks trees from their roots and returns the path of each row as text; see tree-path.ts. */
import type { Connection } from "../connection.ts";
import type { RowLayout, KeyColumn, Tree } from "./fields.ts";
import type { Table, TableId } from "../schema/tables.ts";

type Quoting = Pick<Connection, "engine" | "quote">;

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
    const { quote } = this.#connection;
    const reader = this.#reader(this);
    const parts = tree.parts.map((leaf) => partText(this.#connection, leaf, reader.expression(leaf)));
    const name = `holdfast_tree_${this.#names.size}`;
    this.#names.set(id, name);
    const [up, to] = [`t.${quote(tree.parent.columns[0] ?? "")}`, `t.${quote(tree.parent.targetColumns[0] ?? "")}`];
    const rows = `${reader.rows(tree.table)} as t`;
    const root = widened(this.#connection, joined(this.#connection, parts));
    const first = `select ${to}, ${root} from ${rows}${reader.sql()} where ${up} is null`;
    const below = joined(this.#connection, ["h.path", ...parts]);
    const next = `select ${to}, ${below} from ${name} as h join ${rows} on ${up} = h.id${reader.sql()}`;
    this.#sql += `${this.#sql === "" ? "" : ", "}${name} (id, path) as (${first} union all ${next})`;
    return name;
  }
}

/** Checks for MySQL or MariaDB. */
export const isMysql = ({ engine }: Quoting): boolean => engine === "mysql" || engine === "mariadb";

/** Joins texts with commas. */
const joined = (connection: Quoting, texts: readonly string[]): string =>
  isMysql(connection) ? `concat_ws(',', ${texts.join(", ")})` : texts.join(" || ',' || ");

/** Casts a text to a wide type: MySQL takes the width of a recursive column from its first rows. */
const widened = (connection: Quoting, text: string): string =>
  isMysql(connection) ? `cast(${text} as char(250000))` : text;

/** Returns a value's text or bytes in hexadecimal, preceded in SQLite by a letter for the type of the value. */
function partText({ engine }: Quoting, leaf: KeyColumn, value: string): string {
  const { kind } = leaf.column;
  if (engine === "postgresql") {
    return kind === "bytes" ? `encode(${value}, 'hex')` : `encode(convert_to(${value}::text, 'UTF8'), 'hex')`;
  }
  if (engine !== "sqlite") {
    if (kind === "bytes") return `hex(${value})`;
    return `hex(cast(${kind === "bits" ? `${value} + 0` : value} as char character set utf8mb4))`;
  }
  return (
    `case typeof(${value}) when 'text' then 't' || hex(${value}) when 'blob' then 'b' || hex(${value}) ` +
    `when 'integer' then 'i' || ${value} when 'real' then 'r' || printf('%!.17g', ${value}) end`
  );
}
