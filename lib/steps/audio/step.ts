/** `audio_cache`: the cache's databases as one unit, its files as shards in layers; and the list of what later layers have deleted. */
import { createHash } from "node:crypto";
import { copyFileSync, existsSync, mkdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import path from "node:path";
import { display, fromString, toBuffer } from "../../archive/path.ts";
import { isThere } from "../../archive/walk.ts";
import { HoldfastError, isDiskFull } from "../../errors.ts";
import type { UnitMetadata } from "../../model/unit.ts";
import type { PreviousUnit } from "../../store/previous.ts";
import { readStepMetadata } from "../../store/step-index.ts";
import { archiveFailure, type BuiltUnit, type UnitPlan, type UnitRunner } from "../unit-runner.ts";
import { placesOf, type ArchiveSource, type StepWorkers } from "../archive-unit.ts";
import type { Step, StepContext } from "../context.ts";
import { runStep } from "../step-run.ts";
import { ORM_DB, planDatabases } from "./databases.ts";
import { layOutShards, shardName, type ShardLayout, type ShardPlan } from "./shards.ts";

const MEGABYTE = 1024 * 1024;
/** What `--only` and `--skip` call all the shards. */
const ARCHIVES = "archives";
const DIRECTORY = `audio_cache/${ARCHIVES}`;
/** Paths, each ended by a NUL, that unpacking all shards brings back and that the site had no more: to be removed after it. */
export const DEAD_LIST = `${DIRECTORY}/deleted.list`;
/** `@seconds` and path of every directory, each ended by a NUL: their times when all that is done. */
const DIRECTORY_TIMES = `${DIRECTORY}/directories.list`;
const SHARD_NUMBER = /^tts_audio_part_(\d+)$/;

export const audioStep: Step = {
  name: "audio_cache",
  isConfigured: (config) => config.audio_cache !== undefined,
  names: async () => [ORM_DB, ARCHIVES],
  run: async (context) => {
    await runStep(context, "audio_cache", async (runner, workers) => {
      const plans: UnitPlan[] = [];
      if (runner.selects(ORM_DB)) plans.push(...planOrmDb(context, runner));
      if (runner.selects(ARCHIVES)) {
        try {
          plans.push(...planShards(context, runner, workers));
        } catch (error) {
          if (isDiskFull(error)) throw error;
          // The databases can be had all the same.
          runner.failPart(ARCHIVES, error);
        }
      }
      runner.counters.expected = plans.length;
      await runner.runAll(plans);
    });
  },
};

/** A database that is not there and never was in a backup is only noted; one that has vanished since is a failure. */
function planOrmDb(context: StepContext, runner: UnitRunner): UnitPlan[] {
  const { config, previous } = context;
  const configured = (config.audio_cache?.databases ?? []).map((file) => path.resolve(config.root, file));
  const known =
    previous
      .find("audio_cache", `audio_cache/${ORM_DB}`)
      ?.metadata.artifacts.map((artifact) => path.basename(artifact.path)) ?? [];
  const there = configured.filter(isThere);
  for (const file of configured.filter((one) => !there.includes(one))) {
    const error = new HoldfastError("E_MISSING", `${file} does not exist`);
    if (there.length === 0 || known.includes(path.basename(file))) runner.failPart(path.basename(file), error);
    else
      context.report({
        type: "note",
        level: "warning",
        text: `audio_cache: ${file} does not exist; the other databases are backed up`,
      });
  }
  return there.length === 0 ? [] : [planDatabases(context, there)];
}

function planShards(context: StepContext, runner: UnitRunner, workers: StepWorkers): UnitPlan[] {
  const { config } = context;
  const settings = config.audio_cache;
  if (settings === undefined) return [];
  const root = fromString(checkRoot(path.resolve(config.root, settings.path)));
  const earlier = earlierShards(context);
  const layers = earlier.map((shard) => ({
    number: shard.number,
    list: path.join(shard.found.directory, listOf(shard.number)),
  }));
  const highest = Math.max(0, ...earlier.map((shard) => shard.highest));
  const layout = layOutShards(root, layers, highest, settings.shard_size_mb * MEGABYTE, context.scratch);
  for (const { path: where, error } of layout.failures) runner.failPart(`${ARCHIVES}/${where}`, error);
  for (const at of layout.dropped) {
    const text = `${path.join(settings.path, display(at))} is a FIFO, a socket or a device: it is not backed up`;
    context.report({ type: "note", level: "warning", text });
  }
  writeLists(context, layout);
  const numbers = Math.max(highest, ...layout.shards.map((shard) => shard.number));
  return layout.shards.map((shard) =>
    planShard(context, workers, root, shard, earlier.find((one) => one.number === shard.number)?.found, numbers),
  );
}

interface EarlierShard {
  readonly number: number;
  /** The highest number that had been given when that run was made. */
  readonly highest: number;
  readonly found: PreviousUnit;
}

/**
 * The shards of the newest earlier run that has any: layers of one run belong together. What an interrupted run has finished comes on top when
 * it is resumed. A shard whose list is unsound is left out.
 */
function earlierShards(context: StepContext): EarlierShard[] {
  const { options, previous, directory } = context;
  const own = options.resume ? readUnits(directory) : [];
  const before = options.existing === "overwrite" ? [] : previous.findAll("audio_cache", DIRECTORY);
  const shards = new Map<number, EarlierShard>();
  for (const found of [...before, ...own]) {
    const number = Number(SHARD_NUMBER.exec(found.metadata.unit)?.[1] ?? Number.NaN);
    if (Number.isNaN(number) || !isListSound(found, number)) continue;
    shards.set(number, { number, highest: Number(found.metadata["highest_part"] ?? number), found });
  }
  return [...shards.values()].toSorted((a, b) => a.number - b.number);
}

/** The shards that are finished in the staging directory; the runner hashes them again before it keeps them. */
function readUnits(directory: string): PreviousUnit[] {
  if (!existsSync(path.join(directory, DIRECTORY))) return [];
  return [...readStepMetadata(directory, "audio_cache")].map((metadata) => ({
    run: metadata.run,
    directory,
    metadata,
  }));
}

function isListSound(found: PreviousUnit, number: number): boolean {
  const expected = found.metadata["list_sha256"];
  const file = path.join(found.directory, listOf(number));
  return existsSync(file) && createHash("sha256").update(readFileSync(file)).digest("hex") === expected;
}

const listOf = (number: number): string => `${DIRECTORY}/${shardName(number)}.files.jsonl`;

function planShard(
  context: StepContext,
  workers: StepWorkers,
  root: string,
  shard: ShardPlan,
  earlier: PreviousUnit | undefined,
  highest: number,
): UnitPlan {
  const name = shardName(shard.number);
  const list = listOf(shard.number);
  const source: ArchiveSource = {
    format: "tgz",
    artifact: `${DIRECTORY}/${name}.tgz`,
    roots: [{ path: root, prefix: "", list: shard.list }],
  };
  return {
    unit: name,
    directory: `${DIRECTORY}/${name}`,
    trees: placesOf(context, source),
    outputs: [source.artifact, list],
    bytes: shard.bytes,
    fingerprint: shard.isNew ? null : (earlier?.metadata.input.fingerprint ?? null),
    fresh: { highest_part: highest },
    build: (onBytes) => buildShard(context, workers, source, list, onBytes),
  };
}

/** Its fingerprint is the digest of its list: of every entry as it was when it was read. */
async function buildShard(
  context: StepContext,
  workers: StepWorkers,
  source: ArchiveSource,
  list: string,
  onBytes: (bytes: number) => void,
): Promise<BuiltUnit> {
  const entryList = path.join(context.directory, list);
  const result = await workers.archive(
    {
      format: "tgz",
      output: path.join(context.directory, source.artifact),
      entryList,
      level: context.config.compression_level,
      roots: [...source.roots],
      exclude: [...context.exclude],
      recipe: "audio shard 1",
    },
    onBytes,
  );
  if (result.failures.length > 0) throw archiveFailure(result.failures);
  const list_sha256 = createHash("sha256").update(readFileSync(entryList)).digest("hex");
  const artifact = {
    path: source.artifact,
    size_bytes: result.size_bytes,
    sha256: result.sha256,
    entries: result.entries,
    media_type: "application/gzip",
  };
  return {
    artifacts: [artifact],
    input: { ...result.input, fingerprint: list_sha256 },
    warnings: result.warnings,
    extra: { files_list: list, list_sha256, companions: [list] } satisfies Partial<UnitMetadata>,
  };
}

function writeLists(context: StepContext, layout: ShardLayout): void {
  if (context.options.dryRun || layout.shards.length === 0) return;
  mkdirSync(path.join(context.directory, DIRECTORY), { recursive: true });
  writeFileSync(
    path.join(context.directory, DEAD_LIST),
    Buffer.concat(layout.dead.map((one) => Buffer.concat([toBuffer(one), Buffer.from([0])]))),
  );
  copyFileSync(layout.directories, path.join(context.directory, DIRECTORY_TIMES));
}

/** The cache's directory under the name that it has on the site, also where that is a link. */
function checkRoot(configured: string): string {
  if (statSync(configured, { throwIfNoEntry: false })?.isDirectory() !== true) {
    throw new HoldfastError("E_MISSING", `the audio cache ${configured} is no directory`, {
      hint: "correct audio_cache.path, or mount its disk",
    });
  }
  return configured;
}
