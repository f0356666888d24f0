/**
 * Tests the application in a drill: compiles a sample of the projects and runs the smoke command. Neither touches the
 * live site.
 */
import { createHash } from "node:crypto";
import type { SiteConfig } from "../../config/load.ts";
import { asHoldfastError } from "../../errors.ts";
import { runCommand } from "../../exec/command.ts";
import type { Project } from "../../model/unit.ts";
import { fillTemplate } from "../../steps/claims/path-template.ts";
import { count, type Problem } from "../checks/check.ts";
import { checkOf, notProved, type DrillCheck } from "../checks/drill-check.ts";
import { drillEnvironment, type DrillSite } from "./environment.ts";

const COMMAND_TIMEOUT_MS = 30 * 60_000;

/** Compiles a sample of the projects from their restored sources. Returns undefined if the run holds no project. */
export async function compileSample(
  config: SiteConfig | undefined,
  site: DrillSite,
  { run, projects, size }: { readonly run: string; readonly projects: readonly Project[]; readonly size: number },
  signal: AbortSignal,
): Promise<DrillCheck | undefined> {
  if (projects.length === 0) return undefined;
  const sample = sampleOf(run, projects, size);
  const command = config?.drill?.compile;
  if (sample.length === 0) return notProved("compilation", "--projects is 0");
  if (command === undefined) return notProved("compilation", "drill.compile is not configured");
  if (lacksDatabase(command, site)) return notProved("compilation", NO_DATABASE);
  const problems: Problem[] = [];
  const outputs: string[] = [];
  for (const project of sample) {
    const { fault, output } = await tryCommand(command, { ...project }, site, signal);
    outputs.push(output);
    if (fault !== undefined) problems.push({ path: `source_exports/${project.id}`, message: fault });
  }
  return {
    ...checkOf("compilation", `${count(sample.length, "project")} compiled`, problems),
    output: outputs.join("\n"),
  };
}

/** Runs the smoke command against the sandbox. */
export async function smokeTest(
  config: SiteConfig | undefined,
  site: DrillSite,
  signal: AbortSignal,
): Promise<DrillCheck> {
  const command = config?.drill?.smoke;
  if (command === undefined) return notProved("application", "drill.smoke is not configured");
  if (lacksDatabase(command, site)) return notProved("application", NO_DATABASE);
  const { fault, output } = await tryCommand(command, {}, site, signal);
  const problems = fault === undefined ? [] : [{ path: "site", message: fault }];
  return { ...checkOf("application", "the smoke command", problems), output };
}

const NO_DATABASE = "no database could be loaded for it";

const lacksDatabase = (command: readonly string[], { database }: DrillSite): boolean =>
  database === undefined && command.some((word) => word.includes("{database_url}"));

async function tryCommand(
  command: readonly string[],
  fields: Readonly<Record<string, unknown>>,
  site: DrillSite,
  signal: AbortSignal,
): Promise<{ readonly fault: string | undefined; readonly output: string }> {
  const { root, database } = site;
  const password = database?.password;
  let output = "";
  try {
    const values = { ...fields, root, database_url: database?.url };
    await runCommand(
      command.map((word) => fillTemplate(word, values)),
      {
        signal,
        cwd: root,
        timeout: COMMAND_TIMEOUT_MS,
        env: drillEnvironment(site),
        onOutput: (text) => (output = text),
        secrets: password === undefined ? [] : [password],
      },
    );
    return { fault: undefined, output };
  } catch (error) {
    signal.throwIfAborted();
    return { fault: asHoldfastError(error, "E_COMMAND").message, output };
  }
}

/** Samples `size` projects; the same ones for the same run, others for another run. */
export function sampleOf(run: string, projects: readonly Project[], size: number): Project[] {
  const keyed = projects.map((project) => ({
    project,
    key: createHash("sha256").update(`${run}\0${project.id}`).digest("hex"),
  }));
  return keyed
    .toSorted((a, b) => (a.key < b.key ? -1 : 1))
    .slice(0, size)
    .map(({ project }) => project);
}
