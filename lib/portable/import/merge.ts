/** Merges a staged table into the real one, by statements over all rows at once. */
import { HoldfastError } from "../../errors.ts";
import type { RowLayout } from "../rows/fields.ts";
import type { ForeignKey } from "../schema/tables.ts";
import { resolveTreeRows, insertTreeLevels } from "./resolve/insert-levels.ts";
import { countChanged, markChanged, updatedColumns, updateRows } from "./changed-rows.ts";
import { insertKeylessRows } from "./keyless-tables.ts";
import { ForeignKeyResolver } from "./resolve/foreign-keys.ts";
import { listRemapped, raiseSequences } from "./resolve/sequences.ts";
import { refuseOthers } from "./other-origin.ts";
import { SkippedRows } from "./resolve/skipped-parents.ts";
import { insertIntoEmptyTable, resolveAndDiff } from "./fast-paths.ts";
import {
  MATCH_STATE_COLUMN,
  ROW_NUMBER_COLUMN,
  PREASSIGNED_ID_COLUMN,
  realName,
  realRows,
  stagingName,
} from "./staging/staged-table.ts";
import type { StagedColumn, StagedForeignKey } from "./staging/column-loaders.ts";
import type { StagingTable } from "./staging/table.ts";
import type { MergeOptions } from "./resolve/options.ts";
import type { TableResult } from "./resolve/table-result.ts";
import type { Statements } from "./staging/statements.ts";
import type { TreePaths } from "./staging/tree-paths.ts";
import type { Trees } from "./resolve/trees.ts";
import { assertNoDuplicateKeys } from "./duplicate-keys.ts";

export class Merge {
  readonly #on: Statements;
  readonly #links: ForeignKeyResolver;
  readonly #trees: Trees;
  readonly #options: MergeOptions;
  /** New rows that broke a unique constraint, and rows that refer to them. */
  readonly skipped: SkippedRows;

  constructor(on: Statements, fields: RowLayout, trees: Trees, options: MergeOptions) {
    this.#on = on;
    this.#trees = trees;
    this.#links = new ForeignKeyResolver(
      on,
      fields,
      trees,
      options.mode === "update-only" ? undefined : options.missing,
    );
    this.#options = options;
    this.skipped = new SkippedRows(on, this.#links, options);
  }

  /** Writes the rows; the foreign keys in `later` stay NULL in new rows. Throws `E_IMPORT`. */
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
    for (const one of this.#trees.waiting(staging.target, this.#options.isImported))
      await resolveTreeRows(this.#links, one);
    const inTable = staging.links.filter(({ link }) => link.target === staging.target.table.id && !isLater(link));
    const resolved = staging.links.filter((link) => !isLater(link.link) && !inTable.includes(link));
    const { mode, skipConflicts } = this.#options;
    const { tree } = staging;
    const isQuick =
      tree === undefined &&
      this.#options.missing === undefined &&
      !staging.hasPresetForeignKeys &&
      staging.target.fields.every((field) => field?.kind !== "generic") &&
      staging.target.key.kind !== "none";
    const isPlain = isQuick && later.length === 0 && inTable.length === 0;
    if (
      isPlain &&
      mode !== "update-only" &&
      !skipConflicts &&
      (await insertIntoEmptyTable(this.#on, this.#links, staging))
    )
      return { ...result, created: staging.rows };
    const compared = inTable.length === 0 && mode !== "create-only" ? updatedColumns(staging, later) : [];
    const isSettled =
      isQuick && !staging.hasLarge && (await resolveAndDiff(this.#on, this.#links, staging, { resolved, compared }));
    if (!isSettled) await staging.analyze();
    for (const link of resolved) if (!isSettled) await this.#links.resolve(staging, link, false);
    const dropped = await this.skipped.dropBelow(staging, resolved, isLater);
    result.skipped += dropped;
    const isChosen = mode !== "create-or-update" && staging.target.key.kind !== "none";
    // New rows of a tree are written as they are resolved.
    if (!isChosen || (tree !== undefined && mode === "create-only"))
      for (const link of resolved) await this.#links.refuseLost(staging, link);
    else if (mode === "update-only") result.skipped += await this.#dropNew(staging, resolved);
    if (staging.target.key.kind === "none") return await insertKeylessRows(this.#on, mode, staging, result);
    await assertNoDuplicateKeys(this.#on, staging);
    let fresh = 0;
    if (tree === undefined) {
      if (!isSettled) await this.#markFresh(staging);
      fresh = await this.#on.count(
        `${stagingName(this.#on.connection, staging)} where ${this.#on.quote(MATCH_STATE_COLUMN)} = 1`,
      );
    } else fresh = await this.#grow(staging, tree, { later, inTable, result });
    if (isChosen) for (const link of resolved) await this.#links.refuseLost(staging, link, this.#written());
    let matched = staging.rows - fresh;
    if (this.#isOther(staging) && matched > 0) {
      const differ = await countChanged(this.#on, staging, later, isSettled && compared.length > 0);
      if (differ > 0) await refuseOthers(this.#on, staging, differ);
    }
    if (mode === "update-only") result.skipped += fresh;
    else if (tree !== undefined) this.#countUncreated(staging, fresh, result);
    else if (fresh > 0 || inTable.length > 0) await this.#create(staging, { later, inTable, fresh, result });
    matched = staging.rows - fresh;
    if (mode === "create-only") result.skipped += matched;
    else {
      result.updated = matched === 0 ? 0 : await updateRows(this.#on, staging, later, isSettled && compared.length > 0);
      result.unchanged = matched - result.updated;
    }
    await listRemapped(this.#on, staging, result);
    return result;
  }

  /** Sets the deferred foreign keys, once every row exists, and counts the rows that only this changes. */
  async finish(staging: StagingTable, later: readonly ForeignKey[], result: TableResult): Promise<void> {
    const { mode } = this.#options;
    // Resolve all of them first: several may share a column.
    for (const staged of staging.links)
      if (later.some(({ name }) => name === staged.link.name)) {
        await this.#links.resolve(staging, staged, false);
        await this.#links.refuseLost(staging, staged, this.#written());
      }
    for (const link of later) {
      const staged = staging.links.find((one) => one.link.name === link.name);
      const columns = staged?.columns ?? staging.columns.filter(({ column }) => link.columns.includes(column.name));
      // A foreign key that the export lacks.
      if (columns.length === 0) continue;
      const differs = columns.map(({ column, staged: from }) =>
        this.#on.dialect.differs(`t.${this.#on.quote(column.name)}`, `s.${this.#on.quote(from)}`, column),
      );
      const set = columns.map(({ column, staged: from }) => [column.name, `s.${this.#on.quote(from)}`] as const);
      if (mode !== "create-only" || this.#isOther(staging)) {
        const changed = await markChanged(this.#on, staging, differs);
        if (changed > 0 && this.#isOther(staging)) await refuseOthers(this.#on, staging, changed);
        result.updated += changed;
        result.unchanged -= changed;
      }
      const states = { "create-only": "1", "update-only": "2", "create-or-update": "1, 2" }[mode];
      await this.#on.write(staging, (only) =>
        this.#on.dialect.update({
          table: realRows(this.#on.connection, staging),
          alias: "t",
          set,
          joins: [{ table: stagingName(this.#on.connection, staging), alias: "s", on: this.#on.match(staging) }],
          where: `s.${this.#on.quote(MATCH_STATE_COLUMN)} in (${states}) and (${differs.join(" or ")}) and ${only}`,
        }),
      );
    }
  }

  /** Returns the condition for rows `s` that the mode writes, once new rows are marked. */
  #written(): string {
    const state = `s.${this.#on.quote(MATCH_STATE_COLUMN)}`;
    return { "create-only": `${state} = 1`, "update-only": `${state} <> 1`, "create-or-update": "1 = 1" }[
      this.#options.mode
    ];
  }

  /** Removes rows whose key holds an unresolved reference: they are new, and update-only writes no new rows. */
  async #dropNew(staging: StagingTable, links: readonly StagedForeignKey[]): Promise<number> {
    const { columns: key } = staging.target.key;
    let dropped = 0;
    for (const staged of links)
      if (staged.link.columns.some((name) => key.includes(name)))
        dropped += await this.#links.dropLost(staging, staged);
    staging.rows -= dropped;
    return dropped;
  }

  #isOther({ target }: StagingTable): boolean {
    return this.#options.isOther === true && target.key.kind === "reference";
  }

  async #markFresh(staging: StagingTable): Promise<void> {
    const stage = stagingName(this.#on.connection, staging);
    const fresh = this.#on.quote(MATCH_STATE_COLUMN);
    const real = realRows(this.#on.connection, staging);
    await this.#on.connection.run(
      `update ${stage} as s set ${fresh} = case when exists (select 1 from ${real} as t where ` +
        `${this.#on.match(staging)}) then 0 else 1 end`,
    );
  }

  async #create(
    staging: StagingTable,
    {
      later,
      inTable,
      fresh,
      result,
    }: { later: readonly ForeignKey[]; inTable: readonly StagedForeignKey[]; fresh: number; result: TableResult },
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
      const hasSkipped = skipConflicts && (await this.skipped.hasConflicts(staging, ready));
      for (const link of inTable)
        if (hasSkipped) result.skipped += await this.skipped.dropOld(staging, link);
        else await this.#links.refuseLost(staging, link);
    }
    this.#countUncreated(staging, fresh, result);
  }

  /** Inserts the new rows of a tree level by level; returns the number of rows that did not exist. */
  async #grow(
    staging: StagingTable,
    tree: TreePaths,
    {
      later,
      inTable,
      result,
    }: { later: readonly ForeignKey[]; inTable: readonly StagedForeignKey[]; result: TableResult },
  ): Promise<number> {
    const isWriting = this.#options.mode !== "update-only";
    const { fresh, created } = await insertTreeLevels(this.#on, this.#links, staging, tree, {
      inTable,
      ...(isWriting && { insert: async (condition) => await this.#insert(staging, later, condition) }),
    });
    result.created += created;
    if (isWriting && !this.#options.skipConflicts)
      for (const link of inTable) await this.#links.refuseLost(staging, link);
    return fresh;
  }

  #countUncreated(staging: StagingTable, fresh: number, result: TableResult): void {
    const lost = fresh - result.created;
    if (lost === 0) return;
    this.skipped.add(staging);
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
