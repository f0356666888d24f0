/** The source of artifacts that are not in the store's directory: a store on a target has its documents here alone. */
import type { UnitMetadata } from "../../model/unit.ts";
import type { BytePath } from "../../archive/entry.ts";

export interface ContentSource {
  /** Brings the documents of a run. Throws `E_RUN_UNKNOWN`. */
  documents(run: string): Promise<void>;
  /** Puts empty files in the place of artifacts, for what looks at no more than names and sizes. */
  standIn(run: string, units: readonly UnitMetadata[]): Promise<void>;
  /** Brings the artifacts of units of a run, or of others that they are borrowed from. */
  bring(run: string, units: readonly UnitMetadata[]): Promise<void>;
  /** Brings what tells the entries of units: of a plain zip its directory alone, if there is no list. */
  bringDirectories(run: string, units: readonly UnitMetadata[]): Promise<void>;
  /** Brings these entries of an archive of which there is the directory alone; of any other archive all of it. */
  bringEntries(run: string, artifact: string, entries: readonly BytePath[]): Promise<void>;
  /** Artifacts, relative to their run, of which a part is here: their digest cannot be checked. */
  readonly partial: ReadonlySet<string>;
}
