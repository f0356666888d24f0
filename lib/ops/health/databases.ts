/** Checks the live databases: they answer, have the schema that the code expects, and hold tables. */
import type { SiteConfig } from "../../config/load.ts";
import type { DatabaseFacts } from "../../database/snapshot.ts";
import { asHoldfastError } from "../../errors.ts";
import { databases, type NamedDatabase } from "../../steps/db/databases.ts";
import { openDatabase } from "../../steps/core/projects.ts";
import { compareSchema, wantedMigrations } from "../site/schema-version.ts";
import { count, type Finding, type Problem } from "../checks/check.ts";

/** Row limit of an exact count; larger tables are estimated, which suffices for a health check. */
const EXACT_ROWS = 1_000_000;

type Facts = Readonly<{ named: NamedDatabase; facts: DatabaseFacts }>;

export interface DatabaseFindings {
  readonly database: Finding;
  readonly migrations: Finding;
  readonly rows: Finding;
}

export async function checkDatabases(config: SiteConfig, signal: AbortSignal): Promise<DatabaseFindings> {
  const all = databases(config);
  if (all.length === 0) {
    const none: Finding = { figure: "", problems: [], notProved: "no database is configured" };
    return { database: none, migrations: none, rows: none };
  }
  const found: Facts[] = [];
  const problems: Problem[] = [];
  for (const named of all) {
    try {
      found.push({ named, facts: await factsOf(config, named, signal) });
    } catch (error) {
      signal.throwIfAborted();
      problems.push({ path: named.unit, message: asHoldfastError(error, "E_DATABASE").message });
    }
  }
  const answers = found.map(({ named, facts }) => `${named.unit}: ${facts.engine} ${facts.server_version}`);
  return {
    database: { figure: answers.length > 0 ? answers.join("; ") : "no answer", problems },
    migrations: await checkMigrations(config, found, signal),
    rows: countRows(found),
  };
}

async function factsOf(config: SiteConfig, { settings }: NamedDatabase, signal: AbortSignal): Promise<DatabaseFacts> {
  const snapshot = await openDatabase(config, settings, signal);
  try {
    return await snapshot.facts({ exactRows: EXACT_ROWS });
  } finally {
    await snapshot.close();
  }
}

/** Checks that a live database has exactly the migrations of the code: pending ones are a problem too. */
async function checkMigrations(config: SiteConfig, found: readonly Facts[], signal: AbortSignal): Promise<Finding> {
  const figures: string[] = [];
  const problems: Problem[] = [];
  const untried: string[] = found.length === 0 ? ["no database answers"] : [];
  for (const { named, facts } of found) {
    try {
      const wanted = await wantedMigrations(config, named.settings, null, signal);
      const { state, toRun, unknownToCode } = compareSchema(facts.migrations, wanted);
      const missing =
        wanted === undefined ? "database.migrations_wanted is not configured" : "no migration table is known";
      if (state === "unknown") untried.push(`${named.unit}: ${missing}`);
      else figures.push(`${named.unit}: ${count(facts.migrations?.applied.length ?? 0, "migration")}`);
      if (toRun.length > 0) problems.push({ path: named.unit, message: `${some(toRun)} still to run` });
      if (unknownToCode.length > 0)
        problems.push({ path: named.unit, message: `the code does not know ${some(unknownToCode)}` });
    } catch (error) {
      signal.throwIfAborted();
      problems.push({
        path: named.unit,
        message: `the code's migrations could not be listed: ${asHoldfastError(error).message}`,
      });
    }
  }
  return { figure: figures.join("; "), problems, ...(untried.length > 0 ? { notProved: untried.join("; ") } : {}) };
}

const some = (names: readonly string[]): string =>
  names.slice(0, 3).join(", ") + (names.length > 3 ? ` and ${names.length - 3} more` : "");

function countRows(found: readonly Facts[]): Finding {
  if (found.length === 0) return { figure: "", problems: [], notProved: "no database answers" };
  const tables = found.flatMap(({ facts }) => Object.values(facts.tables));
  const estimated = tables.filter(({ exact }) => !exact).length;
  const rows = tables.reduce((sum, table) => sum + table.rows, 0);
  const empty = found.filter(({ facts }) => Object.keys(facts.tables).length === 0);
  return {
    figure: [
      count(tables.length, "table"),
      count(rows, "row"),
      ...(estimated > 0 ? [`${count(estimated, "table")} estimated`] : []),
    ].join(", "),
    problems: empty.map(({ named }) => ({ path: named.unit, message: "holds no table" })),
  };
}
