/** Opens the export that a verb reads: ours, in a directory or a file, or one of another program. */
import { statSync } from "node:fs";
import path from "node:path";
import type { ExportReader } from "../../portable/read/export-reader.ts";
import { ownRefinementOf } from "../../portable/import/target/refinement.ts";
import { openExport, selectTables } from "../../portable/read/export-reader.ts";
import { unpackedExport } from "../../portable/read/export-zip.ts";
import { openFile } from "../../ops/sealed/one-file.ts";
import { allValues, parseList } from "../core/arguments.ts";
import type { CommandFrame, OutputFlags } from "../core/run-command.ts";
import { convertForeign } from "./convert.ts";
import { configOf, type DatabaseFlags } from "./database.ts";
import { assertPartialExport, setOf } from "./table-set.ts";

type Given = string | string[] | undefined;

export interface SourceFlags extends DatabaseFlags, OutputFlags {
  readonly export: string;
  readonly models?: Given;
  readonly exclude?: Given;
  readonly set?: Given;
  readonly "verify-checksum": boolean;
  readonly identity?: Given;
}

/** Opens the export; with `anyVersion` also one of a newer format. */
export type OpenSource = (options?: { readonly anyVersion?: boolean }) => Promise<ExportReader>;

/**
 * Runs `work` with the export of the flags. Another program's is converted first, in a directory that is removed
 * afterwards; its tables are selected then.
 */
export async function withSource(
  flags: SourceFlags,
  frame: CommandFrame,
  work: (open: OpenSource) => Promise<number>,
): Promise<number> {
  const identities = allValues(flags.identity);
  const directory = await openFile(path.resolve(flags.export), { identities, config: configOf(flags) }, frame.signal);
  const own = { ...flags, directory };
  return await convertForeign(own, frame, {
    native: async () => await work(async (options = {}) => await openSource(own, frame, options)),
    converted: async (converted) =>
      await work(async (options = {}) => {
        const whole = { ...own, directory: converted, models: undefined, exclude: undefined, "verify-checksum": true };
        return await openSource(whole, frame, options);
      }),
  });
}

async function openSource(
  flags: SourceFlags & { readonly directory: string },
  { signal }: CommandFrame,
  { anyVersion = false }: { readonly anyVersion?: boolean },
): Promise<ExportReader> {
  const refinement = configOf(flags)?.portable;
  const set = setOf(flags, refinement);
  const verify = flags["verify-checksum"];
  const whole = await openExport(await directoryOf(flags.directory, signal), { verify, anyVersion, signal });
  const models = set?.tables ?? parseList("models", flags.models);
  const from = selectTables(whole, models, parseList("exclude", flags.exclude), refinement?.exclude);
  assertPartialExport(set, from);
  return { ...from, refine: { ...ownRefinementOf(refinement), rename: set?.rename ?? {}, map: refinement?.map ?? {} } };
}

/** Returns the directory of an export; a file is unpacked into one that is removed when the process ends. */
const directoryOf = async (given: string, signal: AbortSignal): Promise<string> =>
  statSync(given, { throwIfNoEntry: false })?.isFile() === true
    ? (await unpackedExport(given, signal)).directory
    : given;
