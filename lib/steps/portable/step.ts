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
import type { StepContext } from "../core/context.ts";
import type { BuildTools, Step } from "../core/step.ts";
import { databaseOf, databases, type NamedDatabase } from "../db/databases.ts";
import { instanceOf } from "./instance.ts";
import type { BuiltUnit } from "../core/unit-plan.ts";

/** What an export needs: the name of the database's unit. */
interface ExportRequest {
  readonly unit: string;
}

/** Always built: what a database holds is known only when it has been read. */
export const portableStep: Step = {
  name: "portable",
  // An export takes a thread for itself, and another for the archive.
  atOnce: 1,
  isConfigured,
  names: async ({ config }) => databases(config).map(({ unit }) => unit),
  plan: async ({ config }, { record, add }) => {
    const selected = databases(config).filter(({ unit }) => record.selects(unit));
    record.counters.expected = selected.length;
    for (const { unit } of selected) {
      const request = { unit } satisfies ExportRequest;
      await add({ unit, directory: `portable/${unit}`, bytes: 0, fingerprint: null, request });
    }
  },
  build: async (context, { unit }: ExportRequest, tools) =>
    await build(context, databaseOf(context.config, unit), tools),
};

function isConfigured({ portable, database }: SiteConfig): boolean {
  return portable?.backup === true && database !== undefined;
}

async function build(context: StepContext, database: NamedDatabase, tools: BuildTools): Promise<BuiltUnit> {
  const output = path.join(context.copies, `portable-${randomUUID()}`);
  try {
    const manifest = await exportDatabase(context, database, output);
    const artifact = `portable/${database.unit}/portable.zip`;
    const roots = [{ path: fromString(output), prefix: "" }];
    const source = { format: "zip", artifact, roots } as const;
    const built = await buildArchiveUnit(context, { source, exclude: context.exclude }, tools);
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
