/**
 * Builds the query that reads a table for export: its values, and the key of each referenced row, joined by the
 * database.
 */
import type { Replacement } from "./column-rules.ts";
import type { Cell } from "../engine/session.ts";
import type { RowFilter } from "./row-filter.ts";
import type { RowLayout, PolymorphicField, KeyColumn, LinkField, TableLayout } from "./fields.ts";
import {
  idColumnOf,
  sameId,
  TYPE_COLUMNS,
  typeTable,
  type PolymorphicRelation,
  type PolymorphicTarget,
} from "./polymorphic.ts";
import type { Column, ForeignKey, Table, TableId } from "../schema/tables.ts";
import { RecursiveQueries } from "./recursive-query.ts";
import { rowsOf, type Quoting } from "../engine/sql-names.ts";

/** The positions of a field's parts in a result row. */
export type FieldPlace =
  | { readonly kind: "value"; readonly column: Column; readonly replaced?: Replacement; readonly at: number }
  | {
      readonly kind: "link";
      readonly field: LinkField;
      /** The position of the first raw column; the others follow. */
      readonly raw: number;
      /** The position of a value that is not NULL if the referenced row exists; undefined if that row is not joined. */
      readonly found: number | undefined;
      readonly leaves: readonly PlacedLeaf[];
    }
  | {
      readonly kind: "generic";
      readonly column: Column;
      readonly relation: PolymorphicRelation;
      readonly at: number;
      readonly targets: readonly {
        readonly as: string;
        /** The position of a value that is not NULL if the row is one of these. */
        readonly found: number;
        readonly leaves: readonly PlacedLeaf[];
      }[];
    };

interface PlacedLeaf {
  readonly leaf: KeyColumn;
  readonly at: number;
}

export interface TableQuery {
  readonly sql: string;
  readonly parameters: readonly Cell[];
  readonly places: readonly FieldPlace[];
}

/**
 * Selects the fields of a table for the rows that the filter accepts, ordered by primary key or else by exported key.
 * Columns in `apart` are selected as NULL.
 */
export function selectTable(
  connection: Quoting,
  fields: RowLayout,
  from: TableLayout,
  filter?: RowFilter,
  apart?: ReadonlySet<string>,
): TableQuery {
  const { table, fields: all, key } = from;
  const { quote } = connection;
  const columns: string[] = [];
  const walks = new RecursiveQueries(connection, fields, (own) => new Joins(connection, fields, own));
  const joins = new Joins(connection, fields, walks);
  const add = (expression: string): number => columns.push(expression) - 1;
  const places = all.map((field): FieldPlace => {
    if (field.kind === "generic") {
      const at = add(expressionOf(connection, "t", field.column));
      const targets = field.relation.targets.map((target) => {
        joins.lead(table, field, target);
        const found = add(joins.presence(target.link));
        const leaves = fields.leavesOf(target.link).map((leaf) => ({ leaf, at: add(joins.expression(leaf)) }));
        return { as: target.as, found, leaves };
      });
      return { ...field, at, targets };
    }
    if (field.kind === "value") {
      const isApart = apart?.has(field.column.name) === true;
      return { ...field, at: add(isApart ? "null" : expressionOf(connection, "t", field.column)) };
    }
    const leaves = fields.leavesOf(field.link);
    const raw = columns.length;
    for (const name of field.link.columns) add(`t.${quote(name)}`);
    const joined = leaves.some((leaf) => !isDirect(leaf));
    const found = joined ? add(joins.presence(field.link)) : undefined;
    return {
      kind: "link",
      field,
      raw,
      found,
      leaves: leaves.map((leaf) => ({
        leaf,
        at: add(isDirect(leaf) ? `t.${quote(ownColumn(field.link, leaf.column))}` : joins.expression(leaf)),
      })),
    };
  });
  const order = (table.primaryKey?.columns ?? key.columns).map((name) => `t.${quote(name)}`).join(", ");
  const list = columns.length === 0 ? "1" : columns.map((column, index) => `${column} as c${index}`).join(", ");
  const where = [from.where, filter?.sql].filter((one) => one !== undefined).join(" and ");
  const condition = where === "" ? "" : ` where ${where}`;
  const ordered = order === "" ? "" : ` order by ${order}`;
  const sql = `${walks.sql()}select ${list} from ${rowsOf(connection, table)} as t${joins.sql()}${condition}${ordered}`;
  return { sql, places, parameters: [...joins.parameters, ...(filter?.parameters ?? [])] };
}

/** Checks whether the foreign key's own column holds the value, so that the referenced row need not be read. */
const isDirect = ({ through, column, parts }: KeyColumn): boolean =>
  parts === undefined && through.length === 1 && through[0]?.targetColumns.includes(column.name) === true;

const ownColumn = (link: ForeignKey, target: Column): string =>
  link.columns[link.targetColumns.indexOf(target.name)] ?? target.name;

/** Returns the expression that makes the engine print a column's full value. */
const expressionOf = ({ engine, quote }: Quoting, alias: string, column: Column): string =>
  engine.dialect.printed(`${alias}.${quote(column.name)}`, column);

/** The tables that keys are read from, each joined once per path. */
class Joins {
  readonly #connection: Quoting;
  readonly #fields: RowLayout;
  readonly #aliases = new Map<string, string>();
  readonly #walks: RecursiveQueries;
  readonly parameters: Cell[] = [];
  #sql = "";

  constructor(connection: Quoting, fields: RowLayout, walks: RecursiveQueries) {
    this.#connection = connection;
    this.#fields = fields;
    this.#walks = walks;
  }

  sql(): string {
    return this.#sql;
  }

  rows(table: Table): string {
    return rowsOf(this.#connection, table);
  }

  /** Joins the rows of one type of a generic relation. */
  lead(from: Table, { column, relation }: PolymorphicField, { type, link }: PolymorphicTarget): void {
    const { quote } = this.#connection;
    const types = typeTable(this.#fields.schema, from, relation.type);
    const said = types && this.#alias([types.link]);
    const alias = `j${this.#aliases.size}`;
    this.#aliases.set(pathOf([link]), alias);
    const at = type.indexOf(".");
    const names = said === undefined ? [type] : [type.slice(0, at), type.slice(at + 1)];
    this.parameters.push(...names);
    const isType =
      said === undefined
        ? `t.${quote(relation.type)} = ?`
        : TYPE_COLUMNS.map((name) => `${said}.${quote(name)} = ?`).join(" and ");
    const { table } = this.#fields.of(link.target);
    const on = `${isType} and ${sameId(this.#connection, alias, idColumnOf(table, link), column)}`;
    this.#sql += ` left join ${rowsOf(this.#connection, table)} as ${alias} on ${on}`;
  }

  presence(link: ForeignKey): string {
    return `${this.#alias([link])}.${this.#connection.quote(link.targetColumns[0] ?? "")}`;
  }

  expression({ through, table, column, parts }: KeyColumn): string {
    const last = through.at(-1);
    if (parts !== undefined) return `${this.#path(through, table)}.path`;
    // The columns of the last foreign key equal the columns that it references.
    if (last !== undefined && through.length > 1 && last.targetColumns.includes(column.name))
      return `${this.#alias(through.slice(0, -1))}.${this.#connection.quote(ownColumn(last, column))}`;
    return expressionOf(this.#connection, this.#alias(through), column);
  }

  /** Joins the paths of a tree and returns their alias. */
  #path(through: readonly ForeignKey[], id: TableId): string {
    const path = `${pathOf(through)}/`;
    const known = this.#aliases.get(path);
    if (known !== undefined) return known;
    const [to = ""] = this.#walks.tree(id).parent.targetColumns;
    const number = `${this.#alias(through)}.${this.#connection.quote(to)}`;
    const alias = `j${this.#aliases.size}`;
    this.#aliases.set(path, alias);
    this.#sql += ` left join ${this.#walks.nameOf(id)} as ${alias} on ${alias}.id = ${number}`;
    return alias;
  }

  #alias(through: readonly ForeignKey[]): string {
    if (through.length === 0) return "t";
    const path = pathOf(through);
    const known = this.#aliases.get(path);
    if (known !== undefined) return known;
    const before = through.length === 1 ? "t" : this.#alias(through.slice(0, -1));
    const link = through.at(-1);
    if (link === undefined) return "t";
    const alias = `j${this.#aliases.size}`;
    this.#aliases.set(path, alias);
    const { quote } = this.#connection;
    const on = link.columns
      .map((name, index) => `${alias}.${quote(link.targetColumns[index] ?? "")} = ${before}.${quote(name)}`)
      .join(" and ");
    this.#sql += ` left join ${rowsOf(this.#connection, this.#fields.of(link.target).table)} as ${alias} on ${on}`;
    return alias;
  }
}

const pathOf = (through: readonly ForeignKey[]): string =>
  through.map(({ name, target }) => `${name}>${target}`).join("/");
