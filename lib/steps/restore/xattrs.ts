/** The commands that restore extended attributes and ACLs by hand. */
import type { Artifact, UnitMetadata } from "../../model/unit.ts";
import { sidecarIn } from "../../store/run/step-index.ts";
import { fileOfRun } from "./targets.ts";

/** Turns a file of extended attributes into the form that setfattr reads. */
const TO_DUMP = String.raw`jq -r '"# file: \(.file)", (.xattrs | to_entries[] | "\(.key)=\(.value)"), ""'`;

/** Returns tar with the flags to extract an archive of the unit. */
export const extract = (metadata: UnitMetadata): string =>
  metadata["xattrs"] === undefined ? "tar -xzpf" : "tar --xattrs --xattrs-include='*' --acls -xzpf";

/** Returns the command that sets the attributes of what a zip was unpacked to, `into`; none where it has none. */
export function setXattrs(metadata: UnitMetadata, artifact: Artifact, into: string): string[] {
  const sidecar = sidecarIn(metadata, artifact);
  if (sidecar === undefined) return [];
  return [`(cd ${into} && ${TO_DUMP} ${fileOfRun(sidecar)} | setfattr -h --restore=-)`];
}
