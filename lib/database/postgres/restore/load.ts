/** Loading an archive into an empty PostgreSQL database. */
import { createReadStream } from "node:fs";
import { stat } from "node:fs/promises";
import { pipeline } from "node:stream/promises";
import { asHoldfastError } from "../../../errors.ts";
import { startCommand, type CommandOptions } from "../../../exec/command.ts";
import { withFirstComplaint } from "../../first-error-line.ts";
import type { RestorePrograms } from "../archive-list.ts";
import { editScript } from "./script.ts";

export interface LoadCommand extends CommandOptions {
  readonly code: "E_RESTORE";
  readonly secrets: readonly string[];
}

/** The archive to load, and the target database. */
export interface Load {
  readonly dump: string;
  readonly flags: readonly string[];
  readonly url: string;
  readonly programs: RestorePrograms;
  readonly onBytes: (bytes: number) => void;
}

/** pg_restore's exit status alone decides. */
export async function runRestore({ dump, flags, url, programs, onBytes }: Load, options: LoadCommand): Promise<void> {
  const file = flags.some(isJobs) ? [dump] : []; // several at a time seek in it
  const argv = [...programs.restore, "--exit-on-error", "--no-password", ...flags, `--dbname=${url}`, ...file];
  const command = startCommand(argv, options);
  command.stdout.resume();
  if (file.length === 0) return await withFirstComplaint(command, feed(dump, command, onBytes, options), options);
  command.stdin.on("error", () => {}).end();
  await withFirstComplaint(command, command.done, options);
  onBytes((await stat(dump)).size);
}

/** pg_restore's script through psql, with lines of its head edited. */
export async function runScript(
  { dump, flags, url, programs, onBytes }: Load,
  drop: (setting: string) => boolean,
  searchPath: string | undefined,
  options: LoadCommand,
): Promise<void> {
  const psqlFlags = [
    "-X",
    "-q",
    "-o",
    "/dev/null",
    "--no-password",
    "-v",
    "ON_ERROR_STOP=1",
    "-v",
    "VERBOSITY=default",
  ];
  const ours = new AbortController();
  const both = { ...options, signal: AbortSignal.any([options.signal, ours.signal]) };
  const restore = startCommand([...programs.restore, ...flags.filter((flag) => !isJobs(flag)), "--file=-"], both);
  const psql = startCommand([...programs.psql, ...psqlFlags, "-d", url], both);
  psql.stdout.resume();
  const piped = pipeline(restore.stdout, editScript(drop, searchPath), psql.stdin, { signal: both.signal });
  piped.catch(() => {}); // psql's own end says why
  try {
    // Both must succeed: psql takes the end of a script that was cut off for its end.
    await Promise.all([
      withFirstComplaint(restore, feed(dump, restore, onBytes, both), both),
      piped.catch(() => {}),
      withFirstComplaint(psql, psql.done, both),
    ]);
  } finally {
    ours.abort();
    await Promise.allSettled([restore.done, psql.done]);
  }
}

/** Checks whether a flag requests parallel jobs. */
export const isJobs = (flag: string): boolean => /^(?:--jo|-j)/.test(flag);

async function feed(
  dump: string,
  command: ReturnType<typeof startCommand>,
  onBytes: (bytes: number) => void,
  options: CommandOptions,
): Promise<void> {
  let bytes = 0;
  const count = async function* (source: AsyncIterable<Buffer>): AsyncGenerator<Buffer> {
    for await (const chunk of source) {
      yield chunk;
      bytes += chunk.length;
      onBytes(bytes);
    }
  };
  const source = createReadStream(dump, { highWaterMark: 256 * 1024 });
  let unreadable: unknown;
  source.on("error", (error) => (unreadable = error));
  await pipeline(source, count, command.stdin, { signal: options.signal }).catch(() => {}); // pg_restore has ended: it says why
  if (unreadable !== undefined) throw asHoldfastError(unreadable, "E_IO");
  await command.done;
  const { size } = await stat(dump);
  onBytes(size);
}
