/** The commands that load the dump of a database. */
import { mysqlCommands } from "../../database/mysql/restore-commands.ts";
import { postgresCommands } from "../../database/postgres/restore-commands.ts";
import type { UnitMetadata } from "../../model/unit.ts";
import { placesOf } from "../../store/run/places.ts";
import { fileOfRun, target } from "../restore/targets.ts";

/** Returns the commands for a dump, by its extension; an SQLite file is copied to its path. */
export function databaseCommands(metadata: UnitMetadata): string[] {
  const [artifact] = metadata.artifacts;
  if (artifact === undefined) return [];
  const file = fileOfRun(artifact.path);
  const database = typeof metadata["database"] === "string" ? metadata["database"] : metadata.unit;
  if (artifact.path.endsWith(".dump")) return postgresCommands(metadata, database, file);
  if (artifact.path.endsWith(".sql.gz")) return mysqlCommands(database, file);
  return placesOf(metadata).map((place) => `install -D -m 600 ${file} ${target(place)}`);
}
