/** Resolves staged foreign keys to rows of the database, by the keys they are exported as. */
import { HoldfastError } from "../../../errors.ts";
import type { RowLayout, KeyColumn } from "../../rows/fields.ts";
import type { ForeignKey } from "../../schema/tables.ts";
import { isPath } from "../../rows/tree-path.ts";
import { rowsOf } from "../../engine/sql-names.ts";
import type { MissingUsers } from "./missing-users.ts";
import { stagingName, type StagedRows, keyText } from "../staging/staged-table.ts";
import type { StagedForeignKey } from "../staging/column-loaders.ts";
import { SAMPLES } from "./table-result.ts";
import type { Statements } from "../staging/statements.ts";
import { PATH_COLUMN, TARGET_ID_COLUMN } from "../staging/tree-columns.ts";
import type { Trees } from "./trees.ts";
import { plural } from "../../../report/format.ts";

const givenOf = (leaves: StagedForeignKey["leaves"], quote: (name: string) => string): string =>
  leaves.map(({ staged }) => `s.${quote(staged)} is not null`).join(" or ");

export interface JoinedLinks {
  readonly joins: string;
  /** SQL expressions by name of the staging column. */
  readonly values: ReadonlyMap<string, string>;
  readonly found: string;
}

export class ForeignKeyResolver {
  readonly #on: Statements;
  readonly #fields: RowLayout;

  readonly #missing: MissingUsers | undefined;

  readonly #trees: Trees;

  constructor(on: Statements, fields: RowLayout, trees: Trees, missing?: MissingUsers) {
    this.#missing = missing;
    this.#trees = trees;
    this.#on = on;
    this.#fields = fields;
  }

  /** Resolves a foreign key. Throws `E_IMPORT` with the number of keys that match no row, and some of them. */
  async resolve(staging: StagedRows, staged: StagedForeignKey, check = true): Promise<number> {
    const { link, columns, leaves } = staged;
    await this.#missing?.make(staging, staged);
    const joins: { table: string; alias: string; on: string }[] = [];
    const aliases = new Map<string, string>();
    const aliasOf = (through: readonly ForeignKey[]): string => {
      const path = through.map(({ name }) => name).join("/");
      const known = aliases.get(path);
      if (known !== undefined) return known;
      const alias = `j${aliases.size}`;
      aliases.set(path, alias);
      const last = through.at(-1);
      if (last === undefined || through.length === 1) return alias;
      const before = aliasOf(through.slice(0, -1));
      const on = last.columns.map(
        (name, index) =>
          `${alias}.${this.#on.quote(last.targetColumns[index] ?? "")} = ${before}.${this.#on.quote(name)}`,
      );
      joins.push({
        table: rowsOf(this.#on.connection, this.#fields.of(last.target).table),
        alias,
        on: on.join(" and "),
      });
      return alias;
    };
    const first = aliasOf([link]);
    const pathsOf = this.#pathsOf(aliasOf, (table, alias, on) => joins.push({ table, alias, on }));
    const conditions = leaves.map(({ leaf, staged: from }) => {
      const [alias, name] = this.#sourceOf(leaf, aliasOf, pathsOf);
      return this.#same(`${alias}.${this.#on.quote(name)}`, from, leaf, leaves);
    });
    const target = rowsOf(this.#on.connection, this.#fields.of(link.target).table);
    const resolved = await this.#on.connection.run(
      this.#on.dialect.update({
        table: stagingName(this.#on.connection, staging),
        alias: "s",
        set: columns.map(
          ({ staged: to }, index) => [to, `${first}.${this.#on.quote(link.targetColumns[index] ?? "")}`] as const,
        ),
        joins: [
          { table: target, alias: first, on: conditions.length === 0 ? "1 = 1" : this.#onlyOf(conditions, first) },
          ...joins,
        ],
        where: `${this.#othersOf(conditions, first)} and (${givenOf(leaves, this.#on.quote)})`,
      }),
    );
    if (check) await this.assertAllResolved(staging, staged);
    return resolved;
  }

  /**
   * Returns the SQL that resolves all of `links` in a query over a staging table `s`: its joins, the resolved columns,
   * and the condition that every reference of a row is resolved.
   */
  joined(links: readonly StagedForeignKey[]): JoinedLinks {
    const { quote } = this.#on;
    const values = new Map<string, string>();
    const found: string[] = [];
    let joins = "";
    for (const [index, { link, columns, leaves }] of links.entries()) {
      const alias = `k${index}`;
      const on = leaves
        .map(({ leaf, staged }, at) => this.#same(`${alias}.l${at}`, staged, leaf, leaves))
        .join(" and ");
      joins += ` left join (${this.#keysOf(
        link,
        leaves.map(({ leaf }) => leaf),
      )}) as ${alias} on ${on} and (${givenOf(leaves, quote)})`;
      for (const [at, { staged }] of columns.entries())
        values.set(staged, `coalesce(${alias}.c${at}, s.${quote(staged)})`);
      const none = leaves.map(({ staged }) => `s.${quote(staged)} is null`).join(" and ");
      found.push(`(${alias}.c0 is not null or (${none}))`);
    }
    return { joins, values, found: found.length === 0 ? "1 = 1" : found.join(" and ") };
  }

  /**
   * Returns a query of the rows that a foreign key may refer to: the referenced columns as `c0` …, the key as `l0` …
   */
  #keysOf(link: ForeignKey, leaves: readonly KeyColumn[]): string {
    const { quote } = this.#on;
    const aliases = new Map<string, string>();
    let from = "";
    const aliasOf = (through: readonly ForeignKey[]): string => {
      const path = through.map(({ name }) => name).join("/");
      const known = aliases.get(path);
      if (known !== undefined) return known;
      const last = through.at(-1) ?? link;
      const before = through.length > 1 ? aliasOf(through.slice(0, -1)) : undefined;
      const alias = `j${aliases.size}`;
      aliases.set(path, alias);
      const table = `${rowsOf(this.#on.connection, this.#fields.of(last.target).table)} as ${alias}`;
      const on = last.columns.map(
        (name, index) => `${alias}.${quote(last.targetColumns[index] ?? "")} = ${before ?? ""}.${quote(name)}`,
      );
      from += before === undefined ? table : ` join ${table} on ${on.join(" and ")}`;
      return alias;
    };
    const first = aliasOf([link]);
    const pointed = link.targetColumns.map((name, index) => `${first}.${quote(name)} as c${index}`);
    const pathsOf = this.#pathsOf(aliasOf, (table, alias, on) => {
      from += ` join ${table} as ${alias} on ${on}`;
    });
    const values = leaves.map((leaf, index) => {
      const [alias, name] = this.#sourceOf(leaf, aliasOf, pathsOf);
      return `${alias}.${quote(name)} as l${index}`;
    });
    return `select ${[...pointed, ...values].join(", ")} from ${from}`;
  }

  /** Compares a key column: a part of a composite key may be NULL, a single key may not. */
  #same(known: string, staged: string, { column }: KeyColumn, { length }: readonly unknown[]): string {
    return this.#on.dialect.same(
      known,
      `s.${this.#on.quote(staged)}`,
      length > 1 ? column : { ...column, nullable: false },
    );
  }

  /** Returns the alias and column that hold a key's value: of the row itself, or of a foreign key that equals it. */
  #sourceOf(
    leaf: KeyColumn,
    aliasOf: (through: readonly ForeignKey[]) => string,
    pathsOf: (leaf: KeyColumn) => string,
  ): [string, string] {
    const { through, column } = leaf;
    if (isPath(leaf)) return [pathsOf(leaf), PATH_COLUMN];
    const last = through.at(-1);
    if (last !== undefined && through.length > 1 && last.targetColumns.includes(column.name))
      return [aliasOf(through.slice(0, -1)), last.columns[last.targetColumns.indexOf(column.name)] ?? column.name];
    return [aliasOf(through), column.name];
  }

  /** Joins the resolved paths of trees, for keys that contain them. */
  #pathsOf(
    aliasOf: (through: readonly ForeignKey[]) => string,
    join: (table: string, alias: string, on: string) => void,
  ): (leaf: KeyColumn) => string {
    const { quote } = this.#on;
    let count = 0;
    return ({ through, table }) => {
      const { found, tree } = this.#trees.of(table);
      const row = `${aliasOf(through)}.${quote(tree.parent.targetColumns[0] ?? "")}`;
      const alias = `w${count++}`;
      join(quote(found), alias, `${alias}.${quote(TARGET_ID_COLUMN)} = ${row}`);
      return alias;
    };
  }

  /** Returns the conditions that the first join can have by itself; the others need all tables. */
  #onlyOf(conditions: readonly string[], alias: string): string {
    const own = conditions.filter((one) => one.startsWith(`${alias}.`));
    return own.length === 0 ? "1 = 1" : own.join(" and ");
  }

  #othersOf(conditions: readonly string[], alias: string): string {
    const others = conditions.filter((one) => !one.startsWith(`${alias}.`));
    return others.length === 0 ? "1 = 1" : others.join(" and ");
  }

  /** Removes the rows whose foreign key is unresolved, and returns their number; `only` restricts them. */
  async dropLost(staging: StagedRows, staged: StagedForeignKey, only = "1 = 1"): Promise<number> {
    const stage = stagingName(this.#on.connection, staging);
    return await this.#on.connection.run(`delete from ${stage} where ${this.#lost(staged, "")} and ${only}`);
  }

  #lost({ columns: [column], leaves }: StagedForeignKey, alias: string): string {
    const none = `${alias}${this.#on.quote(column?.staged ?? "")} is null`;
    return `(${leaves.map(({ staged }) => `${alias}${this.#on.quote(staged)} is not null`).join(" or ")}) and ${none}`;
  }

  /** Throws `E_IMPORT` with the number of unresolved keys, and some of them; `only` restricts the rows `s`. */
  async assertAllResolved(staging: StagedRows, staged: StagedForeignKey, only = "1 = 1"): Promise<void> {
    const { link, columns, leaves } = staged;
    if (columns.length === 0) return;
    const lost = `${stagingName(this.#on.connection, staging)} as s where ${this.#lost(staged, "s.")} and ${only}`;
    const count = await this.#on.count(lost);
    if (count === 0) return;
    const keys = leaves.map((leaf) => `s.${this.#on.quote(leaf.staged)}`).join(", ");
    const samples = await this.#on.connection.rows(`select distinct ${keys} from ${lost} limit ${SAMPLES}`);
    const texts: string[] = [];
    for (const key of samples) texts.push(keyText(await this.#trees.shown(leaves, key)));
    throw new HoldfastError(
      "E_IMPORT",
      `${staging.target.table.id}: ${plural(count, "row references", "rows reference")} missing rows of ${link.target} by ` +
        `${link.columns.join(", ")}: ${texts.join(", ")}`,
      { hint: `import ${link.target} as well, or insert these rows first` },
    );
  }
}
