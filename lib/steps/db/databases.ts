/** The databases of a config, and the units that they become. */
import type { SiteConfig } from "../../config/load.ts";
import type { DatabaseSettings } from "../../config/settings/database.ts";
import { describeUrl } from "../../database/engines/registry.ts";
import { HoldfastError } from "../../errors.ts";

/** A configured database, and the name of its unit. */
export interface NamedDatabase {
  readonly unit: string;
  readonly settings: DatabaseSettings;
  /** The database that projects.query asks. */
  readonly first: boolean;
}

/** Returns the configured databases in their order. */
export function databases(config: SiteConfig): NamedDatabase[] {
  return (config.database ?? []).map((settings, index) => ({
    unit: settings.name ?? unitName(settings.url),
    settings,
    first: index === 0,
  }));
}

/** Returns the database of a unit. Throws `E_CONFIG` if the config does not have it. */
export function databaseOf(config: SiteConfig, unit: string): NamedDatabase {
  const found = databases(config).find((database) => database.unit === unit);
  if (found === undefined) throw new HoldfastError("E_CONFIG", `the config has no database ${unit}`);
  return found;
}

/** Returns the name of a database with every character replaced that a directory's name should not have. */
const unitName = (url: string): string =>
  describeUrl(url)
    .database.replaceAll(/[^\w.-]/g, "_")
    .replace(/^\.*$/, "database");
