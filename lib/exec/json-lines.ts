/** Documents that processes send to one another: a line of JSON each, checked on arrival. */
import type { Readable } from "node:stream";
import type * as z from "zod";
import { HoldfastError } from "../errors.ts";

/** Returns a document as a line. */
export const jsonLine = (document: object): string => `${JSON.stringify(document)}\n`;

/**
 * Calls `take` with each document until it returns false or the stream ends. Lines end at `\n` alone: `node:readline`
 * also ends them, from Node 24 on, at separators that may stand in a text of JSON. Throws `E_INTERNAL` for a line that
 * is not a document; `other` is called with one that does not begin like one.
 */
export async function readJsonLines<T>(
  stream: Readable,
  schema: z.ZodType<T>,
  take: (document: T) => boolean | void,
  other: (line: string) => void = refuse,
): Promise<void> {
  stream.setEncoding("utf8");
  let begun: string[] = [];
  for await (const chunk of stream) {
    const [first = "", ...rest] = String(chunk).split("\n");
    begun.push(first);
    for (const next of rest) {
      const line = begun.join("");
      begun = [next];
      if (!line.startsWith("{")) other(line);
      else if (take(parse(line, schema)) === false) return;
    }
  }
}

function parse<T>(line: string, schema: z.ZodType<T>): T {
  try {
    return schema.parse(JSON.parse(line));
  } catch (error) {
    throw new HoldfastError("E_INTERNAL", `a process sent a message that is not valid: ${line.slice(0, 200)}`, {
      cause: error,
    });
  }
}

function refuse(line: string): void {
  throw new HoldfastError("E_INTERNAL", `a process sent something else than a message: ${line.slice(0, 200)}`);
}
