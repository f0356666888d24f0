/** Checks that each project has its directory. */
import { asHoldfastError } from "../../errors.ts";
import type { SiteConfig } from "../../config/load.ts";
import type { Project } from "../../model/unit.ts";
import { ProjectSource } from "../../steps/core/projects.ts";
import { resolveTree } from "../../steps/claims/path-template.ts";
import { count, type Finding, type Problem } from "../checks/check.ts";

/** Checks the projects. Throws `E_PROJECTS` if they cannot be listed. */
export async function checkProjects(config: SiteConfig, signal: AbortSignal): Promise<Finding> {
  if (config.projects === undefined) return { figure: "", problems: [], notProved: "no projects are configured" };
  const { projects } = await new ProjectSource(config, undefined, signal).list();
  const figure = count(projects.length, "project");
  const { source } = config.projects;
  if (source === undefined || !("path" in source))
    return { figure, problems: [], notProved: "projects.source names no directories" };
  const problems: Problem[] = [];
  let accepted = 0;
  for (const project of projects) {
    signal.throwIfAborted();
    const fault = faultOf(config, source.path, project);
    if (fault === undefined) continue;
    if (isAccepted(config, project, fault.code)) accepted++;
    else problems.push({ path: String(project.id), message: fault.message });
  }
  return { figure: accepted > 0 ? `${figure}, ${accepted} accepted as missing` : figure, problems };
}

function faultOf(config: SiteConfig, template: string, project: Project) {
  try {
    resolveTree(config.root, template, project, config.follow_links);
    return undefined;
  } catch (error) {
    return asHoldfastError(error, "E_MISSING");
  }
}

/** Checks whether the config accepts the failure, as for a backup. */
const isAccepted = ({ accepted_failures }: SiteConfig, { id }: Project, code: string): boolean => {
  const today = new Date().toISOString().slice(0, 10);
  return accepted_failures.some(
    (one) => one.step === "source_exports" && one.unit === String(id) && one.code === code && today <= one.until,
  );
};
