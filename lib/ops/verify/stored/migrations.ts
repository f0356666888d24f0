/** Migrations: those that the dumps have applied, against those that the code wants. */
import type { SiteConfig } from "../../../config/load.ts";
import { metadataSchema } from "../../../model/unit.ts";
import { compareMigrations } from "../../site/compare-migrations.ts";
import { itemsOf, type DatabaseItem } from "../../runs/unit-items.ts";
import { tryRead, type RunInventory } from "../inventory/run-inventory.ts";
import { count, type Finding } from "../../checks/check.ts";

/** An older backup is fine, and says how many migrations a restore would run; one that is newer than the code is a problem. */
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

/** The dumps of the run whose metadata say what was dumped; of the others the checks of documents and dumps speak. */
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
