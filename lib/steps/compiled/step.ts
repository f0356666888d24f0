/**
 * `compiled_exports`: the published pages of each project as self-contained bundles, one a text type or one for all.
 */
import path from "node:path";
import { createHash } from "node:crypto";
import * as z from "zod";
import type { BytePath } from "../../archive/entry.ts";
import { sumExtensions } from "../../archive/extensions.ts";
import { fromString } from "../../archive/path.ts";
import type { Plan } from "../../archive/build/fingerprint-tree.ts";
import type { CompiledSettings } from "../../config/settings/projects.ts";
import { HoldfastError } from "../../errors.ts";
import { metadataSchema, type Artifact, type UnitInput } from "../../model/unit.ts";
import { tryReadDocument } from "../../store/files/json-documents.ts";
import {
  archivePlan,
  artifactOf,
  buildArchiveUnit,
  xattrFields,
  placesOf,
  planArchive,
  type ArchiveRequest,
  type ArchiveSource,
} from "../core/archive-unit.ts";
import type { WorkerHooks } from "../core/workers.ts";
import { plainPath } from "../../store/seal/names.ts";
import { treeKinds } from "../claims/project-trees.ts";
import type { StepContext } from "../core/context.ts";
import type { BuildTools, PlanTools, Step } from "../core/step.ts";
import { listProjectUnits, planProjects, type ProjectUnit } from "../core/project-units.ts";
import type { TreeWalker } from "../core/tree-walker.ts";
import { archiveFailure, type BuiltUnit, type UnitPlace, type UnitPlan } from "../core/unit-plan.ts";
import { bundleWalk } from "./plan.ts";
import type { CompiledRequest, CompiledResult, CompiledSource, CompiledTree } from "./request.ts";

/** What building the bundles of a unit needs. */
interface BundlesRequest {
  readonly kind: "bundles";
  readonly directory: string;
  readonly bundles: readonly Bundle[];
}

export const compiledStep: Step = {
  name: "compiled_exports",
  isConfigured: (config) => config.projects?.compiled !== undefined,
  names: async (context) => (await listUnits(context)).flatMap((unit) => unit.names),
  plan: async (context, tools) =>
    await planProjects(await listUnits(context), tools, async (unit) => await planUnit(context, tools, unit)),
  build: async (context, request: ArchiveRequest | BundlesRequest, tools) =>
    request.kind === "archive"
      ? await buildArchiveUnit(context, request, tools)
      : await buildBundles(context, request, tools),
};

function settingsOf(context: StepContext): CompiledSettings {
  const settings = context.config.projects?.compiled;
  if (settings === undefined) throw new HoldfastError("E_CONFIG", "the config has no projects.compiled");
  return settings;
}

async function listUnits(context: StepContext): Promise<ProjectUnit[]> {
  const { textTypes } = context.options;
  const kinds = treeKinds(context.config).filter(
    ({ key, label }) => key !== "projects.source.path" && (textTypes.length === 0 || textTypes.includes(label)),
  );
  return await listProjectUnits(context, "compiled_exports", kinds);
}

/** One zip of a unit. */
interface Bundle {
  /** `compiled`, or `compiled_<text type>`. */
  readonly name: string;
  readonly source: CompiledSource;
}

/** Plans a unit; none, and recorded as skipped, if the project has nothing compiled. */
async function planUnit(context: StepContext, { record, walker }: PlanTools, unit: ProjectUnit): Promise<UnitPlan[]> {
  const error = unit.errors.find((one) => one.code !== "E_MISSING");
  if (error !== undefined) throw error;
  if (unit.trees.length === 0) {
    record.skip(unit.unit, "nothing_compiled", "the project has nothing compiled");
    return [];
  }
  const common = {
    unit: unit.unit,
    ...(unit.unitB64 === undefined ? {} : { unitB64: unit.unitB64 }),
    directory: unit.directory,
    ...(unit.project === undefined ? {} : { project: unit.project }),
  };
  if (unit.loose) return [{ ...common, ...(await planLooseFiles(context, walker, unit)) }];
  const inner = await Promise.all(unit.trees.map((tree) => context.claims.within(tree.path)));
  const bundles = bundlesOf(context, settingsOf(context), unit, [...context.exclude, ...inner.flat()]);
  const recorded = recordedMedia(context, unit);
  const inputs: Plan["input"][] = [];
  for (const { name, source } of bundles) {
    const { input, failures, links } = await walker.walk(bundleWalk, { source, previousMedia: recorded[name] });
    if (failures.length > 0) throw archiveFailure(failures);
    await context.claims.noteLinks(links);
    inputs.push(input);
  }
  return [
    {
      ...common,
      trees: placesOfBundles(context, bundles),
      roots: unit.trees.map((tree) => tree.path),
      bytes: inputs.reduce((sum, input) => sum + input.bytes, 0),
      fingerprint: joined(inputs.map((input) => input.fingerprint)),
      request: { kind: "bundles", directory: unit.directory, bundles } satisfies BundlesRequest,
    },
  ];
}

function bundlesOf(
  { config }: StepContext,
  settings: CompiledSettings,
  unit: ProjectUnit,
  exclude: readonly BytePath[],
): Bundle[] {
  const single = settings.bundle === "single";
  const tree = ({ label, path: at }: ProjectUnit["trees"][number]): CompiledTree => ({
    textType: label,
    path: at,
    prefix: single ? fromString(label) : "",
  });
  const source = (trees: readonly CompiledTree[]): CompiledSource => ({
    trees,
    media: settings.media.map(({ url, path: file }) => ({ url, path: fromString(path.resolve(config.root, file)) })),
    ...(settings.pages === undefined ? {} : { pages: settings.pages }),
    project: Object.fromEntries(
      Object.entries(unit.fields).filter(
        (field): field is [string, string | number] => typeof field[1] === "string" || typeof field[1] === "number",
      ),
    ),
    root: fromString(config.root),
    exclude,
    recipe: `compiled 1, level ${config.compression_level}`,
  });
  if (single) return [{ name: "compiled", source: source(unit.trees.map(tree)) }];
  return unit.trees.map((one) => ({ name: `compiled_${one.label}`, source: source([tree(one)]) }));
}

const bundleRecordSchema = z.record(
  z.string(),
  z.object({ media: z.array(z.object({ path: z.string() })), missing: z.array(z.object({ path: z.string() })) }),
);

/** The media that each bundle of the unit took, or wanted, when it was last built. */
function recordedMedia(context: StepContext, unit: ProjectUnit): Readonly<Record<string, readonly string[]>> {
  const { options, directory, previous } = context;
  const own = options.resume
    ? tryReadDocument(path.join(directory, unit.directory, "metadata.json"), metadataSchema)
    : undefined;
  const metadata = own ?? previous.find("compiled_exports", unit.directory)?.metadata;
  const parsed = bundleRecordSchema.safeParse(metadata?.["bundles"]);
  if (!parsed.success) return {};
  return Object.fromEntries(
    Object.entries(parsed.data).map(([name, bundle]) => [
      name,
      [...bundle.media, ...bundle.missing].map((one) => one.path),
    ]),
  );
}

const isCompiled = (built: unknown): built is CompiledResult =>
  typeof built === "object" && built !== null && "textTypes" in built;

async function buildBundles(
  context: StepContext,
  { directory, bundles }: BundlesRequest,
  { workers, xattrs, onBytes }: BuildTools,
): Promise<BuiltUnit> {
  const results: { name: string; artifact: Artifact; result: CompiledResult }[] = [];
  for (const { name, source } of bundles) {
    const artifact = `${directory}/${name}.zip`;
    const request: Omit<CompiledRequest, WorkerHooks> = {
      ...source,
      output: path.join(context.directory, artifact),
      level: context.config.compression_level,
      ...(xattrs === undefined ? {} : { xattrs }),
    };
    const result = await workers.run("compiled", request, isCompiled, onBytes);
    if (result.failures.length > 0) throw archiveFailure(result.failures);
    results.push({ name, artifact: artifactOf(context, { artifact, format: "zip" }, result), result });
  }
  return {
    artifacts: results.map(({ artifact }) => artifact),
    input: mergeInputs(results.map(({ result }) => result.input)),
    warnings: results.flatMap(({ result }) => result.warnings),
    extra: {
      ...xattrFields(
        context,
        results.map(({ result }) => result),
      ),
      text_types: Object.fromEntries(
        results.flatMap(({ artifact, result }) =>
          Object.entries(result.textTypes).map(([type, about]) => [type, { artifact: plainPath(artifact), ...about }]),
        ),
      ),
      bundles: Object.fromEntries(
        results.map(({ name, result: { reserved, media, missing, captured } }) => [
          name,
          { reserved, media, missing, captured },
        ]),
      ),
    },
  };
}

function placesOfBundles(context: StepContext, bundles: readonly Bundle[]): UnitPlace[] {
  return bundles.flatMap(({ name, source }) =>
    source.trees.flatMap((tree) =>
      placesOf(context, { format: "zip", artifact: `${name}.zip`, roots: [tree] }).map((place) => ({
        ...place,
        artifact: `${name}.zip`,
      })),
    ),
  );
}

/** Plans the loose files beside the projects' trees: one zip, a directory for each text type. */
async function planLooseFiles(context: StepContext, walker: TreeWalker, unit: ProjectUnit) {
  const source: ArchiveSource = {
    format: "zip",
    artifact: `${unit.directory}/compiled.zip`,
    roots: unit.trees.map((tree) => ({ path: tree.path, prefix: fromString(tree.label) })),
    onlyFiles: true,
  };
  return archivePlan(context, source, await planArchive(context, walker, source));
}

const newest = (times: readonly (string | null)[]): string | null =>
  times
    .filter((time) => time !== null)
    .toSorted()
    .at(-1) ?? null;

/** The input of several bundles as one: sums, and digests of the digests. */
function mergeInputs(inputs: readonly UnitInput[]): UnitInput {
  const sum = (pick: (input: UnitInput) => number): number => inputs.reduce((total, input) => total + pick(input), 0);
  return {
    files: sum((input) => input.files),
    directories: sum((input) => input.directories),
    symlinks: sum((input) => input.symlinks),
    bytes: sum((input) => input.bytes),
    newest_mtime: newest(inputs.map((input) => input.newest_mtime)),
    fingerprint: joined(inputs.map((input) => input.fingerprint)),
    content_digest: joined(inputs.map((input) => input.content_digest)),
    extensions: sumExtensions(inputs.map(({ extensions }) => extensions ?? {})),
    deflate: {
      bytes: sum(({ deflate }) => deflate?.bytes ?? 0),
      saved_bytes: sum(({ deflate }) => deflate?.saved_bytes ?? 0),
    },
  };
}

/** One digest for several: itself where there is one, null where any is missing. */
export function joined(digests: readonly (string | null)[]): string | null {
  const known = digests.filter((digest) => digest !== null);
  if (known.length < digests.length || known.length === 0) return null;
  return known.length === 1 ? (known[0] ?? null) : createHash("sha256").update(known.join("\n")).digest("hex");
}
