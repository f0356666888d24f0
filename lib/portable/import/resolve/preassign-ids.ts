/** Pre-assigns primary keys to rows in a cycle of NOT NULL foreign keys, so that each can be inserted complete. */
import type { KeyColumn } from "../../rows/fields.ts";
import type { ForeignKey, TableId } from "../../schema/tables.ts";
import type { ForeignKeyResolver } from "./foreign-keys.ts";
import {
  ROW_NUMBER_COLUMN,
  PREASSIGNED_ID_COLUMN,
  realRows,
  stagingName,
  type StagedRows,
} from "../staging/staged-table.ts";
import type { StagedForeignKey } from "../staging/column-loaders.ts";
import type { StagingTable } from "../staging/table.ts";
import type { Statements } from "../staging/statements.ts";
import { PATH_COLUMN, TARGET_ID_COLUMN } from "../staging/tree-columns.ts";
import type { TreePaths } from "../staging/tree-paths.ts";

export class PreassignedIds {
  readonly #on: Statements;
  readonly #links: ForeignKeyResolver;
  readonly #stagings: ReadonlyMap<TableId, StagingTable>;
  readonly #seen = new Set<StagingTable>();

  constructor(on: Statements, links: ForeignKeyResolver, stagings: readonly StagingTable[]) {
    this.#on = on;
    this.#links = links;
    this.#stagings = new Map(stagings.map((staging) => [staging.target.table.id, staging]));
  }

  /** Fills in the columns of a foreign key with the ids that the referenced rows have, or will have. */
  async fill(staging: StagingTable, link: ForeignKey): Promise<void> {
    const staged = staging.links.find((one) => one.link.name === link.name);
    if (staged === undefined) return; // its columns are exported as they are
    staging.hasPresetForeignKeys = true;
    await this.#links.resolve(staging, staged, false);
    const target = this.#stagings.get(link.target);
    if (target === undefined) return;
    await this.#number(target);
    await this.#resolveAhead(staging, staged, target);
  }

  /** Assigns an id to each row of a table: existing rows keep theirs, new ones get that of the export if it is free. */
  async #number(staging: StagingTable): Promise<void> {
    if (this.#seen.has(staging)) return;
    this.#seen.add(staging);
    staging.hasPresetForeignKeys = true;
    const { table, key } = staging.target;
    const needed = new Set([...key.columns, ...(table.primaryKey?.columns ?? [])]);
    const { tree } = staging;
    if (tree !== undefined) await this.#find(tree);
    for (const { link } of staging.links)
      if (link.columns.some((name) => needed.has(name)) && link.name !== tree?.tree.parent.name)
        await this.fill(staging, link);
    const number = staging.surrogate;
    if (number === undefined) return;
    const { quote } = this.#on;
    const [stage, real] = [stagingName(this.#on.connection, staging), realRows(this.#on.connection, staging)];
    const own = quote(staging.of(number));
    await this.#on.connection.run(
      this.#on.dialect.update({
        table: stage,
        alias: "s",
        set: [[PREASSIGNED_ID_COLUMN, `t.${quote(number)}`]],
        joins:
          tree === undefined
            ? [{ table: real, alias: "t", on: this.#on.match(staging) }]
            : [
                { table: quote(tree.found), alias: "f", on: `f.${quote(PATH_COLUMN)} = s.${quote(PATH_COLUMN)}` },
                {
                  table: real,
                  alias: "t",
                  on: `t.${quote(tree.tree.parent.targetColumns[0] ?? "")} = f.${quote(TARGET_ID_COLUMN)}`,
                },
              ],
        where: "1 = 1",
      }),
    );
    await this.#on.connection.run(
      `update ${stage} set ${quote(PREASSIGNED_ID_COLUMN)} = ${own} where ${quote(PREASSIGNED_ID_COLUMN)} ` +
        `is null and not exists (select 1 from ${real} as t where t.${quote(number)} = ${own})`,
    );
    if (staging.isNumbered) {
      const [row] = await this.#on.connection.rows(
        `select coalesce(max(n), 0) from (select max(${own}) as n from ${stage} union all select ` +
          `max(${quote(number)}) from ${real}) as highest`,
      );
      await this.#on.connection.run(
        `update ${stage} set ${quote(PREASSIGNED_ID_COLUMN)} = ${String(row?.[0] ?? 0)} + ` +
          `${quote(ROW_NUMBER_COLUMN)} where ${quote(PREASSIGNED_ID_COLUMN)} is null`,
      );
    }
    staging.hasPreassignedIds = true;
  }

  /** Finds the existing rows of a tree; the foreign keys in its key may refer to rows that are not written yet. */
  async #find(tree: TreePaths): Promise<void> {
    for (const link of tree.links) {
      await this.#links.resolve(tree, link, false);
      const target = this.#stagings.get(link.link.target);
      if (target === undefined) continue;
      await this.#number(target);
      await this.#resolveAhead(tree, link, target);
    }
    for (let level = 1; level <= tree.levels; level++) await tree.find(level);
  }

  /** Resolves a foreign key by the staged rows of its target, which may not be written yet. */
  async #resolveAhead(
    staging: StagedRows,
    { link, columns, leaves }: StagedForeignKey,
    target: StagingTable,
  ): Promise<void> {
    const { quote } = this.#on;
    const on: string[] = [];
    for (const { leaf, staged } of leaves) {
      const name = this.#stagedLeaf(target, leaf);
      if (name === undefined) return;
      on.push(`p.${quote(name)} = s.${quote(staged)}`);
    }
    const first = columns[0];
    if (first === undefined || !link.targetColumns.every((name) => target.has(name))) return;
    const set = columns.map(({ staged }, at) => {
      const name = link.targetColumns[at] ?? "";
      return [
        staged,
        `p.${quote(target.hasPreassignedIds && name === target.surrogate ? PREASSIGNED_ID_COLUMN : target.of(name))}`,
      ] as const;
    });
    await this.#on.connection.run(
      this.#on.dialect.update({
        table: stagingName(this.#on.connection, staging),
        alias: "s",
        set,
        joins: [{ table: stagingName(this.#on.connection, target), alias: "p", on: on.join(" and ") }],
        where: `s.${quote(first.staged)} is null`,
      }),
    );
  }

  /** Returns the staging column of the target that holds a value of its key. */
  #stagedLeaf(target: StagingTable, leaf: KeyColumn): string | undefined {
    const [next, ...rest] = leaf.through.slice(1);
    if (next === undefined && leaf.parts !== undefined) return target.tree && PATH_COLUMN;
    if (next === undefined) return target.has(leaf.column.name) ? target.of(leaf.column.name) : undefined;
    const link = target.links.find((one) => one.link.name === next.name);
    if (link === undefined) {
      const column = rest.length === 0 ? next.columns[next.targetColumns.indexOf(leaf.column.name)] : undefined;
      return column !== undefined && target.has(column) ? target.of(column) : undefined;
    }
    const wanted = pathOf([next, ...rest]);
    const isWanted = (one: KeyColumn): boolean =>
      pathOf(one.through) === wanted && one.column.name === leaf.column.name;
    return link.leaves.find((one) => isWanted(one.leaf))?.staged;
  }
}

const pathOf = (through: readonly ForeignKey[]): string => JSON.stringify(through.map(({ name }) => name));
