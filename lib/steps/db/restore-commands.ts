/** The commands that load the dump of a database. */
import { engineOfDump } from "../../database/engines/registry.ts";
import type { UnitMetadata } from "../../model/unit.ts";
import { placesOf } from "../../store/run/places.ts";
import { fileOfRun, target } from "../restore/targets.ts";

/** Returns the commands of the dump's engine; a file is copied to its path. */
export function databaseCommands(metadata: UnitMetadata): string[] {
  const [artifact] = metadata.artifacts;
  if (artifact === undefined) return [];
  const file = fileOfRun(artifact.path);
  const database = typeof metadata["database"] === "string" ? metadata["database"] : metadata.unit;
  const { restoreCommands } = engineOfDump(artifact.path);
  if (restoreCommands !== undefined) return restoreCommands(metadata, database, file);
  return placesOf(metadata).map((place) => `install -D -m 600 ${file} ${target(place)}`);
}
