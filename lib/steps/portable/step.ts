/** `portable`: each database as portable data, in one zip. Beside the dump, for another engine or another schema. */
import { randomUUID } from "node:crypto";
import path from "node:path";
import { removeTree } from "../../archive/tree/remove.ts";
import { fromString } from "../../archive/path.ts";
import type { SiteConfig } from "../../config/load.ts";
import { databasePassword } from "../../config/secrets.ts";
import { describeUrl } from "../../database/engines/registry.ts";
import { HoldfastError } from "../../errors.ts";
import { connect } from "../../portable/engines/connect.ts";
import type { ExportManifest } from "../../portable/format/documents.ts";
import { exportTables } from "../../portable/export/run.ts";
import { planConfigured } from "../../portable/plan/configured.ts";
import { buildArchiveUnit } from "../core/archive-unit.ts";
import type { StepWorkers } from "../core/workers.ts";
import type { Step, StepContext } from "../core/step.ts";
import { databases, type NamedDatabase } from "../db/databases.ts";
import { instanceOf } from "./instance.ts";
import { runStep } from "../core/run-step.ts";
import type { BuiltUnit } from "../core/unit-runner.ts";

/** Always built: what a database holds is known only when it has been read. */
export const portableStep: Step = {
  name: "portable",
  isConfigured,
  names: async ({ config }) => databases(config).map(({ unit }) => unit),
  run: async (context) => {
    await runStep(context, "portable", async (runner, workers) => {
      const selected = databases(context.config).filter(({ unit }) => runner.selects(unit));
      runner.counters.expected = selected.length;
      await runner.runAll(
        selected.map((database) => ({
          unit: database.unit,
          directory: `portable/${database.unit}`,
          bytes: 0,
          fingerprint: null,
          build: async (onBytes) => await build(context, workers, database, onBytes),
        })),
        1,
      );
    });
  },
};

function isConfigured({ portable, database }: SiteConfig): boolean {
  return portable?.backup === true && database !== undefined;
}

async function build(
  context: StepContext,
  workers: StepWorkers,
  database: NamedDatabase,
  onBytes: (bytes: number) => void,
): Promise<BuiltUnit> {
  const output = path.join(context.scratch, `portable-${randomUUID()}`);
  try {
    const manifest = await exportDatabase(context, database, output);
    const artifact = `portable/${database.unit}/portable.zip`;
    const roots = [{ path: fromString(output), prefix: "" }];
    const built = await buildArchiveUnit(
      context,
      workers,
      { format: "zip", artifact, roots },
      context.exclude,
      onBytes,
    );
    return {
      artifacts: built.artifacts,
      input: { ...built.input, newest_mtime: null, fingerprint: null },
      warnings: manifest.warnings,
      extra: {
        database: describeUrl(database.settings.url).database,
        engine: manifest.source.engine,
        export_version: manifest.export_version,
        data_counts: manifest.data_counts,
        digests: Object.fromEntries(manifest.tables.map(({ table, digest }) => [table, digest])),
        checksum: manifest.checksum,
        left_out: manifest.left_out,
      },
    };
  } finally {
    removeTree(fromString(output));
  }
}

async function exportDatabase(
  { config, store, signal }: StepContext,
  { unit, settings }: NamedDatabase,
  output: string,
): Promise<ExportManifest> {
  if (config.exec_prefix.length > 0)
    throw new HoldfastError("E_CONFIG", "portable data needs the database's own protocol, not exec_prefix", {
      hint: "leave portable.backup out, or give a URL that reaches the database from here",
    });
  const password = await databasePassword(config, settings, signal);
  const target = {
    url: settings.url,
    ...(password === undefined ? {} : { password }),
    execPrefix: [],
    root: config.root,
  };
  const connection = await connect(target, "read", signal);
  try {
    const plan = await planConfigured(connection, config.portable, { isFirst: databases(config)[0]?.unit === unit });
    const instance = await instanceOf({ ...config, dest: store });
    const source = { sourceName: config.site, sourceUrl: null, instance };
    return await exportTables(connection, plan, { output, ...source }, () => signal.throwIfAborted());
  } finally {
    await connection.close();
  }
}
