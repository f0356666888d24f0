/** The commands that unpack a unit of one archive and one tree. */
import type { UnitMetadata } from "../../model/unit.ts";
import { shellQuote } from "../../report/shell.ts";
import { placesOf } from "../../store/run/places.ts";
import { fileOfRun, target } from "./targets.ts";
import { extract, setXattrs } from "./xattrs.ts";

/** Returns the commands for a unit; a comment for one that the site's own export command has made. */
export function unpackCommands(metadata: UnitMetadata): string[] {
  const [artifact] = metadata.artifacts;
  if (artifact === undefined) return [];
  const archive = fileOfRun(artifact.path);
  const [place] = placesOf(metadata);
  if (place === undefined)
    return [
      `# ${shellQuote(metadata.unit)}: made by the site's own export command; unpack ${archive} where its import wants it`,
    ];
  const unpack =
    artifact.media_type === "application/zip"
      ? `$UNZIP ${archive} -d ${target(place)}`
      : `${extract(metadata)} ${archive} -C ${target(place)}`;
  return [`mkdir -p ${target(place)} && ${unpack}`, ...setXattrs(metadata, artifact, target(place))];
}
