/** Converts exports of other programs for `portable import`, `check` and `verify`. */
import { privateDirectory } from "../../database/access/private-directory.ts";
import { convertToExport } from "../../portable/sources/convert.ts";
import { foreignSource } from "../../portable/sources/read/detect.ts";
import { colors as pc } from "../../report/colors.ts";
import { printable } from "../../report/printable.ts";
import { parseList } from "../core/arguments.ts";
import type { CommandFrame, OutputFlags } from "../core/run-command.ts";
import { configOf, withConnection, type DatabaseFlags } from "./database.ts";
import { progressOf } from "./progress.ts";

interface ConvertFlags extends DatabaseFlags, OutputFlags {
  readonly directory: string;
  readonly models?: Parameters<typeof parseList>[1];
  readonly exclude?: Parameters<typeof parseList>[1];
  readonly "verify-checksum": boolean;
}

interface ConvertHandlers {
  /** Continues with the given path, which is an export of ours. */
  native(): Promise<number>;
  /** Continues with the whole converted export. */
  converted(directory: string): Promise<number>;
}

/**
 * Converts the source if it is another program's. Throws like `foreignSource` and `convertToExport`. The scratch
 * directory is removed in any case.
 */
export async function convertForeign(
  flags: ConvertFlags,
  frame: CommandFrame,
  handlers: ConvertHandlers,
): Promise<number> {
  // The scratch directory holds all of the site's data; one that a killed import left is removed by the next.
  const { path: scratch, remove } = privateDirectory();
  try {
    const { signal } = frame;
    const source = await foreignSource(flags.directory, { verify: flags["verify-checksum"], scratch, signal });
    if (source === undefined) return await handlers.native();
    const progress = progressOf(flags);
    const note = (text: string): void => {
      if (!flags.json && !flags.quiet) process.stderr.write(`${pc.yellow("!")} ${printable(text)}\n`);
    };
    for (const text of source.notes) note(text);
    const {
      keys = {},
      models = {},
      exclude = [],
      generic = [],
      foreign_keys: foreignKeys = {},
    } = configOf(flags)?.portable ?? {};
    const directory = await withConnection(
      flags,
      "read",
      frame,
      async (connection) =>
        await convertToExport(connection, source, {
          keys,
          models,
          generic,
          foreignKeys,
          chosen: parseList("models", flags.models),
          excluded: parseList("exclude", flags.exclude),
          excludedByConfig: exclude,
          directory: scratch,
          signal,
          onRecords: (records) => progress.rows(source.format, "reading", records),
          onNote: note,
        }),
    );
    progress.end();
    return await handlers.converted(directory);
  } finally {
    remove();
  }
}
