/** Resolves and inserts the rows of a tree level by level: each level is identified by the rows above it. */
import { HoldfastError } from "../../../errors.ts";
import { addIndexes } from "../staging/indexes.ts";
import type { ForeignKeyResolver } from "./foreign-keys.ts";
import { stagingName, MATCH_STATE_COLUMN } from "../staging/staged-table.ts";
import type { StagedForeignKey } from "../staging/column-loaders.ts";
import type { StagingTable } from "../staging/table.ts";
import type { Statements } from "../staging/statements.ts";
import { LEVEL_COLUMN, PATH_COLUMN, TARGET_ID_COLUMN } from "../staging/tree-columns.ts";
import type { TreePaths } from "../staging/tree-paths.ts";

/** Resolves rows of trees that are not imported themselves. Throws `E_IMPORT` for rows that share a key. */
export async function resolveTreeRows(links: ForeignKeyResolver, tree: TreePaths): Promise<void> {
  await begin(links, tree);
  for (let level = 1; level <= tree.levels; level++) await tree.find(level);
  await end(tree);
}

async function begin(links: ForeignKeyResolver, tree: TreePaths): Promise<void> {
  await tree.analyze();
  for (const link of tree.links) await links.resolve(tree, link, false);
}

async function end(tree: TreePaths): Promise<void> {
  tree.isDone = true;
  await tree.analyze();
  const duplicate = await tree.duplicate();
  if (duplicate !== undefined)
    throw new HoldfastError("E_IMPORT", `${tree.tree.table.id}: several rows here have the key (${duplicate})`, {
      hint: "rename them, or export this table with another key under portable.keys",
    });
}

export interface InsertedLevels {
  /** Rows that did not exist. */
  readonly fresh: number;
  readonly created: number;
}

/**
 * Sets for each staged row whether it exists (`MATCH_STATE_COLUMN`) and its id (`TARGET_ID_COLUMN`). `insert` writes
 * the new rows that meet a condition; without it nothing is written. `inTable` are the foreign keys to its own table
 * that must be resolved first.
 */
export async function insertTreeLevels(
  on: Statements,
  links: ForeignKeyResolver,
  staging: StagingTable,
  tree: TreePaths,
  {
    inTable,
    insert,
  }: { readonly inTable: readonly StagedForeignKey[]; readonly insert?: (condition: string) => Promise<number> },
): Promise<InsertedLevels> {
  const { connection, dialect, quote } = on;
  const stage = stagingName(connection, staging);
  const parent = inTable.find(({ link }) => link.name === tree.tree.parent.name);
  const others = inTable.filter((link) => link !== parent);
  const [above] = parent?.leaves ?? [];
  const [up] = parent?.columns ?? [];
  await addIndexes(connection, staging.name, [LEVEL_COLUMN]);
  await begin(links, tree);
  let [fresh, created] = [0, 0];
  for (let level = 1; level <= tree.levels; level++) {
    const isLevel = `s.${quote(LEVEL_COLUMN)} = ${level}`;
    /** Returns the number of the level's rows that were found. */
    const setFound = async (set: readonly (readonly [string, string])[], by: string, where: string): Promise<number> =>
      await connection.run(
        dialect.update({
          table: stage,
          alias: "s",
          set,
          joins: [{ table: quote(tree.found), alias: "f", on: `f.${quote(PATH_COLUMN)} = s.${quote(by)}` }],
          where: `${isLevel}${where}`,
        }),
      );
    staging.matchedBy = level === 1 ? "root" : "key";
    await tree.find(level);
    if (level > 1 && up !== undefined && above !== undefined)
      await setFound([[up.staged, `f.${quote(TARGET_ID_COLUMN)}`]], above.staged, "");
    for (const link of others) await links.resolve(staging, link, false);
    const all = await connection.run(`update ${stage} as s set ${quote(MATCH_STATE_COLUMN)} = 1 where ${isLevel}`);
    const targetId = [TARGET_ID_COLUMN, `f.${quote(TARGET_ID_COLUMN)}`] as const;
    const missing = all - (await setFound([[MATCH_STATE_COLUMN, "0"], targetId], PATH_COLUMN, ""));
    if (missing === 0) continue;
    fresh += missing;
    if (insert === undefined) continue;
    const ready = inTable
      .map(({ columns, leaves }) => {
        const none = leaves.map(({ staged }) => `s.${quote(staged)} is null`).join(" and ");
        return ` and ((${none}) or s.${quote(columns[0]?.staged ?? "")} is not null)`;
      })
      .join("");
    const written = await insert(`${isLevel}${ready}`);
    created += written;
    if (written === 0) continue;
    await tree.find(level);
    await setFound([targetId], PATH_COLUMN, ` and s.${quote(MATCH_STATE_COLUMN)} = 1`);
  }
  staging.matchedBy = "row";
  await end(tree);
  return { fresh, created };
}
