/** `infra`: the host's configuration of the site, without its secrets, as one unit of several files. */
import { mkdirSync } from "node:fs";
import path from "node:path";
import { databasePassword } from "../../config/secrets.ts";
import { splitPassword } from "../../database/access/url.ts";
import { HoldfastError } from "../../errors.ts";
import type { Artifact } from "../../model/unit.ts";
import type { StepContext } from "../core/context.ts";
import { describe, storeSealed } from "../../store/seal/store-file.ts";
import type { Step } from "../core/step.ts";
import { placeOf } from "../../store/files/layout.ts";
import { partFailure, type BuiltUnit } from "../core/unit-plan.ts";
import { collectInfra } from "./collect.ts";
import { inputOf } from "./files/input.ts";

export const infraStep: Step = {
  name: "infra",
  isConfigured: (config) => config.infra !== undefined,
  names: async () => ["infra"],
  plan: async (_context, { record, add }) => {
    if (!record.selects("infra")) return;
    record.counters.expected = 1;
    await add({ unit: "infra", directory: "infra", bytes: 0, fingerprint: null, request: null });
  },
  build: async (context) => await buildInfra(context),
};

/**
 * The databases' passwords, which no captured file may show. One that cannot be had is the db step's failure, not this
 * one's.
 */
export async function databasePasswords({ config, signal }: Pick<StepContext, "config" | "signal">): Promise<string[]> {
  const passwords = await Promise.all(
    (config.database ?? []).map(async (database) => {
      const inUrl = splitPassword(database.url).password;
      return [inUrl, await databasePassword(config, database, signal).catch(() => undefined)];
    }),
  );
  return passwords.flat().filter((password) => password !== undefined);
}

/** A file that could not be captured, or that held a secret, is a failure of its own; the rest is kept. */
async function buildInfra(context: StepContext): Promise<BuiltUnit> {
  const { seal, copies, directory, previous, signal } = context;
  const out = seal === undefined ? path.join(directory, "infra") : path.join(copies, "infra");
  mkdirSync(out, { recursive: true });
  const newest = seal === undefined ? previous.newest : undefined;
  const earlier = previous.find("infra", "infra");
  const { files, failures, warnings, sources } = await collectInfra(
    inputOf(context.config, await databasePasswords(context)),
    out,
    context.signal,
    newest === undefined ? undefined : path.join(newest, "infra"),
  );
  const artifacts: Artifact[] = [];
  for (const file of files) {
    const artifact = { file: path.join(out, file), path: `infra/${file}`, media_type: "text/plain" };
    artifacts.push(
      await (seal === undefined ? describe(artifact, signal) : storeSealed(context, seal, artifact, earlier)),
    );
  }
  const input = {
    files: files.length,
    directories: 0,
    symlinks: 0,
    bytes: artifacts.reduce((sum, { plain, size_bytes }) => sum + (plain?.size_bytes ?? size_bytes), 0),
  };
  const { root } = context.config;
  const places = Object.entries(sources).map(([name, from]) => [name, from.map((file) => placeOf(root, file))]);
  return {
    artifacts,
    input: { ...input, newest_mtime: null, fingerprint: null, content_digest: null },
    warnings,
    failures: failures.map(({ unit, code, message, hint }) =>
      partFailure(unit, new HoldfastError(code, message, hint === undefined ? {} : { hint })),
    ),
    extra: { sources: Object.fromEntries(places) },
  };
}
