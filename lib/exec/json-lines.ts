/** Documents that processes send to one another: a line of JSON each, checked on arrival. */
import { createInterface } from "node:readline";
import type { Readable } from "node:stream";
import type * as z from "zod";

/** Returns a document as a line. */
export const jsonLine = (document: object): string => `${JSON.stringify(document)}\n`;

/** Calls `take` with every document until the stream ends, and `other` with a line that is not valid. */
export async function readJsonLines<T>(
  stream: Readable,
  schema: z.ZodType<T>,
  take: (document: T) => void,
  other: (line: string) => void,
): Promise<void> {
  for await (const line of createInterface({ input: stream, crlfDelay: Infinity })) {
    if (line.trim() === "") continue;
    const document = parse(line, schema);
    if (document === undefined) other(line);
    else take(document);
  }
}

function parse<T>(line: string, schema: z.ZodType<T>): T | undefined {
  try {
    return schema.safeParse(JSON.parse(line)).data;
  } catch {
    return undefined;
  }
}
