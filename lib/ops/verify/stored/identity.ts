/** Identity: the run is the one that its directory names, of this store's site, in a format that is known, with all its documents. */
import { MANIFEST_FILE } from "../../../store/run/manifest.ts";
import { PLACES_FILE } from "../../../store/run/places.ts";
import type { RunInventory } from "../inventory/run-inventory.ts";
import { count, type Finding, type Problem } from "../../checks/check.ts";

/** What every run holds beside its steps. */
const DOCUMENTS = ["RESTORE.md", "SHA256SUMS", "failures.json", MANIFEST_FILE, PLACES_FILE, "run.log", "site.yaml"];

/** The documents are there, and those that Holdfast reads can be read. */
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

/** The manifest and every unit name the run that the directory is called after; a run is not made by renaming another. */
export function checkRunId({ run, manifest, units }: RunInventory): Finding {
  const problems: Problem[] = [];
  if (manifest !== undefined && manifest.run !== run)
    problems.push({ path: MANIFEST_FILE, message: `is of the run ${manifest.run}` });
  for (const unit of units) {
    if (unit.run !== run) problems.push({ path: unit.file, message: `is of the run ${unit.run}` });
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
      : [{ path: MANIFEST_FILE, message: `is of the site ${manifest.site}; the store is of ${store.site}` }];
  return { figure: manifest.site, problems };
}

/** A newer major never gets here: reading the document ends the command with another exit status. */
export function checkVersions({ versions }: RunInventory): Finding {
  const problems = [...versions]
    .filter(([version]) => !/^\d+\.\d+\.\d+$/.test(version))
    .map(([version, path]) => ({ path, message: `its format_version is ${version}` }));
  return { figure: [...versions.keys()].toSorted().join(", "), problems };
}
