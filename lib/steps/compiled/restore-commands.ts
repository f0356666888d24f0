/** The commands that restore compiled projects from their bundles. */
import path from "node:path";
import * as z from "zod";
import type { UnitMetadata } from "../../model/unit.ts";
import { shellQuote } from "../../report/shell.ts";
import { placesOf } from "../../store/run/places.ts";
import { fileOfRun, target } from "../restore/targets.ts";
import { setXattrs } from "../restore/xattrs.ts";

const bundlesSchema = z.record(
  z.string(),
  z.object({ reserved: z.object({ multimedia: z.string(), original: z.string() }) }),
);

/**
 * Returns the commands: each bundle is unpacked, originals replace rewritten pages, what the bundle added goes, trees
 * are copied.
 */
export function compiledCommands(metadata: UnitMetadata): string[] {
  const bundles = bundlesSchema.safeParse(metadata["bundles"]).data ?? {};
  const places = placesOf(metadata);
  return metadata.artifacts.flatMap((artifact) => {
    const file = artifact.path;
    const name = path.basename(file);
    const reserved = bundles[name.replace(/\.zip$/, "")]?.reserved;
    const own = places.filter((place) => place.artifact === undefined || place.artifact === name);
    return [
      `T=$(mktemp -d) && $UNZIP ${fileOfRun(file)} -d "$T"`,
      ...(reserved === undefined ? [] : [restoreOriginals(reserved)]),
      ...setXattrs(metadata, artifact, `"$T"`),
      ...own.map(
        (place) =>
          `mkdir -p ${target(place)} && cp -a "$T"/${place.prefix === "" ? "" : `${shellQuote(place.prefix)}/`}. ${target(place)}`,
      ),
      `rm -rf "$T"`,
    ];
  });
}

function restoreOriginals({
  original,
  multimedia,
}: {
  readonly original: string;
  readonly multimedia: string;
}): string {
  const [from, added] = [shellQuote(original), shellQuote(multimedia)];
  return `if [ -d "$T"/${from} ]; then (cd "$T"/${from} && find . -type f -exec cp -pf {} ../{} \\;); fi; rm -rf "$T"/${from} "$T"/${added}`;
}
