/** Merges a staged table into the real one, by statements over all rows at once. */
import type { RowLayout } from "../rows/fields.ts";
import type { ForeignKey } from "../schema/tables.ts";
import { resolveTreeRows } from "./resolve/insert-levels.ts";
import { countChanged, updatedColumns, updateRows } from "./changed-rows.ts";
import { insertKeylessRows } from "./keyless-tables.ts";
import { ForeignKeyResolver } from "./resolve/foreign-keys.ts";
import { listRemapped } from "./resolve/sequences.ts";
import { setDeferredKeys, writtenRows } from "./deferred-keys.ts";
import { NewRows } from "./new-rows.ts";
import { assertNoOtherRows, isOtherOrigin } from "./other-origin.ts";
import { SkippedRows } from "./resolve/skipped-parents.ts";
import { insertIntoEmptyTable, resolveAndDiff } from "./fast-paths.ts";
import { MATCH_STATE_COLUMN, realRows, stagingName } from "./staging/staged-table.ts";
import type { StagedForeignKey } from "./staging/column-loaders.ts";
import type { StagingTable } from "./staging/table.ts";
import type { MergeOptions } from "./resolve/options.ts";
import type { TableResult } from "./resolve/table-result.ts";
import type { Statements } from "./staging/statements.ts";
import type { Trees } from "./resolve/trees.ts";
import { assertNoDuplicateKeys } from "./duplicate-keys.ts";

export class Merge {
  readonly #on: Statements;
  readonly #links: ForeignKeyResolver;
  readonly #trees: Trees;
  readonly #options: MergeOptions;
  readonly #new: NewRows;
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
    this.#new = new NewRows(on, this.#links, options, this.skipped);
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
      for (const link of resolved) await this.#links.assertAllResolved(staging, link);
    else if (mode === "update-only") result.skipped += await this.#dropNew(staging, resolved);
    if (staging.target.key.kind === "none") return await insertKeylessRows(this.#on, mode, staging, result);
    await assertNoDuplicateKeys(this.#on, staging);
    let fresh = 0;
    if (tree === undefined) {
      if (!isSettled) await this.#markFresh(staging);
      fresh = await this.#on.count(
        `${stagingName(this.#on.connection, staging)} where ${this.#on.quote(MATCH_STATE_COLUMN)} = 1`,
      );
    } else fresh = await this.#new.insertLevels(staging, tree, { later, inTable, result });
    if (isChosen)
      for (const link of resolved) await this.#links.assertAllResolved(staging, link, writtenRows(this.#on, mode));
    let matched = staging.rows - fresh;
    if (isOtherOrigin(this.#options, staging) && matched > 0) {
      const differ = await countChanged(this.#on, staging, later, isSettled && compared.length > 0);
      await assertNoOtherRows(this.#on, staging, differ);
    }
    if (mode === "update-only") result.skipped += fresh;
    else if (tree !== undefined) this.#new.countMissing(staging, fresh, result);
    else if (fresh > 0 || inTable.length > 0) await this.#new.create(staging, { later, inTable, fresh, result });
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
    await setDeferredKeys(this.#on, this.#links, this.#options, { staging, later, result });
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

  async #markFresh(staging: StagingTable): Promise<void> {
    const stage = stagingName(this.#on.connection, staging);
    const fresh = this.#on.quote(MATCH_STATE_COLUMN);
    const real = realRows(this.#on.connection, staging);
    await this.#on.connection.run(
      `update ${stage} as s set ${fresh} = case when exists (select 1 from ${real} as t where ` +
        `${this.#on.match(staging)}) then 0 else 1 end`,
    );
  }
}
