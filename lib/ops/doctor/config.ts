/** Checks what the config warns of, and what it leaves uncovered. */
import { Claims } from "../../steps/claims/site.ts";
import { ProjectSource } from "../../steps/core/projects.ts";
import { findUncovered } from "../../steps/coverage/uncovered.ts";
import { count } from "../checks/check.ts";
import type { DoctorFinding, Installation } from "./check.ts";

export function checkConfig({ config: { file, warnings } }: Installation): DoctorFinding {
  return {
    figure: file,
    warnings: warnings.map((message) => ({ path: file, message })),
    hint: `correct ${file}`,
  };
}

export async function checkUncovered({ config, store, signal }: Installation): Promise<DoctorFinding> {
  const claims = new Claims(config, store ?? config.root, new ProjectSource(config, undefined, signal));
  // Without a store nothing is left out of the search but the config.
  const uncovered = await findUncovered(config, store ?? config.file, claims, signal);
  return {
    figure: uncovered.length === 0 ? "all paths are covered" : `${count(uncovered.length, "path")} in no backup`,
    warnings: uncovered.map((path) => ({ path, message: "no step covers it" })),
    hint: "add them to trees, or to ignore",
  };
}
