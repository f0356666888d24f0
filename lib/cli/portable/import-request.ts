/** Turns the flags of an import into its request. */
import type { ImportMode } from "../../portable/import/resolve/options.ts";
import type { ImportRequest } from "../../portable/import/run.ts";
import { isOrigin, type ExportReader } from "../../portable/read/export-reader.ts";
import { configOf, type DatabaseFlags } from "./database.ts";
import { instanceOf } from "../../steps/portable/instance.ts";

export interface ImportChoices {
  readonly mode: ImportMode;
  readonly skipConflicts: boolean;
  readonly clearExisting: boolean;
  readonly intoOther: boolean;
}

/** The choices of an import without flags. */
export const DEFAULT_CHOICES: ImportChoices = {
  mode: "create-or-update",
  skipConflicts: false,
  clearExisting: false,
  intoOther: false,
};

/** Returns the request of an import of the export into the database of the flags. */
export async function importRequestOf(
  flags: DatabaseFlags,
  found: ExportReader,
  { intoOther, ...choices }: ImportChoices,
): Promise<Omit<ImportRequest, "dryRun">> {
  return { ...choices, isOther: !intoOther && !isOrigin(found, await instanceOf(configOf(flags))) };
}
