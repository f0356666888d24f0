/** Exports that other programs wrote, for `portable import`, `check` and `verify`. */
import type { SiteConfig } from "../../config/load.ts";
import { privateDirectory } from "../../database/access/private-directory.ts";
import type { Connection } from "../../portable/connection.ts";
import { convertToExport } from "../../portable/sources/convert.ts";
import { foreignSource } from "../../portable/sources/read/detect.ts";
import { colors as pc } from "../../report/colors.ts";
import { printable } from "../../report/printable.ts";
import { parseList } from "../core/arguments.ts";
import { progressOf } from "./progress.ts";

interface BringFlags {
  readonly directory: string;
  readonly models: Parameters<typeof parseList>[1];
  readonly exclude: Parameters<typeof parseList>[1];
  readonly json: boolean;
  readonly quiet: boolean;
  readonly "verify-checksum": boolean;
  readonly portable: () => SiteConfig["portable"];
  readonly signal: AbortSignal;
}

interface ConvertHandlers {
  /** Gives a connection to the database, for reading. */
  read(take: (connection: Connection) => Promise<string>): Promise<string>;
  /** Goes on with what was named: it is an export of ours. */
  native(): Promise<number>;
  /** Goes on with the export that was made of it, as a whole. */
  brought(directory: string): Promise<number>;
}

/** Throws as `foreignSource` and `bringForeign` do. What was made on the way is removed, whatever becomes of it. */
export async function bringIn(flags: BringFlags, ways: ConvertHandlers): Promise<number> {
  // All of the site's data: what a killed import left of it goes at the next one.
  const { path: scratch, remove } = privateDirectory();
  try {
    const { signal } = flags;
    const source = await foreignSource(flags.directory, { verify: flags["verify-checksum"], scratch, signal });
    if (source === undefined) return await ways.native();
    const progress = progressOf(flags);
    const note = (text: string): void => {
      if (!flags.json && !flags.quiet) process.stderr.write(`${pc.yellow("!")} ${printable(text)}\n`);
    };
    for (const text of source.notes) note(text);
    const { keys = {}, models = {}, exclude = [], generic = [] } = flags.portable() ?? {};
    const directory = await ways.read(
      async (connection) =>
        await convertToExport(connection, source, {
          keys,
          models,
          generic,
          chosen: parseList("models", flags.models),
          excluded: parseList("exclude", flags.exclude),
          passedOver: exclude,
          directory: scratch,
          signal,
          onRecords: (records) => progress.rows(source.format, "reading", records),
          onNote: note,
        }),
    );
    progress.end();
    return await ways.brought(directory);
  } finally {
    remove();
  }
}
