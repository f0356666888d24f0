/** Compares the migrations applied in the dumps with those that the code expects. */
import type { SiteConfig } from "../../../config/load.ts";
import { metadataSchema } from "../../../model/unit.ts";
import { compareMigrations } from "../../site/compare-migrations.ts";
import { itemsOf, type DatabaseItem } from "../../runs/unit-items.ts";
import { tryRead, type RunInventory } from "../inventory/run-inventory.ts";
import { count, type Finding } from "../../checks/check.ts";

/**
 * Checks migrations. An older backup is fine, and lists how many migrations a restore would run; one newer than the
 * code is a problem.
 */
export async function checkMigrations(
  survey: RunInventory,
  config: SiteConfig | undefined,
  signal: AbortSignal,
): Promise<Finding | undefined> {
  if (config === undefined) return undefined;
  const items = databaseItems(survey);
  const check = await compareMigrations(config, items, signal);
  if (check === undefined) return undefined;
  const { figure, problems, state } = check;
  return state === "not proved"
    ? { figure: count(items.length, "dump"), problems, notProved: figure }
    : { figure, problems };
}

/** Returns the dumps whose metadata record what was dumped; other checks report the rest. */
export const databaseItems = (survey: RunInventory): DatabaseItem[] =>
  survey.units
    .filter(({ step }) => step === "db")
    .flatMap(({ file }) => {
      const metadata = tryRead(survey.directory, file, metadataSchema, []);
      if (metadata === undefined) return [];
      try {
        return itemsOf(survey.directory, [metadata]).databases;
      } catch {
        return [];
      }
    });
