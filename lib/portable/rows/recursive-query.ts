/** The query that walks the trees of a database from their roots, and gives each row the way to it as one text: see tree-path.ts. */
import type { Connection } from "../connection.ts";
import type { RowLayout, KeyColumn, Tree } from "./fields.ts";
import type { Table, TableId } from "../schema/tables.ts";

type Quoting = Pick<Connection, "engine" | "quote">;

/** What reads the values of a row `t`, over joins. */
interface PartReader {
  expression(leaf: KeyColumn): string;
  sql(): string;
  /** A table's own rows, behind FROM. */
  rows(table: Table): string;
}

/** The trees that one query needs, each walked once. */
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

  /** In front of the query that uses them. */
  sql(): string {
    return this.#sql === "" ? "" : `with recursive ${this.#sql} `;
  }

  tree(id: TableId): Tree {
    const tree = this.#fields.tree(id);
    if (tree === undefined) throw new RangeError(`${id} is no tree`);
    return tree;
  }

  /** A table of the query with the columns `id`, to which links of the tree lead, and `path`. */
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
    const first = `select ${to}, ${widened(this.#connection, joined(this.#connection, parts))} from ${rows}${reader.sql()} where ${up} is null`;
    const next = `select ${to}, ${joined(this.#connection, ["h.path", ...parts])} from ${name} as h join ${rows} on ${up} = h.id${reader.sql()}`;
    this.#sql += `${this.#sql === "" ? "" : ", "}${name} (id, path) as (${first} union all ${next})`;
    return name;
  }
}

/** MySQL and MariaDB. */
export const isMysql = ({ engine }: Quoting): boolean => engine === "mysql" || engine === "mariadb";

/** With commas between. */
const joined = (connection: Quoting, texts: readonly string[]): string =>
  isMysql(connection) ? `concat_ws(',', ${texts.join(", ")})` : texts.join(" || ',' || ");

/** MySQL takes the width of such a column from its first rows. */
const widened = (connection: Quoting, text: string): string =>
  isMysql(connection) ? `cast(${text} as char(250000))` : text;

/** A value's text or bytes in hexadecimal; SQLite, where a value has a type of its own, puts a letter before it. */
function partText({ engine }: Quoting, leaf: KeyColumn, value: string): string {
  const { kind } = leaf.column;
  if (engine === "postgresql") {
    return kind === "bytes" ? `encode(${value}, 'hex')` : `encode(convert_to(${value}::text, 'UTF8'), 'hex')`;
  }
  if (engine !== "sqlite") {
    if (kind === "bytes") return `hex(${value})`;
    return `hex(cast(${kind === "bits" ? `${value} + 0` : value} as char character set utf8mb4))`;
  }
  return `case typeof(${value}) when 'text' then 't' || hex(${value}) when 'blob' then 'b' || hex(${value}) when 'integer' then 'i' || ${value} when 'real' then 'r' || printf('%!.17g', ${value}) end`;
}
