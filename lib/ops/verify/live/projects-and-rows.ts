/**
 * Compares the projects, paths and rows of a run with the site's current ones. Changes of the site are drift: listed,
 * and not a failure.
 */
import { readdirSync } from "node:fs";
import path from "node:path";
import { display, fromString } from "../../../archive/path.ts";
import type { BytePath } from "../../../archive/entry.ts";
import { statRoot } from "../../../archive/tree/walk.ts";
import type { SiteConfig } from "../../../config/load.ts";
import { compareTables } from "../../../database/compare-facts.ts";
import { asHoldfastError } from "../../../errors.ts";
import { projectListSchema } from "../../../model/run.ts";
import { metadataSchema, type StepName } from "../../../model/unit.ts";
import { placeBytes, placesOf } from "../../../store/run/places.ts";
import { databases } from "../../../steps/db/databases.ts";
import { openDatabase, PROJECTS_FILE, ProjectSource } from "../../../steps/core/projects.ts";
import { onSite } from "../../site/on-site.ts";
import { databaseItems } from "../stored/migrations.ts";
import { digestOf, tryRead, type RunInventory } from "../inventory/run-inventory.ts";
import { count, type Finding, type Problem } from "../../checks/check.ts";

/** Compares the rows of the site's own project list, then and now. */
export async function checkLiveProjects(
  survey: RunInventory,
  config: SiteConfig,
  signal: AbortSignal,
): Promise<Finding | undefined> {
  if (!survey.files.has(PROJECTS_FILE)) return undefined;
  const recorded = tryRead(survey.directory, PROJECTS_FILE, projectListSchema, [])?.projects;
  if (recorded === undefined) return undefined; // the check of documents reports it
  const figure = count(recorded.length, "project");
  if (config.projects === undefined) return { figure, problems: [], notProved: "the config has no projects" };
  try {
    const { projects } = await new ProjectSource(config, undefined, signal).list();
    const now = new Map(projects.map((project) => [String(project.id), digestOf(project)]));
    const then = new Map(recorded.map((project) => [String(project.id), digestOf(project)]));
    const notes = [
      ...[...then.keys()].filter((id) => !now.has(id)).map((id) => drift(id, "has been deleted since")),
      ...[...now.keys()].filter((id) => !then.has(id)).map((id) => drift(id, "is new")),
      ...[...then]
        .filter(([id, row]) => now.has(id) && now.get(id) !== row)
        .map(([id]) => drift(id, "has changed its row since")),
    ];
    return { figure: `${figure}, ${projects.length.toLocaleString("en")} now${driftOf(notes)}`, problems: [], notes };
  } catch (error) {
    signal.throwIfAborted();
    return { figure, problems: [], notProved: asHoldfastError(error).message };
  }
}

/** Checks the units of each step that has a path on the site: lists the paths that are gone, and new legacy trees. */
export function checkLiveUnits(survey: RunInventory, config: SiteConfig): Finding | undefined {
  const notes: Problem[] = [];
  const there = new Map<StepName, { units: number; found: number }>();
  const places = new Set<string>();
  for (const { file, step } of survey.units) {
    const metadata = tryRead(survey.directory, file, metadataSchema, []);
    const own =
      metadata === undefined ? [] : placesOf(metadata).map((place) => ({ place, live: onSite(config, place) }));
    if (own.length === 0) continue;
    const counted = there.get(step) ?? { units: 0, found: 0 };
    there.set(step, counted);
    counted.units++;
    const gone = own.filter(({ live }) => !isOnSite(live));
    if (gone.length === 0) counted.found++;
    notes.push(
      ...gone.map(({ place }) => ({
        path: display(placeBytes(place).toString("latin1")),
        message: "no longer exists on the site",
      })),
    );
    for (const { live } of own) places.add(live);
  }
  if (there.size === 0) return undefined;
  if (survey.steps.includes("legacy_zips") && config.legacy !== undefined)
    notes.push(...newTrees(config, config.legacy.path, places));
  const figure = [...there].map(([step, { units, found }]) => `${step} ${found} of ${units}`).join(", ");
  return { figure: `${figure}${driftOf(notes)}`, problems: [], notes };
}

function isOnSite(place: BytePath): boolean {
  try {
    statRoot(place);
    return true;
  } catch {
    return false;
  }
}

function newTrees(config: SiteConfig, legacy: string, known: ReadonlySet<string>): Problem[] {
  const directory = path.resolve(config.root, legacy);
  try {
    return readdirSync(directory, { withFileTypes: true, encoding: "buffer" })
      .filter((entry) => entry.isDirectory() && !known.has(`${fromString(directory)}/${entry.name.toString("latin1")}`))
      .map((entry) => ({ path: `${legacy}/${entry.name.toString("utf8")}`, message: "is new" }));
  } catch {
    return []; // gone: its units are reported already
  }
}

/** Compares the row counts by table. */
export async function checkLiveRows(
  survey: RunInventory,
  config: SiteConfig,
  signal: AbortSignal,
): Promise<Finding | undefined> {
  const items = databaseItems(survey);
  if (items.length === 0) return undefined;
  const notes: Problem[] = [];
  const untried: string[] = [];
  let tables = 0;
  for (const { unit, record } of items) {
    const settings = databases(config).find((one) => one.unit === unit)?.settings;
    try {
      if (settings === undefined) {
        untried.push(`${unit}: the config has no such database`);
        continue;
      }
      const snapshot = await openDatabase(config, settings, signal);
      try {
        const facts = await snapshot.facts({ exactRows: settings.exact_counts_below_rows });
        const { differences, notCompared } = compareTables(record.tables, facts.tables);
        tables += Object.keys(facts.tables).length;
        notes.push(...differences.map((message) => ({ path: `db/${unit}`, message })));
        if (notCompared.length > 0) untried.push(`${unit}: ${count(notCompared.length, "table")} only estimated`);
      } finally {
        await snapshot.close();
      }
    } catch (error) {
      signal.throwIfAborted();
      untried.push(`${unit}: ${asHoldfastError(error, "E_DATABASE").message}`);
    }
  }
  return {
    figure: `${count(tables, "table")} now${driftOf(notes)}`,
    problems: [],
    notes,
    ...(untried.length > 0 ? { notProved: untried.join("; ") } : {}),
  };
}

const drift = (id: string, message: string): Problem => ({ path: `project ${id}`, message });

export const driftOf = (notes: readonly Problem[]): string => (notes.length === 0 ? "" : `; drift: ${notes.length}`);
