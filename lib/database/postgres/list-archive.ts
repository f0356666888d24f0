/** The list of a PostgreSQL archive. */
import { createReadStream } from "node:fs";
import { pipeline } from "node:stream/promises";
import { startCommand, type CommandOptions } from "../../exec/command.ts";

/**
 * Returns the entries of an archive without their numbers, e.g. `TABLE public t owner`, one character a byte: names are
 * in the archive's encoding. `byPipe`: the file may not be visible behind a prefix; pg_restore stops reading after the
 * list.
 */
export async function listArchive(
  restore: readonly string[],
  path: string,
  options: CommandOptions,
  byPipe: boolean,
): Promise<string[]> {
  const command = startCommand([...restore, "--list", ...(byPipe ? [] : [path])], options);
  const chunks: Buffer[] = [];
  const heard = pipeline(command.stdout, async (source: AsyncIterable<Buffer>) => {
    for await (const chunk of source) chunks.push(chunk);
  });
  heard.catch(() => {}); // awaited below
  if (byPipe) {
    await pipeline(createReadStream(path), command.stdin, { signal: options.signal }).catch(() => {}); // a closed pipe is expected
  } else command.stdin.on("error", () => {}).end();
  await command.done;
  await heard;
  const text = Buffer.concat(chunks).toString("latin1");
  return text.split("\n").map((line) => line.replace(/^\d+; \d+ \d+ /, ""));
}
