/** Inserts the rows of a staged table that the database lacks. */
import { HoldfastError } from "../../errors.ts";
import type { ForeignKey } from "../schema/tables.ts";
import type { ForeignKeyResolver } from "./resolve/foreign-keys.ts";
import { insertTreeLevels } from "./resolve/insert-levels.ts";
import type { MergeOptions } from "./resolve/options.ts";
import { raiseSequences } from "./resolve/sequences.ts";
import type { SkippedRows } from "./resolve/skipped-parents.ts";
import type { TableResult } from "./resolve/table-result.ts";
import type { StagedColumn, StagedForeignKey } from "./staging/column-loaders.ts";
import {
  MATCH_STATE_COLUMN,
  PREASSIGNED_ID_COLUMN,
  realName,
  realRows,
  ROW_NUMBER_COLUMN,
  stagingName,
} from "./staging/staged-table.ts";
import type { Statements } from "./staging/statements.ts";
import type { StagingTable } from "./staging/table.ts";
import type { TreePaths } from "./staging/tree-paths.ts";

interface Insertion {
  /** Foreign keys that stay NULL for now. */
  readonly later: readonly ForeignKey[];
  /** Foreign keys to rows of the same table. */
  readonly inTable: readonly StagedForeignKey[];
  readonly result: TableResult;
}

export class NewRows {
  readonly #on: Statements;
  readonly #links: ForeignKeyResolver;
  readonly #options: MergeOptions;
  readonly #skipped: SkippedRows;

  constructor(on: Statements, links: ForeignKeyResolver, options: MergeOptions, skipped: SkippedRows) {
    this.#on = on;
    this.#links = links;
    this.#options = options;
    this.#skipped = skipped;
  }

  /** Inserts the new rows; those that reference their own table once their parents exist. */
  async create(
    staging: StagingTable,
    { later, inTable, fresh, result }: Insertion & { readonly fresh: number },
  ): Promise<void> {
    const { skipConflicts } = this.#options;
    if (inTable.length === 0) {
      result.created += await this.#insert(staging, later, "");
    } else {
      // Rows that refer to their own table: insert those whose parents exist, until no more can be inserted.
      let left = fresh;
      const ready = inTable
        .map(({ columns, leaves }) => {
          const none = leaves.map(({ staged }) => `s.${this.#on.quote(staged)} is null`).join(" and ");
          return `((${none}) or s.${this.#on.quote(columns[0]?.staged ?? "")} is not null)`;
        })
        .join(" and ");
      while (left > 0) {
        for (const link of inTable) await this.#links.resolve(staging, link, false);
        const created = await this.#insert(staging, later, ready);
        result.created += created;
        left -= created;
        if (created === 0) break;
      }
      for (const link of inTable) await this.#links.resolve(staging, link, false);
      const hasSkipped = skipConflicts && (await this.#skipped.hasConflicts(staging, ready));
      for (const link of inTable)
        if (hasSkipped) result.skipped += await this.#skipped.dropOld(staging, link);
        else await this.#links.assertAllResolved(staging, link);
    }
    this.countMissing(staging, fresh, result);
  }

  /** Inserts the new rows of a tree level by level; returns the number of rows that did not exist. */
  async insertLevels(staging: StagingTable, tree: TreePaths, { later, inTable, result }: Insertion): Promise<number> {
    const isWriting = this.#options.mode !== "update-only";
    const { fresh, created } = await insertTreeLevels(this.#on, this.#links, staging, tree, {
      inTable,
      ...(isWriting && { insert: async (condition) => await this.#insert(staging, later, condition) }),
    });
    result.created += created;
    if (isWriting && !this.#options.skipConflicts)
      for (const link of inTable) await this.#links.assertAllResolved(staging, link);
    return fresh;
  }

  /** Counts as skipped, or throws `E_IMPORT` for, new rows that were not inserted. */
  countMissing(staging: StagingTable, fresh: number, result: TableResult): void {
    const lost = fresh - result.created;
    if (lost === 0) return;
    this.#skipped.add(staging);
    if (!this.#options.skipConflicts)
      throw new HoldfastError(
        "E_IMPORT",
        `${staging.target.table.id}: ${lost} rows could not be created: they refer to each other in a cycle`,
      );
    result.skipped += lost;
  }

  /** Inserts new rows with their exported id if it is free, else with a generated one. */
  async #insert(staging: StagingTable, later: readonly ForeignKey[], extra: string): Promise<number> {
    const { table, key } = staging.target;
    const waits = new Set(later.flatMap(({ columns }) => columns));
    const columns = staging.columns.filter(({ column }) => !(waits.has(column.name) && column.nullable));
    const into = realName(this.#on.connection, staging);
    const real = realRows(this.#on.connection, staging);
    const stage = stagingName(this.#on.connection, staging);
    const number = table.primaryKey?.columns.length === 1 ? table.primaryKey.columns[0] : undefined;
    const surrogate = columns.find(({ column }) => column.name === number && !key.columns.includes(column.name));
    const numberOf = (one: StagedColumn): string =>
      staging.hasPreassignedIds && one.column.name === staging.surrogate ? PREASSIGNED_ID_COLUMN : one.staged;
    const where = [
      `s.${this.#on.quote(MATCH_STATE_COLUMN)} = 1`,
      `not exists (select 1 from ${real} as t where ${this.#on.match(staging)})`,
      ...(extra === "" ? [] : [extra]),
    ];
    const insert = async (chosen: typeof columns, conditions: readonly string[]): Promise<number> => {
      const names = chosen.map(({ column }) => this.#on.quote(column.name)).join(", ");
      const values = chosen.map((one) => `s.${this.#on.quote(numberOf(one))}`).join(", ");
      const sqlOf = (only: string): string =>
        `insert into ${into} (${names})${this.#on.dialect.overridingClause} select ${values} from ${stage} ` +
        `as s where ${[...conditions, only].join(" and ")} order by s.${this.#on.quote(ROW_NUMBER_COLUMN)}`;
      return this.#options.skipConflicts
        ? await this.#on.writeSkippingConflicts(staging, sqlOf)
        : await this.#on.write(staging, sqlOf);
    };
    if (surrogate === undefined) return await insert(columns, where);
    const exportedId = `s.${this.#on.quote(numberOf(surrogate))}`;
    const free =
      `${exportedId} is not null and not exists (select 1 from ${real} as x where ` +
      `x.${this.#on.quote(surrogate.column.name)} = ${exportedId})`;
    const kept = await insert(columns, [...where, free]);
    const rest = await this.#on.count(`${stage} as s where ${where.join(" and ")}`);
    if (rest === 0) return kept;
    if (surrogate.column.identity === undefined && !surrogate.column.hasDefault)
      throw new HoldfastError(
        "E_IMPORT",
        `${table.id}: ${rest} new rows have a ${surrogate.column.name} that other rows have here, ` +
          "and the database does not generate ids",
      );
    await raiseSequences(this.#on, staging);
    return (
      kept +
      (await insert(
        columns.filter((one) => one !== surrogate),
        where,
      ))
    );
  }
}
