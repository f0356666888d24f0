/** Table digests among the facts of a database. */
import type { DatabaseFacts, DatabaseSnapshot } from "./engine.ts";

/** The facts with the digest of every table that has one. */
export const withDigests = (facts: DatabaseFacts, digests: Readonly<Record<string, string>>): DatabaseFacts => ({
  ...facts,
  tables: Object.fromEntries(
    Object.entries(facts.tables).map(([name, table]) => {
      const digest = Object.hasOwn(digests, name) ? digests[name] : undefined;
      return [name, digest === undefined ? table : { ...table, digest }];
    }),
  ),
});

/** All there is to know of a snapshot, every table counted. */
export async function factsOf(
  snapshot: DatabaseSnapshot,
  exactRows: number,
  options: { readonly digests: boolean } = { digests: false },
): Promise<DatabaseFacts> {
  const facts = await snapshot.facts({ exactRows });
  return options.digests ? withDigests(facts, await snapshot.digests()) : facts;
}

/** Whether digests were recorded. */
export const hasDigests = (tables: DatabaseFacts["tables"]): boolean =>
  Object.values(tables).some(({ digest }) => digest !== undefined);
