/** `source_exports`: one `source.zip` a project, of its tree or of what the site's own command writes. */
import { randomUUID } from "node:crypto";
import { lstatSync, mkdirSync, readdirSync } from "node:fs";
import path from "node:path";
import { removeTree } from "../archive/tree/remove.ts";
import { fromString } from "../archive/path.ts";
import type { ExportSettings } from "../config/settings/projects.ts";
import { HoldfastError } from "../errors.ts";
import { runCommand } from "../exec/command.ts";
import {
  archivePlan,
  buildArchiveUnit,
  planArchive,
  type ArchiveRequest,
  type ArchiveSource,
} from "./core/archive-unit.ts";
import { treeKinds } from "./claims/project-trees.ts";
import type { StepContext } from "./core/context.ts";
import type { BuildTools, Step } from "./core/step.ts";
import { listProjectUnits, planProjects, type ProjectUnit } from "./core/project-units.ts";
import type { TreeWalker } from "./core/tree-walker.ts";
import { fillTemplate } from "./claims/path-template.ts";
import type { BuiltUnit, UnitPlan } from "./core/unit-plan.ts";

type CommandExport = Extract<ExportSettings, { command: unknown }>;

/** What building a unit by the site's own command needs. */
interface CommandRequest {
  readonly kind: "command";
  readonly artifact: string;
  readonly command: readonly string[];
  readonly fields: ProjectUnit["fields"];
  readonly fingerprint: string | null;
}

export const sourceStep: Step = {
  name: "source_exports",
  isConfigured: (config) => config.projects?.source !== undefined,
  names: async (context) => (await listUnits(context)).flatMap((unit) => unit.names),
  plan: async (context, tools) =>
    await planProjects(await listUnits(context), tools, async (unit) => [await planUnit(context, tools.walker, unit)]),
  build: async (context, request: ArchiveRequest | CommandRequest, tools) =>
    request.kind === "archive"
      ? await buildArchiveUnit(context, request, tools)
      : await exportByCommand(context, request, tools),
};

async function listUnits(context: StepContext): Promise<ProjectUnit[]> {
  const kinds = treeKinds(context.config).filter(({ key }) => key === "projects.source.path");
  return await listProjectUnits(context, "source_exports", kinds);
}

async function planUnit(context: StepContext, walker: TreeWalker, unit: ProjectUnit): Promise<UnitPlan> {
  const [error] = unit.errors;
  if (error !== undefined) throw error;
  const settings = context.config.projects?.source;
  const common = {
    unit: unit.unit,
    ...(unit.unitB64 === undefined ? {} : { unitB64: unit.unitB64 }),
    directory: unit.directory,
    ...(unit.project === undefined ? {} : { project: unit.project }),
  };
  if (settings !== undefined && "command" in settings)
    return { ...common, ...(await planCommand(context, walker, unit, settings)) };
  const source: ArchiveSource = {
    format: "zip",
    artifact: `${unit.directory}/source.zip`,
    roots: unit.trees.map((tree) => ({ path: tree.path, prefix: "" })),
    onlyFiles: unit.loose,
  };
  return { ...common, ...archivePlan(context, source, await planArchive(context, walker, source)) };
}

/** An export by the site's own command can be reused only where the config says what the command reads. */
async function planCommand(context: StepContext, walker: TreeWalker, unit: ProjectUnit, settings: CommandExport) {
  const inputs = settings.inputs.map((input) => path.resolve(context.config.root, fillTemplate(input, unit.fields)));
  const artifact = `${unit.directory}/source.zip`;
  const source: ArchiveSource = {
    format: "zip",
    choice: `zip of ${JSON.stringify(settings.command)}`,
    artifact,
    roots: inputs.map((input) => ({ path: fromString(input), prefix: "" })),
  };
  const measured = inputs.length === 0 ? undefined : (await planArchive(context, walker, source)).input;
  const fingerprint = measured?.fingerprint ?? null;
  return {
    bytes: measured?.bytes ?? 0,
    fingerprint,
    request: {
      kind: "command",
      artifact,
      command: settings.command,
      fields: unit.fields,
      fingerprint,
    } satisfies CommandRequest,
  };
}

async function exportByCommand(
  context: StepContext,
  { artifact, command, fields, fingerprint }: CommandRequest,
  tools: BuildTools,
): Promise<BuiltUnit> {
  const { config, copies, signal } = context;
  const out = path.join(copies, `export-${randomUUID()}`);
  mkdirSync(out, { recursive: true });
  try {
    const argv = command.map((word) => fillTemplate(word, { ...fields, out }));
    await runCommand([...config.exec_prefix, ...argv], { signal, cwd: config.root });
    const written = lstatSync(out, { throwIfNoEntry: false });
    if (written === undefined || (written.isDirectory() ? readdirSync(out).length === 0 : written.size === 0)) {
      throw new HoldfastError("E_COMMAND", `${command[0] ?? "the command"} succeeded and wrote nothing to {out}`);
    }
    const source: ArchiveSource = { format: "zip", artifact, roots: [{ path: fromString(out), prefix: "" }] };
    const built = await buildArchiveUnit(context, { source, exclude: context.exclude }, tools);
    return { ...built, input: { ...built.input, fingerprint } };
  } finally {
    removeTree(fromString(out));
  }
}
