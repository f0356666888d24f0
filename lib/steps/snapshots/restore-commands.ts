/** The commands that restore a snapshot of several trees. */
import type { UnitMetadata } from "../../model/unit.ts";
import { shellQuote } from "../../report/shell.ts";
import { isOutside, placesOf, type Place } from "../../store/run/places.ts";
import { fileOfRun } from "../restore/targets.ts";
import { extract } from "../restore/xattrs.ts";

/**
 * Returns the commands: trees inside and outside of the site's root lie in one archive, by their paths below the root
 * and `/`.
 */
export function snapshotCommands(metadata: UnitMetadata): string[] {
  const [artifact] = metadata.artifacts;
  if (artifact === undefined) return [];
  const tar = `${extract(metadata)} ${fileOfRun(artifact.path)}`;
  const places = placesOf(metadata);
  const inside = places.filter((place) => !isOutside(place));
  return [...unpack(tar, `"$ROOT"`, inside), ...unpack(tar, `"$OUTSIDE"/`, places.filter(isOutside))];
}

function unpack(tar: string, into: string, members: readonly Place[]): string[] {
  if (members.length === 0) return [];
  // tar extracts everything below a member, and then fails to find a second member there.
  const outer = members.filter(({ prefix }) => !members.some((other) => prefix.startsWith(`${other.prefix}/`)));
  const names = outer.some(({ prefix }) => prefix === "")
    ? ""
    : ` -- ${outer.map((one) => shellQuote(one.prefix)).join(" ")}`;
  return [`mkdir -p ${into} && ${tar} -C ${into}${names}`];
}
