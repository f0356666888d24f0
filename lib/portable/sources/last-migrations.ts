/** Expands the last migration of each app into a set of applied migrations. */

interface Applied {
  readonly tool: string;
  readonly applied: readonly string[];
}

/**
 * Expands the last migration of each app into the full set, by the migrations applied in the target. Apps not listed
 * keep the target's set. Null if neither side has any.
 */
export function expandLastMigrations(
  last: Readonly<Record<string, string>>,
  here: Applied | null,
): { tool: string; applied: string[] } | null {
  const known = Object.entries(last).filter(([, name]) => /^\d/.test(name));
  if (known.length === 0 || here?.tool !== "Django") return null;
  const applied = here.applied.filter((migration) => {
    const [app, name] = [migration.slice(0, migration.indexOf(".")), migration.slice(migration.indexOf(".") + 1)];
    const until = known.find(([one]) => one === app)?.[1];
    return until === undefined || idColumnOf(name) <= idColumnOf(until);
  });
  // A bare number matches the migration with that number in the target.
  const missing = known
    .map(([app, name]) => `${app}.${name}`)
    .filter(
      (one) =>
        !applied.some((migration) => migration === one || (/\.\d+$/.test(one) && migration.startsWith(`${one}_`))),
    );
  return { tool: "Django", applied: [...applied, ...missing] };
}

/** Returns 24 for `0024_rates`; 0 for a name without a number. */
const idColumnOf = (name: string): number => Number(/^\d+/.exec(name)?.[0] ?? 0);
