/** Table digests among the facts of a database. */
import { HoldfastError } from "../errors.ts";
import type { DatabaseFacts, DatabaseSnapshot, TableDigests } from "./snapshot.ts";

/** Digests tables one by one. A table that cannot be read is left out with a warning; other errors are thrown. */
export async function digestEach<T extends { readonly key: string }>(
  tables: readonly T[],
  digest: (table: T) => Promise<string> | string,
): Promise<TableDigests> {
  const digests = new Map<string, string>();
  const warnings: string[] = [];
  for (const table of tables) {
    try {
      digests.set(table.key, await digest(table));
    } catch (error) {
      if (!(error instanceof HoldfastError) || !["E_DATABASE", "E_SQLITE"].includes(error.code)) throw error;
      warnings.push(`no digest of the table ${table.key}: ${error.message}`);
    }
  }
  return { digests: Object.fromEntries(digests), warnings };
}

/** The facts with the digest of every table that has one. */
export const withDigests = <T extends Pick<DatabaseFacts, "tables">>(
  facts: T,
  digests: Readonly<Record<string, string>>,
): T & Pick<DatabaseFacts, "tables"> => ({
  ...facts,
  tables: Object.fromEntries(
    Object.entries(facts.tables).map(([name, table]) => {
      const digest = Object.hasOwn(digests, name) ? digests[name] : undefined;
      return [name, digest === undefined ? table : { ...table, digest }];
    }),
  ),
});

/** Returns the facts of a snapshot, with every table counted. */
export async function factsOf(
  snapshot: DatabaseSnapshot,
  exactRows: number,
  options: { readonly digests: boolean } = { digests: false },
): Promise<DatabaseFacts> {
  const facts = await snapshot.facts({ exactRows });
  return options.digests ? withDigests(facts, (await snapshot.digests()).digests) : facts;
}

/** Checks whether digests were recorded. */
export const hasDigests = (tables: DatabaseFacts["tables"]): boolean =>
  Object.values(tables).some(({ digest }) => digest !== undefined);
