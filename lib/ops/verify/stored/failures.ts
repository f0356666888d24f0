/** Checks that each step's failures.json, the run's, and the manifest's list agree. */
import { MANIFEST_FILE } from "../../../store/run/manifest.ts";
import { digestOf, readFailureList, type RunInventory } from "../inventory/run-inventory.ts";
import { count, type Finding, type Problem } from "../../checks/check.ts";

const MERGED = "failures.json";

export function checkFailures(survey: RunInventory): Finding {
  const problems: Problem[] = [];
  const steps = survey.steps.flatMap((step) => readFailureList(survey.directory, `${step}/${MERGED}`, problems) ?? []);
  const merged = readFailureList(survey.directory, MERGED, problems);
  const recorded = survey.manifest?.failures;
  if (merged !== undefined && !isSame(merged, steps))
    problems.push({ path: MERGED, message: "does not list the same failures as the steps" });
  if (recorded !== undefined && !isSame(recorded, steps))
    problems.push({ path: MANIFEST_FILE, message: "does not list the same failures as the steps" });
  const failed = steps.filter((failure) => failure.severity === "failed").length;
  const figure = steps.length === 0 ? "none" : `${count(steps.length, "entry", "entries")}, ${failed} failed`;
  return { figure, problems };
}

const isSame = (a: readonly unknown[], b: readonly unknown[]): boolean =>
  digestOf(a.map(digestOf).toSorted()) === digestOf(b.map(digestOf).toSorted());
