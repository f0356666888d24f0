/** Makes the context of a run's steps. */
import path from "node:path";
import { fromString } from "../../archive/path.ts";
import { PreviousRuns } from "../../store/run/previous-runs.ts";
import { StagedDocuments } from "../../store/run/staged-documents.ts";
import { Claims } from "../claims/site.ts";
import { PROJECTS_FILE, ProjectSource } from "./projects.ts";
import type { StepContext } from "./context.ts";

export interface ContextOptions extends Omit<
  StepContext,
  "exclude" | "documents" | "named" | "previous" | "projects" | "claims"
> {
  /** True if the run keeps the list of projects; else the database is asked each time. */
  readonly keepsProjects: boolean;
  /** The earlier runs that units may be taken from, the newest first; the newest of the store when absent. */
  readonly reusable?: readonly string[] | undefined;
}

/** Returns the context; nothing is read or written yet. */
export function createContext({ keepsProjects, reusable, ...given }: ContextOptions): StepContext {
  const { store, names } = given;
  const named = names === undefined ? given.directory : path.join(names, given.run);
  const previous = new PreviousRuns(store, { runs: reusable, names });
  const file = keepsProjects ? path.join(named, PROJECTS_FILE) : undefined;
  const projects = new ProjectSource(given.config, file, given.signal);
  return {
    ...given,
    named,
    exclude: [fromString(store)],
    previous,
    documents: new StagedDocuments(given.directory, named, previous.newest),
    projects,
    claims: new Claims(given.config, store, projects),
  };
}
