/** `db`: one dump of each database; with the list of projects read in the first one's snapshot before anything else. */
import path from "node:path";
import type { SiteConfig } from "../../config/load.ts";
import { asHoldfastError } from "../../errors.ts";
import type { TableDigests } from "../../database/snapshot.ts";
import { withDigests } from "../../database/facts-digest.ts";
import { describeUrl, DUMP_EXTENSIONS, engineOfUrl } from "../../database/engines/registry.ts";
import type { StepContext } from "../core/context.ts";
import type { Step } from "../core/step.ts";
import { companionLists } from "../core/archive-unit.ts";
import { openDatabase } from "../core/projects.ts";
import { captureReferences } from "./references.ts";
import type { BuildTools } from "../core/step.ts";
import { partFailure, type BuiltUnit, type UnitPlace, type UnitPlan } from "../core/unit-plan.ts";
import { placeOf, timeOfRun } from "../../store/files/layout.ts";
import { databaseOf, databases, type NamedDatabase } from "./databases.ts";
import { sealedName } from "../../store/seal/names.ts";

/** Dumps each database; `snapshot_at` of the last one goes into the manifest's `moments`. */
export const dbStep: Step = {
  name: "db",
  isConfigured: (config) => config.database !== undefined,
  names: async ({ config }) => databases(config).map((database) => database.unit),
  plan: async (context, { record, add }) => {
    const selected = databases(context.config).filter((database) => record.selects(database.unit));
    record.counters.expected = selected.length;
    for (const database of selected) await add(planDump(context, database));
  },
  build: async (context, { unit }: DumpRequest, tools) => await dump(context, databaseOf(context.config, unit), tools),
};

/** What a dump needs: the name of the database's unit. */
interface DumpRequest {
  readonly unit: string;
}

const NO_DIGESTS: TableDigests = { digests: {}, warnings: [] };

function planDump(context: StepContext, database: NamedDatabase): UnitPlan {
  return {
    unit: database.unit,
    directory: `db/${database.unit}`,
    outputs: DUMP_EXTENSIONS.map((extension) =>
      sealedName(`db/${dumpName(context.config.site, database, context.run)}${extension}`, context.seal),
    ),
    bytes: 0,
    fingerprint: null,
    request: { unit: database.unit } satisfies DumpRequest,
  };
}

async function dump(
  context: StepContext,
  database: NamedDatabase,
  { onBytes }: Pick<BuildTools, "onBytes">,
): Promise<BuiltUnit> {
  const failures: NonNullable<BuiltUnit["failures"]> = [];
  const { config, directory, named, run, seal, signal, report } = context;
  const snapshot = await openDatabase(config, database.settings, signal);
  try {
    if (database.first && config.projects?.query !== undefined) {
      // A list that cannot be read is the failure of the steps that need it; the dump is worth having all the same.
      await context.projects.make(snapshot).then(
        (list) => report({ type: "projects", count: list.projects.length }),
        (error: unknown) =>
          report({ type: "note", level: "warning", text: error instanceof Error ? error.message : String(error) }),
      );
    }
    const facts = await snapshot.facts({ exactRows: database.settings.exact_counts_below_rows });
    const artifact = `db/${dumpName(config.site, database, run)}${snapshot.extension}`;
    const dumped = await snapshot.dump(path.join(directory, artifact), onBytes, seal);
    const { digests, warnings } = database.settings.digests ? await snapshot.digests() : NO_DIGESTS;
    const references = await captureReferences({
      config,
      target: { unit: database.unit, units: databases(config).map(({ unit }) => unit) },
      snapshot,
      run: named,
      directory: `db/${database.unit}`,
      signal,
      onFailure: (name, error) => failures.push(partFailure(`references_${name}`, asHoldfastError(error, "E_IO"))),
    });
    return {
      artifacts: [
        {
          path: sealedName(artifact, seal),
          size_bytes: dumped.size_bytes,
          sha256: dumped.sha256,
          ...(dumped.plain === undefined ? {} : { plain: dumped.plain }),
          media_type: dumped.media_type,
        },
      ],
      input: {
        files: 0,
        directories: 0,
        symlinks: 0,
        bytes: facts.database_size,
        newest_mtime: null,
        fingerprint: null,
        content_digest: null,
      },
      warnings: [...dumped.warnings, ...warnings],
      failures,
      extra: {
        database: describeUrl(database.settings.url).database,
        ...withDigests(facts, digests),
        ...placeOfFile(config, database),
        ...(references.length > 0
          ? {
              references,
              ...companionLists(
                context,
                references.flatMap(({ list }) => (list === null ? [] : [list])),
              ),
            }
          : {}),
      },
    };
  } finally {
    await snapshot.close();
  }
}

/** `<site>_db_YYYYMMDD_HHMMSS`, by the run's own time; the name of a further database is put between. */
function dumpName(site: string, database: NamedDatabase, run: string): string {
  const stamp = timeOfRun(run).toISOString().slice(0, 19).replaceAll(/[-:]/g, "").replace("T", "_");
  return database.first ? `${site}_db_${stamp}` : `${site}_${database.unit}_db_${stamp}`;
}

/** Returns the path of an SQLite file on the site. */
function placeOfFile(config: SiteConfig, { settings }: NamedDatabase): { readonly trees?: readonly UnitPlace[] } {
  const { files } = engineOfUrl(settings.url);
  if (files === undefined) return {};
  return {
    trees: [{ path: placeOf(config.root, files.locate({ url: settings.url, root: config.root })), prefix: "" }],
  };
}
