/** Makes the context of a run's steps. */
import { fromString } from "../../archive/path.ts";
import { PreviousRuns } from "../../store/run/previous-runs.ts";
import { StagedDocuments } from "../../store/run/staged-documents.ts";
import { Claims } from "../claims/site.ts";
import { ProjectSource } from "./projects.ts";
import type { StepContext } from "./context.ts";

export interface ContextOptions extends Omit<
  StepContext,
  "exclude" | "documents" | "previous" | "projects" | "claims"
> {
  /** The file that keeps the list of projects; undefined asks the database each time. */
  readonly projectsFile: string | undefined;
  /** The earlier runs that units may be taken from, the newest first; the newest of the store when absent. */
  readonly reusable?: readonly string[] | undefined;
}

/** Returns the context; nothing is read or written yet. */
export function createContext({ store, projectsFile, reusable, ...given }: ContextOptions): StepContext {
  const previous = new PreviousRuns(store, reusable);
  const projects = new ProjectSource(given.config, projectsFile, given.signal);
  return {
    ...given,
    store,
    exclude: [fromString(store)],
    previous,
    documents: new StagedDocuments(given.directory, previous.newest),
    projects,
    claims: new Claims(given.config, store, projects),
  };
}
