/** Compares an export's version and migrations with those here. These rules need no database. */
import { isBroken } from "../../database/migrations.ts";
import { EXPORT_VERSION } from "./documents.ts";

/** The result of a comparison: `problems` prevent an import, `warnings` do not. */
export interface Findings {
  readonly problems: readonly string[];
  readonly warnings: readonly string[];
}

const NOTHING: Findings = { problems: [], warnings: [] };
const problem = (...problems: string[]): Findings => ({ problems, warnings: [] });
const warning = (...warnings: string[]): Findings => ({ problems: [], warnings });

/**
 * Compares versions of the format, which are semantic: another major version cannot be read, and fields of a newer
 * minor version are ignored. Older minor versions and other patch versions are equivalent.
 */
export function compareVersions(there: string, here: string = EXPORT_VERSION): Findings {
  const [theirs, ours] = [there, here].map((version) => /^(\d+)\.(\d+)\.\d+(?:[-+].*)?$/.exec(version));
  if (!theirs || !ours) return problem(`the export's version ${there} is not a valid version`);
  const said = `the export has version ${there}; this Holdfast reads ${here}`;
  if (Number(theirs[1]) !== Number(ours[1])) return problem(said);
  return Number(theirs[2]) > Number(ours[2]) ? warning(`${said} and ignores fields that it does not know`) : NOTHING;
}

export interface Applied {
  readonly tool: string;
  readonly applied: readonly string[];
}

/** Tools that store one number, that of the last migration, so that the later of two is known. */
const LAST_ONLY: readonly string[] = ["golang-migrate"];
/** Tools that store the current revision of the schema, but not its history. */
const PLACE_ONLY: readonly string[] = ["Alembic"];

/**
 * Compares the applied migrations of the export and the database, as sets. More here means an older export (a warning).
 * More there means missing code, and some on each side a diverged history; both prevent an import, as does an
 * incomplete migration here.
 */
export function compareMigrations(there: Applied | null, here: Applied | null): Findings {
  const broken = here?.applied.filter(isBroken) ?? [];
  if (here !== null && broken.length > 0)
    return problem(`a ${here.tool} migration is incomplete in this database: ${broken.join(", ")}`);
  if (there === null) return NOTHING;
  if (here === null) return warning(`the export records its ${there.tool} migrations, this database has none`);
  if (here.applied.length === 0 && there.tool === here.tool && there.applied.length > 0)
    return warning(
      `the export records its ${there.tool} migrations, this database has none applied: ` +
        "only its tables show that it is compatible",
    );
  if (there.tool !== here.tool) return problem(`the export is of ${there.tool}, this database of ${here.tool}`);
  const mine = new Set(here.applied);
  const theirs = new Set(there.applied);
  const missing = there.applied.filter((name) => !mine.has(name));
  const since = here.applied.filter((name) => !theirs.has(name));
  if (missing.length === 0 && since.length === 0) return NOTHING;
  if (PLACE_ONLY.includes(there.tool))
    return problem(
      `${there.tool} is at ${list(there.applied)} in the export and at ${list(here.applied)} here; ` +
        "only the code knows which is newer",
    );
  if (LAST_ONLY.includes(there.tool)) return compareLast(there.applied.at(-1), here.applied.at(-1));
  if (missing.length > 0 && since.length > 0)
    return problem(`migrations diverged: only the export has ${list(missing)}, only this database has ${list(since)}`);
  return missing.length > 0
    ? problem(`the export is newer: this database lacks ${counted(missing)}`)
    : warning(`the export is ${since.length} behind: ${counted(since)} applied since`);
}

function compareLast(there: string | undefined, here: string | undefined): Findings {
  const [theirs, ours] = [there, here].map((version) => BigInt(/^\d+/.exec(version ?? "")?.[0] ?? "0"));
  return (theirs ?? 0n) > (ours ?? 0n)
    ? problem(`the export is newer: it is at migration ${there}, this database at ${here ?? "none"}`)
    : warning(`the export is older: it is at migration ${there ?? "none"}, this database at ${here}`);
}

const list = (names: readonly string[]): string =>
  names.length === 0
    ? "none"
    : `${names.slice(0, 3).join(", ")}${names.length > 3 ? ` and ${names.length - 3} more` : ""}`;
const counted = (names: readonly string[]): string =>
  `${names.length === 1 ? "the migration" : `${names.length} migrations`} ${list(names)}`;
