/**
 * Units that are the shards of one tree, in layers: a new or changed file goes into a new shard, and a later shard
 * wins.
 */
import { createHash } from "node:crypto";
import { copyFileSync, existsSync, mkdirSync, readFileSync, statSync } from "node:fs";
import path from "node:path";
import type { BytePath } from "../../archive/entry.ts";
import type { ExcludeRules } from "../../archive/tree/exclude-rules.ts";
import { assertListReadable } from "../../archive/limits.ts";
import { display, join, toBuffer } from "../../archive/path.ts";
import type { StepName, UnitMetadata } from "../../model/unit.ts";
import { DEAD_LIST, DIRECTORY_TIMES, listOf } from "../../store/run/layers.ts";
import type { PreviousUnit } from "../../store/run/previous-runs.ts";
import { readStepMetadata } from "../../store/run/step-index.ts";
import { isSealedFor, sealedName } from "../../store/seal/names.ts";
import { artifactOf, companionLists, placesOf, xattrFields, type ArchiveSource } from "../core/archive-unit.ts";
import type { StepContext } from "../core/context.ts";
import type { BuildTools, PlanTools } from "../core/step.ts";
import { archiveFailure, errorFrom, type BuiltUnit, type UnitPlan } from "../core/unit-plan.ts";
import { shardWalk, type ShardLayout, type ShardPlan } from "./layout.ts";

/** A tree that is kept in shards. */
export interface LayeredTree {
  readonly step: StepName;
  /** The name of a part in failures. */
  readonly unit: string;
  /** Directory of the shards, relative to the run. */
  readonly directory: string;
  readonly root: BytePath;
  /** The name of a shard's unit, and of its files. */
  readonly shardName: (number: number) => string;
  /** Input bytes of a shard, at most. */
  readonly shardBytes: number;
  readonly rules?: ExcludeRules;
  /** Part of the fingerprint of what is built. */
  readonly recipe: string;
}

/** Plans the shards of a tree: those of earlier runs that stay, and new ones for what is new. */
export async function planLayers(
  context: StepContext,
  { record, walker }: PlanTools,
  tree: LayeredTree,
): Promise<UnitPlan[]> {
  const earlier = earlierShards(context, tree);
  const lists = path.join(context.copies, tree.directory.replaceAll("/", "-"));
  const layers = earlier.map(({ number, found }) => {
    const list = path.join(found.named, listOf(tree.directory, tree.shardName(number)));
    if (found.directory !== context.directory) return { number, list };
    // A resumed shard that proves damaged is removed, with its list, before it is built anew by that list.
    const copy = `${lists}-resumed-${number}.list`;
    copyFileSync(list, copy);
    return { number, list: copy };
  });
  const highest = Math.max(0, ...earlier.map((shard) => shard.highest));
  const exclude = [...context.exclude, ...(await context.claims.within(tree.root))];
  const layout = await walker.walk(shardWalk, {
    root: tree.root,
    exclude,
    ...(tree.rules === undefined ? {} : { rules: tree.rules }),
    layers,
    highest,
    shardBytes: tree.shardBytes,
    lists,
  });
  await context.claims.noteLinks(layout.links);
  for (const failure of layout.failures) record.failPart(`${tree.unit}/${failure.path}`, errorFrom(failure));
  for (const at of layout.dropped) {
    const text = `${display(join(tree.root, at))} is a FIFO, a socket or a device: it is not backed up`;
    context.report({ type: "note", level: "warning", text });
  }
  writeLists(context, tree, layout);
  const numbers = Math.max(highest, ...layout.shards.map((shard) => shard.number));
  return layout.shards.map((shard) =>
    planShard(context, tree, {
      shard,
      exclude,
      earlier: earlier.find((one) => one.number === shard.number)?.found,
      highest: numbers,
    }),
  );
}

interface EarlierShard {
  readonly number: number;
  /** The highest number that had been given when that run was made. */
  readonly highest: number;
  readonly found: PreviousUnit;
}

/**
 * The shards of the newest earlier run that has any: layers of one run belong together. What an interrupted run has
 * finished comes on top when it is resumed. A shard whose list is unsound is left out.
 */
function earlierShards({ options, previous, directory, named, seal }: StepContext, tree: LayeredTree): EarlierShard[] {
  const own = options.resume ? unitsIn(directory, named, tree) : [];
  const before = options.existing === "overwrite" ? [] : previous.findAll(tree.step, tree.directory);
  const shards = new Map<number, EarlierShard>();
  for (const found of [...before, ...own]) {
    const number = Number(/(\d+)$/.exec(found.metadata.unit)?.[1] ?? Number.NaN);
    if (tree.shardName(number) !== found.metadata.unit || !isListSound(found, tree)) continue;
    if (!isSealedFor(seal, found.metadata)) continue;
    shards.set(number, { number, highest: Number(found.metadata["highest_part"] ?? number), found });
  }
  return [...shards.values()].toSorted((a, b) => a.number - b.number);
}

/** The shards that are finished in the staging directory; the runner hashes them again before it keeps them. */
function unitsIn(directory: string, named: string, tree: LayeredTree): PreviousUnit[] {
  if (!existsSync(path.join(directory, tree.directory))) return [];
  return [...readStepMetadata(directory, tree.step)].map((metadata) => ({
    run: metadata.built_in,
    directory,
    named,
    metadata,
  }));
}

function isListSound({ named, metadata }: PreviousUnit, tree: LayeredTree): boolean {
  const file = path.join(named, listOf(tree.directory, metadata.unit));
  return existsSync(file) && digestOf(file) === metadata["list_sha256"];
}

const digestOf = (file: string): string => createHash("sha256").update(readFileSync(file)).digest("hex");

interface ShardOptions {
  readonly shard: ShardPlan;
  readonly exclude: readonly BytePath[];
  readonly earlier: PreviousUnit | undefined;
  readonly highest: number;
}

/** What building a shard needs. */
export interface ShardRequest {
  readonly kind: "shard";
  readonly source: ArchiveSource;
  /** The list of its entries beside it, relative to the run. */
  readonly list: string;
  readonly exclude: readonly BytePath[];
  readonly recipe: string;
}

function planShard(
  context: StepContext,
  tree: LayeredTree,
  { shard, exclude, earlier, highest }: ShardOptions,
): UnitPlan {
  const name = tree.shardName(shard.number);
  const list = listOf(tree.directory, name);
  const source: ArchiveSource = {
    format: "tgz",
    artifact: `${tree.directory}/${name}.tgz`,
    roots: [{ path: tree.root, prefix: "", list: shard.list }],
  };
  return {
    unit: name,
    directory: `${tree.directory}/${name}`,
    trees: placesOf(context, source),
    outputs: [sealedName(source.artifact, context.seal), list],
    roots: [tree.root],
    bytes: shard.bytes,
    fingerprint: shard.isNew ? null : (earlier?.metadata.input.fingerprint ?? null),
    fresh: {
      layers: tree.directory,
      highest_part: highest,
      live: { files: shard.files, bytes: shard.bytes, extensions: shard.extensions },
      ...(tree.rules === undefined ? {} : { exclude: tree.rules }),
    },
    request: { kind: "shard", source, list, exclude, recipe: tree.recipe } satisfies ShardRequest,
  };
}

/** Builds a shard. Its fingerprint is the digest of its list: of every entry as it was when it was read. */
export async function buildShard(
  context: StepContext,
  { source, list, exclude, recipe }: ShardRequest,
  { workers, xattrs, onBytes }: BuildTools,
): Promise<BuiltUnit> {
  const entryList = path.join(context.named, list);
  mkdirSync(path.dirname(entryList), { recursive: true, mode: 0o700 });
  const result = await workers.archive(
    {
      format: "tgz",
      output: path.join(context.directory, source.artifact),
      entryList,
      level: context.config.compression_level,
      roots: [...source.roots],
      exclude: [...exclude],
      recipe,
      ...(xattrs === undefined ? {} : { xattrs }),
    },
    onBytes,
  );
  if (result.failures.length > 0) throw archiveFailure(result.failures);
  const list_sha256 = digestOf(entryList);
  return {
    artifacts: [artifactOf(context, source, result)],
    input: { ...result.input, fingerprint: list_sha256 },
    warnings: result.warnings,
    extra: {
      ...xattrFields(context, [result]),
      files_list: list,
      list_sha256,
      ...companionLists(context, [list]),
    } satisfies Partial<UnitMetadata>,
  };
}

function writeLists(context: StepContext, tree: LayeredTree, layout: ShardLayout): void {
  if (context.options.dryRun || layout.shards.length === 0) return;
  const dead = Buffer.concat(layout.dead.map((one) => Buffer.concat([toBuffer(one), Buffer.from([0])])));
  assertListReadable(`${tree.directory}/${DEAD_LIST}`, dead.length);
  assertListReadable(`${tree.directory}/${DIRECTORY_TIMES}`, statSync(layout.directories).size);
  context.documents.writeNames(`${tree.directory}/${DEAD_LIST}`, dead);
  context.documents.writeNames(`${tree.directory}/${DIRECTORY_TIMES}`, readFileSync(layout.directories));
}
