/** Checks counts: every row of the site's project list is accounted for, and every counted unit exists. */
import type { Failure, StepName } from "../../../model/unit.ts";
import { unitName } from "../../../store/run/unit-name.ts";
import type { RunInventory, UnitRecord } from "../inventory/run-inventory.ts";
import { count, type Finding, type Problem } from "../../checks/check.ts";
import { plural } from "../../../report/format.ts";

/** The steps that have a unit for every project. */
const PROJECT_STEPS: readonly StepName[] = ["source_exports", "compiled_exports"];

/**
 * Compares the rows of `projects.json` with units + skipped + failed + accepted, by name and not only by number.
 * Orphans are counted separately.
 */
export function checkProjectCounts(survey: RunInventory): Finding | undefined {
  const { projects, manifest, run } = survey;
  const steps = PROJECT_STEPS.filter((step) => survey.steps.includes(step));
  if (steps.length === 0) return undefined;
  if (manifest === undefined)
    return {
      figure: "the manifest cannot be read",
      problems: [{ path: "manifest.json", message: `does not record what ${run} should hold` }],
    };
  const failures = steps.map((step) => manifest.failures.filter((failure) => failure.step === step));
  if (projects === undefined) {
    // Without a project list, each step must have reported that it was missing.
    const silent = steps.filter((_, index) => !failures[index]?.some((failure) => failure.unit === null));
    return {
      figure: "no list of projects",
      problems: silent.map((step) => ({ path: "projects.json", message: `is missing, and ${step} needs it` })),
    };
  }
  const selection = manifest.scope === "full" ? {} : manifest.scope;
  const selected = selection.only === undefined && selection.skip === undefined;
  const parts = [count(projects.size, "project")];
  const problems: Problem[] = [];
  for (const [index, step] of steps.entries()) {
    const units = survey.units.filter((unit) => unit.step === step);
    const failed = failures[index] ?? [];
    parts.push(describeStep(step, units, failed));
    // A step that failed as a whole, or that took a selection of the projects, accounts for the rest by its failure.
    if (selected && !failed.some((failure) => failure.unit === null))
      problems.push(...unaccounted(step, projects, units, failed));
    problems.push(...strangers(projects, units));
  }
  return { figure: parts.join("; "), problems };
}

function describeStep(step: StepName, units: readonly UnitRecord[], failures: readonly Failure[]): string {
  const orphans = units.filter((unit) => unit.project === undefined).length;
  return [
    `${step.replace("_exports", "")} ${count(units.length - orphans, "unit")}`,
    ...bySeverity(failures),
    ...(orphans === 0 ? [] : [count(orphans, "orphan")]),
  ].join(", ");
}

const bySeverity = (failures: readonly Failure[]): string[] =>
  (["failed", "skipped", "accepted"] as const).flatMap((severity) => {
    const number = failures.filter((failure) => failure.severity === severity).length;
    return number === 0 ? [] : [`${number} ${severity}`];
  });

function unaccounted(
  step: StepName,
  projects: ReadonlyMap<string, string>,
  units: readonly UnitRecord[],
  failures: readonly Failure[],
): Problem[] {
  const built = new Set(units.map((unit) => unit.project));
  const failed = new Set(failures.map((failure) => failure.unit));
  return [...projects]
    .filter(([id]) => !built.has(id) && !failed.has(unitName(id)))
    .map(([id, title]) => ({
      path: `${step}/${id}`,
      message: `the project ${title === "" ? id : `${id} (${title})`} has neither a unit nor a failure`,
    }));
}

const strangers = (projects: ReadonlyMap<string, string>, units: readonly UnitRecord[]): Problem[] =>
  units
    .filter((unit) => unit.project !== undefined && !projects.has(unit.project))
    .map((unit) => ({ path: unit.file, message: "belongs to a project that projects.json does not list" }));

/** Checks each step's expected count against the sum of its units and failures. */
export function checkUnitCounts(survey: RunInventory): Finding | undefined {
  if (survey.manifest === undefined) return undefined;
  const problems: Problem[] = [];
  let expected = 0;
  for (const [name, summary] of Object.entries(survey.manifest.steps)) {
    const path = `${name}/`;
    const units = survey.units.filter((unit) => unit.step === name).length;
    const failures = survey.manifest.failures.filter((failure) => failure.step === name);
    if (units !== summary.units)
      problems.push({ path, message: `holds ${count(units, "unit")}, but the manifest records ${summary.units}` });
    for (const severity of ["failed", "skipped", "accepted"] as const) {
      const number = failures.filter((failure) => failure.severity === severity).length;
      if (number !== summary[severity])
        problems.push({ path, message: `has ${number} ${severity}, but the manifest records ${summary[severity]}` });
    }
    expected += summary.expected ?? units;
    if (summary.expected === null || failures.some((failure) => failure.unit === null)) continue;
    if (units > summary.expected || units + failures.length < summary.expected) {
      const actual = `${units} exist and ${failures.length} failed or were skipped`;
      problems.push({ path, message: `${plural(summary.expected, "unit was", "units were")} expected, but ${actual}` });
    }
  }
  const figure = [
    `${expected.toLocaleString("en")} expected`,
    count(survey.units.length, "unit"),
    ...bySeverity(survey.manifest.failures),
  ];
  return { figure: figure.join(", "), problems };
}
