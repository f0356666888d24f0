/**
 * Checks identity: the run matches its directory's name and this store's site, in a known format, with all its
 * documents.
 */
import { MANIFEST_FILE } from "../../../store/run/manifest.ts";
import { PLACES_FILE } from "../../../store/run/places.ts";
import type { RunInventory } from "../inventory/run-inventory.ts";
import { count, type Finding, type Problem } from "../../checks/check.ts";

/** The documents of every run, beside its steps. */
const DOCUMENTS = ["RESTORE.md", "SHA256SUMS", "failures.json", MANIFEST_FILE, PLACES_FILE, "run.log", "site.yaml"];

/** Checks that the documents exist, and that those that Holdfast reads are readable. */
export function checkDocuments(survey: RunInventory): Finding {
  const missing = DOCUMENTS.filter(
    (file) => (survey.files.get(file)?.size ?? 0) === 0 && !survey.damaged.some((problem) => problem.path === file),
  );
  const lacking = Object.keys(survey.manifest?.steps ?? {}).filter((step) => !survey.steps.some((one) => one === step));
  const problems: Problem[] = [
    ...survey.damaged,
    ...missing.map((path) => ({ path, message: survey.files.has(path) ? "is empty" : "is missing" })),
    ...lacking.map((step) => ({
      path: MANIFEST_FILE,
      message: `names the step ${step}, which this Holdfast does not know`,
    })),
  ];
  return { figure: count(DOCUMENTS.length + survey.units.length, "document"), problems };
}

/**
 * Checks that the manifest and every unit name the run of the directory, which detects a renamed run.
 */
export function checkRunId({ run, manifest, units }: RunInventory): Finding {
  const problems: Problem[] = [];
  if (manifest !== undefined && manifest.run !== run)
    problems.push({ path: MANIFEST_FILE, message: `belongs to the run ${manifest.run}` });
  for (const unit of units) {
    if (unit.builtIn > run)
      problems.push({ path: unit.file, message: `was built in ${unit.builtIn}, which is later than the run` });
  }
  return { figure: run, problems };
}

export function checkSite({ store, manifest }: RunInventory): Finding | undefined {
  if (manifest === undefined) return undefined;
  const problems =
    manifest.site === store.site
      ? []
      : [{ path: MANIFEST_FILE, message: `belongs to the site ${manifest.site}, but the store to ${store.site}` }];
  return { figure: manifest.site, problems };
}

/** Checks the format versions. A newer major version never gets here: reading the document ends the command earlier. */
export function checkVersions({ versions }: RunInventory): Finding {
  const problems = [...versions]
    .filter(([version]) => !/^\d+\.\d+\.\d+$/.test(version))
    .map(([version, path]) => ({ path, message: `its format_version is ${version}` }));
  return { figure: [...versions.keys()].toSorted().join(", "), problems };
}
