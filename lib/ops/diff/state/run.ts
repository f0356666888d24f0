/** A run as a state of the site. */
import { createHash } from "node:crypto";
import { STEP_NAMES, type UnitMetadata } from "../../../model/unit.ts";
import { runDirectory } from "../../../store/files/layout.ts";
import { readSums } from "../../../store/run/checksums.ts";
import { layersOf, unitName } from "../../../store/run/layers.ts";
import { readStepMetadata } from "../../../store/run/step-index.ts";
import { placesOf } from "../../../store/run/places.ts";
import { unitFacts } from "../../anomalies/facts.ts";
import { databaseRecordSchema } from "../../../database/record.ts";
import { readEntries } from "./entries.ts";
import { CONFIG_FILE, keyOf, type Side, type SideDatabase, type SideUnit } from "./side.ts";

/** Reads a run. Throws `E_VERIFY` for damaged metadata. */
export function runSide(store: string, run: string, signal: AbortSignal): Side {
  const directory = runDirectory(store, run);
  const groups = new Map<string, UnitMetadata[]>();
  const databases = new Map<string, SideDatabase>();
  const settings = new Map<string, string>();
  for (const step of STEP_NAMES)
    for (const metadata of readStepMetadata(directory, step)) {
      signal.throwIfAborted();
      if (step === "infra") {
        for (const { path, sha256 } of metadata.artifacts) settings.set(path, sha256);
        continue;
      }
      const facts = step === "db" ? databaseRecordSchema.safeParse(metadata).data : undefined;
      if (facts !== undefined) databases.set(metadata.unit, facts);
      const key = keyOf({ step, unit: unitName(metadata) });
      groups.set(key, [...(groups.get(key) ?? []), metadata]);
    }
  const config = readSums(directory)?.get(CONFIG_FILE);
  if (config !== undefined) settings.set(CONFIG_FILE, config);
  const units = new Map([...groups].map(([key, group]) => [key, unitOf(directory, group, signal)]));
  return { name: run, units, databases, settings, notes: [] };
}

function unitOf(directory: string, group: readonly UnitMetadata[], signal: AbortSignal): SideUnit {
  const [first] = group;
  if (first === undefined) throw new RangeError("a unit has at least one document");
  const isLayered = layersOf(first) !== undefined;
  const isArchive = placesOf(first).length > 0 && first.artifacts.every(({ media_type }) => ARCHIVES.has(media_type));
  return {
    step: first.step,
    unit: unitName(first),
    bytes: group.reduce((sum, metadata) => sum + inputBytes(metadata), 0),
    digest: isLayered || first.step === "db" ? null : (first.input.content_digest ?? artifactsDigest(first)),
    hasList: isLayered || (isArchive && first.artifacts.every(({ media_type }) => media_type === ZIP)),
    isArchive,
    fingerprint: isLayered ? null : first.input.fingerprint,
    entries: async (contents) => (isArchive ? await readEntries(directory, group, { contents, signal }) : undefined),
  };
}

const ZIP = "application/zip";
const ARCHIVES = new Set([ZIP, "application/gzip"]);

/** Returns the bytes of the input: of a shard those that are alive. */
function inputBytes(metadata: UnitMetadata): number {
  const facts = unitFacts(metadata);
  return facts.isShard ? facts.bytes : metadata.input.bytes;
}

/** Returns a digest of the artifacts of a unit without trees. */
const artifactsDigest = ({ artifacts }: UnitMetadata): string =>
  createHash("sha256")
    .update(artifacts.map(({ path, sha256 }) => `${path.split("/").at(-1)}\0${sha256}`).join("\n"))
    .digest("hex");
