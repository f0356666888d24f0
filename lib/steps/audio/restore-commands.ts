/** The commands that restore a unit of the audio cache. */
import type { UnitMetadata } from "../../model/unit.ts";
import { placesOf } from "../../store/run/places.ts";
import { fileOfRun, target } from "../restore/targets.ts";
import { unpackCommands } from "../restore/unpack.ts";

/** Returns the commands for a shard, or for the databases of the cache. */
export const audioCommands = (metadata: UnitMetadata): string[] =>
  metadata.unit === "orm_db"
    ? placesOf(metadata).map(
        (place) => `install -D -m 600 ${fileOfRun(`audio_cache/orm_db/${place.prefix}`)} ${target(place)}`,
      )
    : unpackCommands(metadata);
