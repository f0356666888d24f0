/** The commands that restore a named tree. */
import type { UnitMetadata } from "../../model/unit.ts";
import { placesOf } from "../../store/run/places.ts";
import { directoryOf, fileOfRun } from "../restore/targets.ts";
import { unpackCommands } from "../restore/unpack.ts";
import { extract } from "../restore/xattrs.ts";

/** Returns the commands for a tree; a single file is unpacked into the directory that it lies in. */
export function treeCommands(metadata: UnitMetadata): string[] {
  const [place] = placesOf(metadata);
  const [artifact] = metadata.artifacts;
  if (place === undefined || artifact === undefined || place.prefix === "") return unpackCommands(metadata);
  const directory = directoryOf(place);
  return [`mkdir -p ${directory} && ${extract(metadata)} ${fileOfRun(artifact.path)} -C ${directory}`];
}
