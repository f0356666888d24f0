/** The list of a PostgreSQL archive. */
import { pipeline } from "node:stream/promises";
import { startCommand, type CommandOptions, type RunningCommand } from "../../exec/command.ts";

/**
 * Returns the entries of an archive without their numbers, e.g. `TABLE public t owner`, one character a byte: names are
 * in the archive's encoding.
 */
export async function listArchive(
  restore: readonly string[],
  path: string,
  options: CommandOptions,
): Promise<string[]> {
  const command = startCommand([...restore, "--list", path], options);
  command.stdin.on("error", () => {}).end();
  return await entriesOf(command);
}

/** A pg_restore that lists an archive while that is written. */
export interface ArchiveLister {
  /** Takes the next bytes, until the list is complete. */
  feed(chunk: Uint8Array): Promise<void>;
  /** Returns the entries as `listArchive` does. */
  end(): Promise<string[]>;
  readonly done: Promise<unknown>;
}

/** Starts a lister: the archive may not be readable where it is written to. */
export function startLister(restore: readonly string[], options: CommandOptions): ArchiveLister {
  const command = startCommand([...restore, "--list"], options);
  const entries = entriesOf(command);
  entries.catch(() => {}); // awaited in end()
  let wake: (() => void) | undefined;
  let ended = false;
  const end = (): void => {
    ended = true;
    wake?.();
  };
  command.done.then(end, end);
  // pg_restore stops reading after the list.
  command.stdin.on("error", end).on("drain", () => wake?.());
  return {
    done: command.done,
    feed: async (chunk) => {
      if (!ended && !command.stdin.write(chunk)) await new Promise<void>((resolve) => (wake = resolve));
    },
    end: async () => {
      command.stdin.end();
      return await entries;
    },
  };
}

async function entriesOf(command: RunningCommand): Promise<string[]> {
  const chunks: Buffer[] = [];
  const heard = pipeline(command.stdout, async (source: AsyncIterable<Buffer>) => {
    for await (const chunk of source) chunks.push(chunk);
  });
  heard.catch(() => {}); // awaited below
  await command.done;
  await heard;
  const text = Buffer.concat(chunks).toString("latin1");
  return text.split("\n").map((line) => line.replace(/^\d+; \d+ \d+ /, ""));
}
