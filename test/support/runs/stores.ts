/** Stores with small runs in them, made by the store's own writers in milliseconds: for what looks at runs and does not make them. */
import { createHash } from "node:crypto";
import { linkSync, mkdirSync, writeFileSync } from "node:fs";
import path from "node:path";
import { noCounters } from "../../../lib/model/event.ts";
import type { ManifestHead, StepSummary } from "../../../lib/model/run.ts";
import { FORMAT_VERSION, type Project, type StepName, type UnitMetadata } from "../../../lib/model/unit.ts";
import { writeDocument } from "../../../lib/store/files/json-documents.ts";
import { runDirectory } from "../../../lib/store/files/layout.ts";
import { writeManifest, type ListedStep } from "../../../lib/store/run/manifest.ts";
import { PLACES_FILE, placesOf, recordPlaces } from "../../../lib/store/run/places.ts";
import { repairLinks } from "../../../lib/store/run/publish.ts";
import { indexEntries } from "../../../lib/store/run/step-index.ts";
import { writeSums } from "../../../lib/store/run/checksums.ts";

/** A unit: its directory (`source_exports/1`), what its artifact holds, or the run whose artifact is linked. */
export interface MadeUnit {
  readonly directory: string;
  readonly content?: string;
  readonly linkedFrom?: string;
  readonly project?: Project;
}

/** An empty store of the site `test` at `directory`. */
export function makeStore(directory: string): string {
  for (const name of ["runs", "pins", ".tmp"]) mkdirSync(path.join(directory, name), { recursive: true });
  writeDocument(path.join(directory, "store.json"), {
    format_version: FORMAT_VERSION,
    id: "an-id",
    site: "test",
    created_at: "2026-01-01T00:00:00.000Z",
  });
  return directory;
}

/** Publishes a run with these units and makes the links right. Gives its directory. */
export async function makeRun(
  store: string,
  run: string,
  units: readonly MadeUnit[],
  head: Partial<ManifestHead> = {},
): Promise<string> {
  const directory = runDirectory(store, run);
  mkdirSync(directory);
  const made = units.map((unit) => writeUnit(store, run, unit));
  const at = made[0]?.created_at ?? "2026-01-01T00:00:00.000Z";
  const steps: ListedStep[] = [];
  for (const step of new Set(made.map((metadata) => metadata.step))) {
    const own = made.filter((metadata) => metadata.step === step);
    const index = own.flatMap(indexEntries);
    writeDocument(path.join(directory, step, "index.json"), index);
    writeDocument(path.join(directory, step, "failures.json"), []);
    const { reused, resumed, failed, skipped, accepted } = noCounters();
    const summary: StepSummary = {
      status: "complete",
      expected: own.length,
      units: own.length,
      reused,
      resumed,
      failed,
      skipped,
      accepted,
      size_bytes: sizeOf(own),
      started_at: at,
      finished_at: at,
    };
    const directories = units.map((unit) => unit.directory).filter((one) => one.startsWith(`${step}/`));
    steps.push({ step, summary, index, units: directories });
  }
  const projects = made.flatMap((metadata) =>
    metadata.step === "source_exports" && metadata.project !== undefined ? [metadata.project] : [],
  );
  writeDocument(path.join(directory, "projects.json"), {
    format_version: FORMAT_VERSION,
    from: "query",
    taken_at: at,
    projects,
  });
  writeDocument(path.join(directory, "failures.json"), []);
  writeFileSync(path.join(directory, "RESTORE.md"), "how to restore\n");
  writeFileSync(path.join(directory, "site.yaml"), "site: test\n");
  writeDocument(path.join(directory, PLACES_FILE), recordPlaces(made.flatMap(placesOf), "/nowhere", []));
  writeFileSync(
    path.join(directory, "run.log"),
    `${JSON.stringify({ level: "info", time: at, type: "run_started", run, site: "test", steps: steps.map(({ step }) => step), resumed: false, msg: "run started" })}\n`,
  );
  writeManifest(directory, headOf(run, at, made, head), steps, { failures: [], uncovered: [], warnings: [] });
  await writeSums(directory, new Map(), new AbortController().signal);
  await repairLinks(store);
  return directory;
}

function writeUnit(
  store: string,
  run: string,
  { directory, content = directory, linkedFrom, project }: MadeUnit,
): UnitMetadata {
  const file = `${directory}/content.txt`;
  const place = path.join(runDirectory(store, run), file);
  mkdirSync(path.dirname(place), { recursive: true });
  if (linkedFrom === undefined) writeFileSync(place, content);
  else linkSync(path.join(runDirectory(store, linkedFrom), file), place);
  const [sha256, size_bytes] = [createHash("sha256").update(content).digest("hex"), Buffer.byteLength(content)];
  const metadata: UnitMetadata = {
    format_version: FORMAT_VERSION,
    step: directory.split("/")[0] as StepName,
    unit: path.basename(directory),
    built_in: linkedFrom ?? run,
    ...(project === undefined ? {} : { project }),
    created_at: "2026-01-01T00:00:00.000Z",
    duration_ms: 1,
    artifacts: [{ path: file, size_bytes, sha256, media_type: "text/plain" }],
    size_bytes,
    sha256,
    input: {
      files: 1,
      directories: 0,
      symlinks: 0,
      bytes: size_bytes,
      newest_mtime: null,
      fingerprint: null,
      content_digest: null,
    },
    app: { commit: null, version: null, dirty: null },
    warnings: [],
  };
  writeDocument(path.join(runDirectory(store, run), directory, "metadata.json"), metadata);
  return metadata;
}

function headOf(run: string, at: string, made: readonly UnitMetadata[], head: Partial<ManifestHead>): ManifestHead {
  const written = made.filter((metadata) => metadata.built_in === run);
  return {
    format: "holdfast-run",
    format_version: FORMAT_VERSION,
    run,
    site: "test",
    host: "here",
    kind: "backup",
    scope: "full",
    name: null,
    description: null,
    tags: [],
    holdfast: { version: "0.0.0" },
    started_at: at,
    finished_at: at,
    status: "complete",
    moments: { database: null, files_from: null, files_to: null },
    losses: [],
    anomalies: [],
    totals: {
      units: made.length,
      failed: 0,
      skipped: 0,
      accepted: 0,
      artifacts: made.length,
      size_bytes: sizeOf(made),
      written_bytes: sizeOf(written),
      reused_bytes: sizeOf(made) - sizeOf(written),
    },
    ...head,
  };
}

const sizeOf = (units: readonly UnitMetadata[]): number => units.reduce((sum, unit) => sum + unit.size_bytes, 0);
