/**
 * The units of a step that goes by projects: one a row, one a directory without a row, one for the loose files beside
 * them.
 */
import path from "node:path";
import type { BytePath } from "../../archive/entry.ts";
import { display, fromString, isUtf8, toBuffer } from "../../archive/path.ts";
import { asHoldfastError, HoldfastError } from "../../errors.ts";
import { projectNames, type Project, type StepName } from "../../model/unit.ts";
import { LOOSE_FILES, ORPHAN_PREFIX, unitDirectories, unitName } from "../../store/run/unit-name.ts";
import type { StepContext } from "./context.ts";
import type { PlanTools } from "./step.ts";
import type { UnitPlan } from "./unit-plan.ts";
import type { ProjectTrees, TreeKind } from "../claims/project-trees.ts";
import { templateBase, type Found } from "../claims/path-template.ts";

export interface ProjectUnit {
  readonly unit: string;
  readonly unitB64?: string;
  /** Relative to the run. */
  readonly directory: string;
  readonly project?: Project;
  /** The values of `{fields}`: the row, or those in the path of an orphan. */
  readonly fields: Readonly<Record<string, unknown>>;
  /** Its names for `--only` and `--skip`. */
  readonly names: readonly string[];
  /** The trees that are there, by kind. */
  readonly trees: readonly { readonly label: string; readonly path: BytePath }[];
  /** Why it cannot be exported: the first kind of tree that is missing or leads outside. */
  readonly errors: readonly HoldfastError[];
  /** The files of the trees' top level that belong to no project. */
  readonly loose: boolean;
}

/** Every unit of the step, rows first. Throws `E_PROJECTS` when the projects cannot be listed. */
export async function listProjectUnits(
  context: StepContext,
  step: StepName,
  kinds: readonly TreeKind[],
): Promise<ProjectUnit[]> {
  const { projects } = await context.projects.list();
  const onDisk = await context.claims.projectTrees();
  const others = await context.claims.keysByPath();
  const directories = unitDirectories(projects.map((project) => fromString(String(project.id))));
  const seen = new Set<string>();
  const rows = projects.map((project): ProjectUnit => {
    const id = String(project.id);
    const unit = unitName(id);
    const twice = seen.has(unit)
      ? [new HoldfastError("E_PROJECTS", `two rows have the id ${id}`, { hint: "make the query return each id once" })]
      : [];
    seen.add(unit);
    const { trees, errors } = treesOf(kinds, (kind) => onDisk.treeOf(kind, project, others));
    return {
      unit,
      directory: `${step}/${directories.get(fromString(id)) ?? unit}${twice.length > 0 ? `~twice-${seen.size}` : ""}`,
      project,
      fields: project,
      names: [unit, ...projectNames(project)],
      trees,
      errors: [...twice, ...errors],
      loose: false,
    };
  });
  return [...rows, ...strays(context, step, kinds, onDisk)];
}

/** Plans the selected units of a step that goes by projects. What `plan` throws is recorded as the project's failure. */
export async function planProjects(
  units: readonly ProjectUnit[],
  { record, addEach }: PlanTools,
  plan: (unit: ProjectUnit) => Promise<readonly UnitPlan[]>,
): Promise<void> {
  const selected = units.filter((unit) => record.selects(...unit.names));
  record.counters.expected = selected.length;
  await addEach(selected, plan, async (unit, error) => await record.failProject(unit, error));
}

function treesOf(kinds: readonly TreeKind[], treeOf: (kind: TreeKind) => BytePath) {
  const trees: { label: string; path: BytePath }[] = [];
  const errors: HoldfastError[] = [];
  for (const kind of kinds) {
    try {
      trees.push({ label: kind.label, path: treeOf(kind) });
    } catch (error) {
      errors.push(asHoldfastError(error));
    }
  }
  return { trees, errors };
}

/** Lists trees in the directory of the projects without a row. */
function strays(context: StepContext, step: StepName, kinds: readonly TreeKind[], onDisk: ProjectTrees): ProjectUnit[] {
  const orphans = new Map<BytePath, { label: string; path: BytePath }[]>();
  const loose: { label: string; path: BytePath }[] = [];
  for (const { label, key, template } of kinds) {
    const found = onDisk.strays(key);
    for (const one of found.filter(isTree))
      orphans.set(one.name, [...(orphans.get(one.name) ?? []), { label, path: one.path }]);
    if (found.some((one) => !isTree(one)))
      loose.push({ label, path: fromString(path.join(context.config.root, templateBase(template))) });
  }
  const directories = unitDirectories([...orphans.keys()]);
  const units = [...orphans].map(([name, trees]): ProjectUnit => ({
    unit: ORPHAN_PREFIX + display(name),
    ...(isUtf8(name) ? {} : { unitB64: toBuffer(name).toString("base64") }),
    directory: `${step}/${ORPHAN_PREFIX}${directories.get(name) ?? name}`,
    fields: { id: display(name), internal_id: display(name) },
    names: [ORPHAN_PREFIX + display(name)],
    trees,
    errors: [],
    loose: false,
  }));
  if (loose.length === 0) return units;
  return [
    ...units,
    {
      unit: LOOSE_FILES,
      directory: `${step}/${LOOSE_FILES}`,
      fields: {},
      names: [LOOSE_FILES],
      trees: loose,
      errors: [],
      loose: true,
    },
  ];
}

const isTree = (found: Found): boolean => found.isDirectory;
