/** The migrations of a site of which only the last one of each app is known. */

interface Applied {
  readonly tool: string;
  readonly applied: readonly string[];
}

/**
 * As a set, to be compared with those that are applied here: of each app that is told of, those of here up to its last one, and that one; of the others, those of here.
 * Null where neither side knows of any.
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
    return until === undefined || numberOf(name) <= numberOf(until);
  });
  // A number alone stands for the migration of here that has it.
  const missing = known
    .map(([app, name]) => `${app}.${name}`)
    .filter(
      (one) =>
        !applied.some((migration) => migration === one || (/\.\d+$/.test(one) && migration.startsWith(`${one}_`))),
    );
  return { tool: "Django", applied: [...applied, ...missing] };
}

/** `0024_rates` is the 24th; one without a number came first. */
const numberOf = (name: string): number => Number(/^\d+/.exec(name)?.[0] ?? 0);
