/** Streams that are read to their end by a function that may find fault with them. */
import type { Readable, Transform } from "node:stream";
import { pipeline } from "node:stream/promises";

/** Passes every chunk of `input`, through `transform` if given, to `take`; rejects with any error of `take`. */
export async function consume(
  input: Readable,
  transform: Transform | null,
  take: (chunk: Buffer) => void,
  signal: AbortSignal | undefined,
): Promise<void> {
  let fault: unknown;
  const sink = async (source: AsyncIterable<Buffer>): Promise<void> => {
    try {
      for await (const chunk of source) take(chunk);
    } catch (error) {
      fault = error; // pipeline itself may tell of the abort that follows from it
      throw error;
    }
  };
  const options = signal === undefined ? {} : { signal };
  try {
    if (transform === null) await pipeline(input, sink, options);
    else await pipeline(input, transform, sink, options);
  } catch (error) {
    throw fault ?? error;
  }
}
