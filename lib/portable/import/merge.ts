/** Merges a staged table into the real one, by statements over all rows at once. */
import { HoldfastError } from "../../errors.ts";
import type { Cell } from "../connection.ts";
import type { Fields, Leaf } from "../fields.ts";
import type { ForeignKey } from "../schema.ts";
import { nameOf, type Dialect } from "./dialect.ts";
import { FRESH, LINE, realName, stagingName, type StagedLink, type StagingTable } from "./stage.ts";

export type ImportMode = "create-only" | "update-only" | "create-or-update";

export interface MergeOptions {
  readonly mode: ImportMode;
  /** Rows that break a unique constraint of the database are passed over and counted. */
  readonly skipConflicts: boolean;
}

/** What became of the rows of a table. */
export interface TableResult {
  readonly table: string;
  created: number;
  updated: number;
  unchanged: number;
  skipped: number;
  failed: number;
  /** Rows whose generated number is another here than where they came from, some of them. */
  readonly remapped: {
    count: number;
    readonly samples: { readonly key: string; readonly was: string; readonly is: string }[];
  };
}

const SAMPLES = 10;

export class Merge {
  readonly #dialect: Dialect;
  readonly #fields: Fields;
  readonly #options: MergeOptions;

  constructor(dialect: Dialect, fields: Fields, options: MergeOptions) {
    this.#dialect = dialect;
    this.#fields = fields;
    this.#options = options;
  }

  /** Writes the rows; the links in `later` stay NULL in new rows. Throws `E_IMPORT`. */
  async merge(staging: StagingTable, later: readonly ForeignKey[]): Promise<TableResult> {
    const result: TableResult = {
      table: staging.target.table.id,
      created: 0,
      updated: 0,
      unchanged: 0,
      skipped: 0,
      failed: 0,
      remapped: { count: 0, samples: [] },
    };
    const isLater = (link: ForeignKey): boolean => later.some((one) => one.name === link.name);
    const inTable = staging.links.filter(({ link }) => link.target === staging.target.table.id && !isLater(link));
    for (const link of staging.links)
      if (!isLater(link.link) && !inTable.includes(link)) await this.#resolve(staging, link);
    if (staging.target.key.kind === "none") return await this.#pour(staging, result);
    await this.#refuseTwins(staging);
    await this.#markFresh(staging);
    const fresh = await this.#count(`${stagingName(this.#dialect, staging)} where ${this.#q(FRESH)} = 1`);
    const matched = staging.rows - fresh;
    const { mode } = this.#options;
    if (mode === "update-only") result.skipped += fresh;
    else await this.#create(staging, { later, inTable, fresh, result });
    if (mode === "create-only") result.skipped += matched;
    else {
      result.updated = matched === 0 ? 0 : await this.#update(staging, later, mode);
      result.unchanged = matched - result.updated;
    }
    await this.#listRemapped(staging, result);
    return result;
  }

  /** Sets the links that had to wait, now that every row is there. Gives how many rows that changed beside those already counted. */
  async finish(staging: StagingTable, later: readonly ForeignKey[], result: TableResult): Promise<void> {
    const { mode } = this.#options;
    for (const link of later) {
      const staged = staging.links.find((one) => one.link.name === link.name);
      if (staged !== undefined) await this.#resolve(staging, staged);
      const columns = staged?.columns ?? staging.columns.filter(({ column }) => link.columns.includes(column.name));
      const differs = columns.map(({ column, staged: from }) =>
        this.#dialect.differs(`t.${this.#q(column.name)}`, `s.${this.#q(from)}`, column),
      );
      const which = mode === "create-or-update" ? [] : [`s.${this.#q(FRESH)} = ${mode === "create-only" ? 1 : 0}`];
      const set = columns.map(({ column, staged: from }) => [column.name, `s.${this.#q(from)}`] as const);
      const count = async (fresh: 0 | 1): Promise<number> =>
        await this.#dialect.connection.run(
          this.#dialect.update({
            table: realName(this.#dialect, staging),
            alias: "t",
            set,
            joins: [{ table: stagingName(this.#dialect, staging), alias: "s", on: this.#match(staging) }],
            where: [`s.${this.#q(FRESH)} = ${fresh}`, ...which, `(${differs.join(" or ")})`].join(" and "),
          }),
        );
      await count(1); // part of their creation
      const changed = await count(0);
      result.updated += changed;
      result.unchanged -= changed;
    }
  }

  readonly #q = (name: string): string => this.#dialect.connection.quote(name);

  async #count(from: string): Promise<number> {
    const [row] = await this.#dialect.connection.rows(`select count(*) from ${from}`);
    return Number(row?.[0]);
  }

  /** `t.code = s.v0 and …` */
  #match(staging: StagingTable): string {
    return staging.target.key.columns
      .map((name) => `t.${this.#q(name)} = s.${this.#q(staging.of(name))}`)
      .join(" and ");
  }

  /** Finds the rows that a link leads to. Throws `E_IMPORT` with how many keys lead nowhere, and some of them. */
  async #resolve(staging: StagingTable, staged: StagedLink, check = true): Promise<number> {
    const { link, columns, leaves } = staged;
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
        (name, index) => `${alias}.${this.#q(last.targetColumns[index] ?? "")} = ${before}.${this.#q(name)}`,
      );
      joins.push({
        table: nameOf(this.#dialect.connection, this.#fields.of(last.target).table),
        alias,
        on: on.join(" and "),
      });
      return alias;
    };
    const first = aliasOf([link]);
    const conditions = leaves.map(({ leaf, staged: from }) => {
      const [alias, name] = this.#placeOf(leaf, aliasOf);
      return `${alias}.${this.#q(name)} = s.${this.#q(from)}`;
    });
    const target = nameOf(this.#dialect.connection, this.#fields.of(link.target).table);
    const resolved = await this.#dialect.connection.run(
      this.#dialect.update({
        table: stagingName(this.#dialect, staging),
        alias: "s",
        set: columns.map(
          ({ staged: to }, index) => [to, `${first}.${this.#q(link.targetColumns[index] ?? "")}`] as const,
        ),
        joins: [
          { table: target, alias: first, on: conditions.length === 0 ? "1 = 1" : this.#onlyOf(conditions, first) },
          ...joins,
        ],
        where: this.#othersOf(conditions, first),
      }),
    );
    if (check) await this.#refuseLost(staging, staged);
    return resolved;
  }

  /** A key's value, where it can be read: of the row itself, or of the columns that lead on. */
  #placeOf({ through, column }: Leaf, aliasOf: (through: readonly ForeignKey[]) => string): [string, string] {
    const last = through.at(-1);
    if (last !== undefined && through.length > 1 && last.targetColumns.includes(column.name))
      return [aliasOf(through.slice(0, -1)), last.columns[last.targetColumns.indexOf(column.name)] ?? column.name];
    return [aliasOf(through), column.name];
  }

  /** Conditions that the first join can have by itself; the others wait until all tables are there. */
  #onlyOf(conditions: readonly string[], alias: string): string {
    const own = conditions.filter((one) => one.startsWith(`${alias}.`));
    return own.length === 0 ? "1 = 1" : own.join(" and ");
  }

  #othersOf(conditions: readonly string[], alias: string): string {
    const others = conditions.filter((one) => !one.startsWith(`${alias}.`));
    return others.length === 0 ? "1 = 1" : others.join(" and ");
  }

  async #refuseLost(staging: StagingTable, { link, columns, leaves }: StagedLink): Promise<void> {
    const given = leaves.map(({ staged }) => `s.${this.#q(staged)} is not null`).join(" or ");
    const [column] = columns;
    if (column === undefined) return;
    const lost = `${stagingName(this.#dialect, staging)} as s where (${given}) and s.${this.#q(column.staged)} is null`;
    const count = await this.#count(lost);
    if (count === 0) return;
    const keys = leaves.map(({ staged }) => `s.${this.#q(staged)}`).join(", ");
    const samples = await this.#dialect.connection.rows(`select distinct ${keys} from ${lost} limit ${SAMPLES}`);
    throw new HoldfastError(
      "E_IMPORT",
      `${staging.target.table.id}: ${count} rows link by ${link.columns.join(", ")} to rows of ${link.target} that are not there: ${samples.map(keyText).join(", ")}`,
      { hint: `import ${link.target} with them, or put these rows there first` },
    );
  }

  /** Two keys of the export that are one to the database: its collation may say so. */
  async #refuseTwins(staging: StagingTable): Promise<void> {
    const { key, table } = staging.target;
    const columns = key.columns.map((name) => this.#q(staging.of(name)));
    const twins = await this.#dialect.connection.rows(
      `select ${columns.join(", ")}, count(*), min(${this.#q(LINE)}) from ${stagingName(this.#dialect, staging)} where ${columns.map((column) => `${column} is not null`).join(" and ")} group by ${columns.join(", ")} having count(*) > 1 limit ${SAMPLES}`,
    );
    const [first] = twins;
    if (first === undefined) return;
    throw new HoldfastError(
      "E_IMPORT",
      `${table.id}: ${String(first.at(-2))} rows of the export have one key here (${key.columns.join(", ")}): ${keyText(first.slice(0, -2))}, row ${String(first.at(-1))}`,
      { hint: "the collation of the database makes them equal: rename them, or give these columns a binary collation" },
    );
  }

  async #markFresh(staging: StagingTable): Promise<void> {
    const stage = stagingName(this.#dialect, staging);
    const fresh = this.#q(FRESH);
    const real = realName(this.#dialect, staging);
    await this.#dialect.connection.run(
      `update ${stage} set ${fresh} = case when exists (select 1 from ${real} as t where ${this.#match(staging).replaceAll(" s.", ` ${stage}.`)}) then 0 else 1 end`,
    );
  }

  async #create(
    staging: StagingTable,
    {
      later,
      inTable,
      fresh,
      result,
    }: { later: readonly ForeignKey[]; inTable: readonly StagedLink[]; fresh: number; result: TableResult },
  ): Promise<void> {
    if (inTable.length === 0) {
      result.created += await this.#insert(staging, later, "");
    } else {
      // Rows that their own table is to be looked into for: those whose parents are there come first, until no more can come.
      let left = fresh;
      const ready = inTable
        .map(({ columns, leaves }) => {
          const none = leaves.map(({ staged }) => `s.${this.#q(staged)} is null`).join(" and ");
          return `((${none}) or s.${this.#q(columns[0]?.staged ?? "")} is not null)`;
        })
        .join(" and ");
      while (left > 0) {
        for (const link of inTable) await this.#resolve(staging, link, false);
        const created = await this.#insert(staging, later, ready);
        result.created += created;
        left -= created;
        if (created === 0) break;
      }
      for (const link of inTable) await this.#resolve(staging, link);
    }
    const lost = fresh - result.created;
    if (lost === 0) return;
    if (!this.#options.skipConflicts)
      throw new HoldfastError(
        "E_IMPORT",
        `${staging.target.table.id}: ${lost} rows could not be created: they wait for each other`,
      );
    result.skipped += lost;
  }

  /** New rows, with the number that they had where that is free, else with a new one. */
  async #insert(staging: StagingTable, later: readonly ForeignKey[], extra: string): Promise<number> {
    const { table, key } = staging.target;
    const waits = new Set(later.flatMap(({ columns }) => columns));
    const columns = staging.columns.filter(({ column }) => !(waits.has(column.name) && column.nullable));
    const real = realName(this.#dialect, staging);
    const stage = stagingName(this.#dialect, staging);
    const number = table.primaryKey?.columns.length === 1 ? table.primaryKey.columns[0] : undefined;
    const surrogate = columns.find(({ column }) => column.name === number && !key.columns.includes(column.name));
    const where = [
      `s.${this.#q(FRESH)} = 1`,
      `not exists (select 1 from ${real} as t where ${this.#match(staging)})`,
      ...(extra === "" ? [] : [extra]),
    ];
    const insert = async (chosen: typeof columns, conditions: readonly string[]): Promise<number> => {
      const names = chosen.map(({ column }) => this.#q(column.name)).join(", ");
      const values = chosen.map(({ staged }) => `s.${this.#q(staged)}`).join(", ");
      const sql = `insert into ${real} (${names})${this.#dialect.overriding} select ${values} from ${stage} as s where ${conditions.join(" and ")} order by s.${this.#q(LINE)}`;
      return await this.#attempt(staging, this.#options.skipConflicts ? this.#dialect.insertPassing(sql) : sql);
    };
    if (surrogate === undefined) return await insert(columns, where);
    const free = `s.${this.#q(surrogate.staged)} is not null and not exists (select 1 from ${real} as x where x.${this.#q(surrogate.column.name)} = s.${this.#q(surrogate.staged)})`;
    const kept = await insert(columns, [...where, free]);
    const rest = await this.#count(`${stage} as s where ${where.join(" and ")}`);
    if (rest === 0) return kept;
    if (surrogate.column.identity === undefined && !surrogate.column.hasDefault)
      throw new HoldfastError(
        "E_IMPORT",
        `${table.id}: ${rest} new rows have a ${surrogate.column.name} that other rows have here, and the database gives none by itself`,
      );
    await this.raiseSequences(staging);
    return (
      kept +
      (await insert(
        columns.filter((one) => one !== surrogate),
        where,
      ))
    );
  }

  async #attempt(staging: StagingTable, sql: string): Promise<number> {
    try {
      return await this.#dialect.connection.run(sql);
    } catch (error) {
      if (!(error instanceof HoldfastError) || error.code !== "E_DATABASE") throw error;
      throw new HoldfastError("E_IMPORT", `${staging.target.table.id}: ${error.message}`, { cause: error });
    }
  }

  async #update(staging: StagingTable, later: readonly ForeignKey[], mode: ImportMode): Promise<number> {
    const { table, key } = staging.target;
    const fixed = new Set([
      ...key.columns,
      ...(table.primaryKey?.columns ?? []),
      ...later.flatMap(({ columns }) => columns),
    ]);
    const columns = staging.columns.filter(({ column }) => !fixed.has(column.name));
    if (columns.length === 0) return 0;
    const pairs = columns.map(({ column, staged }) => ({
      column,
      t: `t.${this.#q(column.name)}`,
      s: `s.${this.#q(staged)}`,
    }));
    const sql = this.#dialect.update({
      table: realName(this.#dialect, staging),
      alias: "t",
      set: pairs.map(({ column, s }) => [column.name, s] as const),
      joins: [{ table: stagingName(this.#dialect, staging), alias: "s", on: this.#match(staging) }],
      where: `s.${this.#q(FRESH)} = 0 and (${pairs.map(({ column, t, s }) => this.#dialect.differs(t, s, column)).join(" or ")})`,
    });
    return mode === "create-only" ? 0 : await this.#attempt(staging, sql);
  }

  /** A table without a key: into an empty one, or not at all. */
  async #pour(staging: StagingTable, result: TableResult): Promise<TableResult> {
    const real = realName(this.#dialect, staging);
    const there = await this.#count(real);
    if (staging.rows === 0) return result;
    if (there > 0) {
      if (await this.#sameRows(staging)) return { ...result, unchanged: staging.rows };
      if (this.#options.mode === "create-only") return { ...result, skipped: staging.rows };
      throw new HoldfastError(
        "E_IMPORT",
        `${staging.target.table.id} has no key, and ${there} rows already: equal rows cannot be told apart`,
        {
          hint: "empty it, leave it out with --exclude, or give it a key under portable.keys",
        },
      );
    }
    if (this.#options.mode === "update-only") return { ...result, skipped: staging.rows };
    const names = staging.columns.map(({ column }) => this.#q(column.name)).join(", ");
    const values = staging.columns.map(({ staged }) => this.#q(staged)).join(", ");
    const created = await this.#attempt(
      staging,
      `insert into ${real} (${names})${this.#dialect.overriding} select ${values} from ${stagingName(this.#dialect, staging)} order by ${this.#q(LINE)}`,
    );
    return { ...result, created };
  }

  /** Whether a table without a key holds these very rows, each as often. */
  async #sameRows(staging: StagingTable): Promise<boolean> {
    const grouped = (from: string, names: readonly string[]): string =>
      `select ${names.map((name, index) => `${name} as c${index}`).join(", ")}, count(*) as n from ${from} group by ${names.join(", ")}`;
    const real = grouped(
      realName(this.#dialect, staging),
      staging.columns.map(({ column }) => this.#dialect.comparable(this.#q(column.name), column)),
    );
    const staged = grouped(
      stagingName(this.#dialect, staging),
      staging.columns.map(({ column, staged: name }) => this.#dialect.comparable(this.#q(name), column)),
    );
    const same = staging.columns.map(
      ({ column }, index) => `not (${this.#dialect.differs(`a.c${index}`, `b.c${index}`, column)})`,
    );
    const total = await this.#count(realName(this.#dialect, staging));
    const [row] = await this.#dialect.connection.rows(
      `select coalesce(sum(a.n), 0) from (${real}) as a join (${staged}) as b on a.n = b.n and ${same.join(" and ")}`,
    );
    return total === staging.rows && Number(row?.[0]) === total;
  }

  async #listRemapped(staging: StagingTable, result: TableResult): Promise<void> {
    const { table, key } = staging.target;
    const [number] = table.primaryKey?.columns ?? [];
    if (number === undefined || key.kind !== "natural" || key.columns.includes(number) || !staging.has(number)) return;
    const other = `${stagingName(this.#dialect, staging)} as s join ${realName(this.#dialect, staging)} as t on ${this.#match(staging)} where s.${this.#q(staging.of(number))} <> t.${this.#q(number)}`;
    result.remapped.count = await this.#count(other);
    if (result.remapped.count === 0) return;
    const keys = key.columns.map((name) => `s.${this.#q(staging.of(name))}`).join(", ");
    for (const row of await this.#dialect.connection.rows(
      `select s.${this.#q(staging.of(number))}, t.${this.#q(number)}, ${keys} from ${other} limit ${SAMPLES}`,
    ))
      result.remapped.samples.push({ was: String(row[0]), is: String(row[1]), key: keyText(row.slice(2)) });
  }

  /** The next row that somebody else makes gets a number of its own. Unlike setval, this goes back with the transaction. */
  async raiseSequences(staging: StagingTable): Promise<void> {
    const { connection } = this.#dialect;
    if (connection.engine !== "postgresql") return;
    for (const { name, sequence } of staging.target.table.columns) {
      if (sequence === undefined) continue;
      const [row] = await connection.rows(
        `select coalesce(max(${this.#q(name)}), 0) + 1, (select case when is_called then last_value + 1 else last_value end from ${sequence}) from ${realName(this.#dialect, staging)}`,
      );
      const [wanted, next] = [BigInt(String(row?.[0] ?? 1)), BigInt(String(row?.[1] ?? 1))];
      if (wanted > next) await connection.run(`alter sequence ${sequence} restart with ${wanted}`);
    }
  }
}

const keyText = (row: readonly Cell[]): string =>
  `(${row.map((cell) => (Buffer.isBuffer(cell) ? `\\x${cell.toString("hex")}` : String(cell))).join(", ")})`;
