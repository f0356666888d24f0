/** `source_exports`: one `source.zip` a project, of its tree or of what the site's own command writes. */
import { randomUUID } from "node:crypto";
import { lstatSync, mkdirSync, readdirSync } from "node:fs";
import path from "node:path";
import { removeTree } from "../archive/tree/remove.ts";
import { fromString } from "../archive/path.ts";
import type { ExportSettings } from "../config/project-settings.ts";
import { HoldfastError } from "../errors.ts";
import { runCommand } from "../exec/command.ts";
import { archivePlan, buildArchiveUnit, planArchive, type ArchiveSource } from "./core/archive-unit.ts";
import type { StepWorkers } from "./core/workers.ts";
import { treeKinds } from "./claims/project-trees.ts";
import type { Step, StepContext } from "./core/step.ts";
import { listProjectUnits, type ProjectUnit } from "./core/project-units.ts";
import { runStep } from "./core/run-step.ts";
import { fillTemplate } from "./claims/path-template.ts";
import type { BuiltUnit, UnitPlan } from "./core/unit-runner.ts";

type CommandExport = Extract<ExportSettings, { command: unknown }>;

export const sourceStep: Step = {
  name: "source_exports",
  isConfigured: (config) => config.projects?.source !== undefined,
  names: async (context) => (await listUnits(context)).flatMap((unit) => unit.names),
  run: async (context) => {
    await runStep(context, "source_exports", async (runner, workers) => {
      const units = (await listUnits(context)).filter((unit) => runner.selects(...unit.names));
      runner.counters.expected = units.length;
      const plans: UnitPlan[] = [];
      for (const unit of units) {
        try {
          plans.push(await planUnit(context, workers, unit));
        } catch (error) {
          await runner.failProject(unit, error);
        }
      }
      await runner.runAll(plans);
    });
  },
};

async function listUnits(context: StepContext): Promise<ProjectUnit[]> {
  const kinds = treeKinds(context.config).filter(({ key }) => key === "projects.source.path");
  return await listProjectUnits(context, "source_exports", kinds);
}

async function planUnit(context: StepContext, workers: StepWorkers, unit: ProjectUnit): Promise<UnitPlan> {
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
    return { ...common, ...(await planCommand(context, workers, unit, settings)) };
  const source: ArchiveSource = {
    format: "zip",
    artifact: `${unit.directory}/source.zip`,
    roots: unit.trees.map((tree) => ({ path: tree.path, prefix: "" })),
    onlyFiles: unit.loose,
  };
  return { ...common, ...archivePlan(context, workers, source, await planArchive(context, source)) };
}

/** An export by the site's own command can be reused only where the config says what the command reads. */
async function planCommand(context: StepContext, workers: StepWorkers, unit: ProjectUnit, settings: CommandExport) {
  const inputs = settings.inputs.map((input) => path.resolve(context.config.root, fillTemplate(input, unit.fields)));
  const source: ArchiveSource = {
    format: "zip",
    choice: `zip of ${JSON.stringify(settings.command)}`,
    artifact: `${unit.directory}/source.zip`,
    roots: inputs.map((input) => ({ path: fromString(input), prefix: "" })),
  };
  const measured = inputs.length === 0 ? undefined : (await planArchive(context, source)).input;
  return {
    bytes: measured?.bytes ?? 0,
    fingerprint: measured?.fingerprint ?? null,
    build: async (onBytes: (bytes: number) => void): Promise<BuiltUnit> => {
      const built = await exportByCommand(context, workers, unit, settings.command, onBytes);
      return { ...built, input: { ...built.input, fingerprint: measured?.fingerprint ?? null } };
    },
  };
}

async function exportByCommand(
  context: StepContext,
  workers: StepWorkers,
  unit: ProjectUnit,
  command: readonly string[],
  onBytes: (bytes: number) => void,
): Promise<BuiltUnit> {
  const { config, scratch, signal } = context;
  const out = path.join(scratch, `export-${randomUUID()}`);
  mkdirSync(out, { recursive: true });
  try {
    const argv = command.map((word) => fillTemplate(word, { ...unit.fields, out }));
    await runCommand([...config.exec_prefix, ...argv], { signal, cwd: config.root });
    const written = lstatSync(out, { throwIfNoEntry: false });
    if (written === undefined || (written.isDirectory() ? readdirSync(out).length === 0 : written.size === 0)) {
      throw new HoldfastError("E_COMMAND", `${command[0] ?? "the command"} succeeded and wrote nothing to {out}`);
    }
    const source: ArchiveSource = {
      format: "zip",
      artifact: `${unit.directory}/source.zip`,
      roots: [{ path: fromString(out), prefix: "" }],
    };
    return await buildArchiveUnit(context, workers, source, context.exclude, onBytes);
  } finally {
    removeTree(fromString(out));
  }
}
