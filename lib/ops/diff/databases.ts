/** Compares the tables and the migrations of a database in two states of a site. */
import { plural } from "../../report/format.ts";
import type { Difference } from "./difference.ts";
import type { SideDatabase } from "./state/side.ts";

/** Returns the differences, and notes on what could not be compared. */
export function compareDatabases(
  unit: string,
  was: SideDatabase,
  now: SideDatabase,
): { readonly differences: Difference[]; readonly notes: string[] } {
  const about = { step: "db", unit } as const;
  const [before, after] = [new Map(Object.entries(was.tables)), new Map(Object.entries(now.tables))];
  let [estimated, undigested] = [0, 0];
  const tables = [...new Set([...before.keys(), ...after.keys()])].toSorted().flatMap((name): Difference[] => {
    const [one, other] = [before.get(name), after.get(name)];
    const figures = { was: one?.rows ?? null, now: other?.rows ?? null };
    const table = { kind: "table", ...about, name, ...figures } as const;
    if (one === undefined) return [{ ...table, change: "added", what: "" }];
    if (other === undefined) return [{ ...table, change: "removed", what: "" }];
    if (one.exact && other.exact && one.rows !== other.rows) return [{ ...table, change: "changed", what: "rows" }];
    if (one.digest !== undefined && other.digest !== undefined)
      return one.digest === other.digest ? [] : [{ ...table, change: "changed", what: "digest" }];
    if (one.exact && other.exact) undigested++;
    else estimated++;
    return [];
  });
  const notes = [
    ...(estimated > 0 ? [`db/${unit}: the rows of ${plural(estimated, "table")} are estimates, and not compared`] : []),
    ...(undigested > 0 ? [`db/${unit}: ${plural(undigested, "table")} compared by rows alone, without digests`] : []),
  ];
  return { differences: [...tables, ...compareMigrations(unit, was, now)], notes };
}

function compareMigrations(unit: string, was: SideDatabase, now: SideDatabase): Difference[] {
  const [before, after] = [new Set(was.migrations?.applied), new Set(now.migrations?.applied)];
  const migration = (name: string, change: Difference["change"]): Difference => ({
    kind: "migration",
    change,
    step: "db",
    unit,
    name,
    was: null,
    now: null,
    what: "",
  });
  return [
    ...[...after].filter((name) => !before.has(name)).map((name) => migration(name, "added")),
    ...[...before].filter((name) => !after.has(name)).map((name) => migration(name, "removed")),
  ];
}
