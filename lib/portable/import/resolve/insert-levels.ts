/** Finds and writes the rows of a tree, level by level: those of one level are known by the rows above them. */
import { HoldfastError } from "../../../errors.ts";
import { addIndexes } from "../staging/indexes.ts";
import type { Links } from "./foreign-keys.ts";
import { stagingName, MATCH_STATE_COLUMN } from "../staging/staged-table.ts";
import type { StagedForeignKey } from "../staging/column-loaders.ts";
import type { StagingTable } from "../staging/table.ts";
import type { Statements } from "../staging/statements.ts";
import { LEVEL_COLUMN, PATH_COLUMN, TARGET_ID_COLUMN } from "../staging/tree-columns.ts";
import type { TreePaths } from "../staging/tree-paths.ts";

/** Finds rows of trees that are not imported themselves. Throws `E_IMPORT` for rows that share a key. */
export async function resolveTreeRows(links: Links, tree: TreePaths): Promise<void> {
  await begin(links, tree);
  for (let level = 1; level <= tree.levels; level++) await tree.find(level);
  await end(tree);
}

async function begin(links: Links, tree: TreePaths): Promise<void> {
  await tree.analyze();
  for (const link of tree.links) await links.resolve(tree, link, false);
}

async function end(tree: TreePaths): Promise<void> {
  tree.isDone = true;
  await tree.analyze();
  const twin = await tree.twin();
  if (twin !== undefined)
    throw new HoldfastError("E_IMPORT", `${tree.tree.table.id}: several rows have the key (${twin}) here`, {
      hint: "rename them, or make the export with another key for this table, under portable.keys",
    });
}

export interface Grown {
  /** Rows that were not there. */
  readonly fresh: number;
  readonly created: number;
}

/**
 * Says of every staged row whether it is there (`STATE`), and which one it is (`ROW`). `insert` writes the new ones that meet a condition; without it nothing is
 * written. `inTable` are its links to itself that must be filled in first.
 */
export async function insertTreeLevels(
  on: Statements,
  links: Links,
  staging: StagingTable,
  tree: TreePaths,
  {
    inTable,
    insert,
  }: { readonly inTable: readonly StagedForeignKey[]; readonly insert?: (condition: string) => Promise<number> },
): Promise<Grown> {
  const { dialect, quote } = on;
  const { connection } = dialect;
  const stage = stagingName(dialect, staging);
  const parent = inTable.find(({ link }) => link.name === tree.tree.parent.name);
  const others = inTable.filter((link) => link !== parent);
  const [above] = parent?.leaves ?? [];
  const [up] = parent?.columns ?? [];
  await addIndexes(dialect, staging.name, [LEVEL_COLUMN]);
  await begin(links, tree);
  let [fresh, created] = [0, 0];
  for (let level = 1; level <= tree.levels; level++) {
    const isLevel = `s.${quote(LEVEL_COLUMN)} = ${level}`;
    /** Gives how many of the level's rows were found. */
    const take = async (set: readonly (readonly [string, string])[], by: string, where: string): Promise<number> =>
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
      await take([[up.staged, `f.${quote(TARGET_ID_COLUMN)}`]], above.staged, "");
    for (const link of others) await links.resolve(staging, link, false);
    const all = await connection.run(`update ${stage} as s set ${quote(MATCH_STATE_COLUMN)} = 1 where ${isLevel}`);
    const missing = all - (await take([[MATCH_STATE_COLUMN, "0"], [TARGET_ID_COLUMN, `f.${quote(TARGET_ID_COLUMN)}`]], PATH_COLUMN, "")); // prettier-ignore
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
    await take(
      [[TARGET_ID_COLUMN, `f.${quote(TARGET_ID_COLUMN)}`]],
      PATH_COLUMN,
      ` and s.${quote(MATCH_STATE_COLUMN)} = 1`,
    );
  }
  staging.matchedBy = "row";
  await end(tree);
  return { fresh, created };
}
