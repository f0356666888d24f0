/** Checks databases: each dump is read to its end, and holds the rows that were recorded. */
import path from "node:path";
import * as z from "zod";
import type { DumpCheck } from "../../../database/dump-rows.ts";
import { DUMP_EXTENSIONS, engineOfDump } from "../../../database/engines/registry.ts";
import { checkSqlite } from "../../../database/sqlite/check-dump.ts";
import { metadataSchema, type UnitMetadata } from "../../../model/unit.ts";
import { messageOf } from "./archives.ts";
import { tryRead, type RunInventory } from "../inventory/run-inventory.ts";
import { count, type Finding, type Problem } from "../../checks/check.ts";
import { named } from "../../../model/named.ts";

const tablesSchema = named(z.object({ rows: z.number(), exact: z.boolean() }));
const databasesSchema = named(z.object({ tables: named(z.number()) }));

/** Checks the copies of the audio cache's databases. */
export async function checkAudioDatabases(survey: RunInventory, signal: AbortSignal): Promise<Finding | undefined> {
  const { problems, databases, tables } = await checkEach(
    survey,
    "audio_cache",
    [".db"],
    async (file, artifact, metadata) => {
      const recorded = databasesSchema.safeParse(metadata["databases"]).data?.[path.basename(artifact)]?.tables ?? {};
      return await checkSqlite(
        file,
        Object.fromEntries(Object.entries(recorded).map(([table, rows]) => [table, { rows, exact: true }])),
      );
    },
    signal,
  );
  return databases === 0
    ? undefined
    : { figure: `${count(databases, "database")}, ${count(tables, "table")}`, problems };
}

/** Checks the dumps of the site's databases. */
export async function checkDumps(survey: RunInventory, signal: AbortSignal): Promise<Finding | undefined> {
  const reasons = new Set<string>();
  const { problems, databases, tables, untried } = await checkEach(
    survey,
    "db",
    DUMP_EXTENSIONS,
    async (file, artifact, metadata) => {
      const recorded = tablesSchema.safeParse(metadata["tables"]).data ?? {};
      const result = await engineOfDump(artifact).checkDump(file, recorded, signal);
      if (result.notProved !== undefined) reasons.add(`${artifact}: ${result.notProved}`);
      return result;
    },
    signal,
  );
  if (databases === 0) return undefined;
  const figure = `${count(databases, "dump")}${databases === untried ? "" : `, ${count(tables, "table")}`}`;
  return { figure, problems, ...(reasons.size === 0 ? {} : { notProved: [...reasons].join("; ") }) };
}

async function checkEach(
  survey: RunInventory,
  step: "audio_cache" | "db",
  extensions: readonly string[],
  check: (file: string, artifact: string, metadata: UnitMetadata) => Promise<DumpCheck>,
  signal: AbortSignal,
) {
  const problems: Problem[] = [];
  let databases = 0;
  let tables = 0;
  let untried = 0;
  for (const unit of survey.units.filter((one) => one.step === step)) {
    const metadata = tryRead(survey.directory, unit.file, metadataSchema, []);
    for (const artifact of unit.artifacts.filter((one) =>
      extensions.some((extension) => one.path.endsWith(extension)),
    )) {
      signal.throwIfAborted();
      databases++;
      const say = (message: string): void => void problems.push({ path: artifact.path, message });
      const found = survey.files.get(artifact.path);
      if (found === undefined || found.size === 0 || metadata === undefined) {
        say(found === undefined ? "is missing" : "is empty");
        continue;
      }
      const file = path.join(survey.directory, artifact.path);
      try {
        const tried = await check(file, artifact.path, metadata);
        tables += tried.tables;
        if (tried.notProved !== undefined) untried++;
        for (const message of tried.messages) say(message);
      } catch (error) {
        signal.throwIfAborted();
        say(messageOf(error, file));
      }
    }
  }
  return { problems, databases, tables, untried };
}
