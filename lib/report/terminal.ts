/** Guards the terminal: all text that any code writes passes through here and is made harmless. */
import { createLogUpdate } from "log-update";
import { isAsciiLocale, toAscii } from "./ascii.ts";
import { forTerminal } from "./printable.ts";

type Done = (error?: Error | null) => void;

/** The streams that are guarded, each with what writes to it as it is. */
const writers = new Map<NodeJS.WriteStream, NodeJS.WriteStream["write"]>();

const shown = (text: string): string => (isAsciiLocale(process.env) ? toAscii(forTerminal(text)) : forTerminal(text));

/** Makes a stream escape control characters in all text, and write only ASCII in the C locale. */
export function guardTerminal(stream: NodeJS.WriteStream): void {
  const write = stream.write.bind(stream);
  writers.set(stream, write);
  stream.write = (chunk: string | Uint8Array, encoding?: BufferEncoding | Done, done?: Done): boolean => {
    const text = shown(typeof chunk === "string" ? chunk : Buffer.from(chunk).toString("utf8"));
    return typeof encoding === "string" ? write(text, encoding, done) : write(text, encoding ?? done);
  };
}

/** Returns the stream for code that moves the cursor itself and makes foreign text `printable` first. */
export function rawTerminal(stream: NodeJS.WriteStream): NodeJS.WriteStream {
  const write = writers.get(stream);
  if (write === undefined) return stream;
  return new Proxy(stream, {
    get: (target, key): unknown => (key === "write" ? write : Reflect.get(target, key, target)),
  });
}

export interface LiveText {
  draw(text: string): void;
  clear(): void;
  done(): void;
}

/** A text at the end of a terminal that each `draw` replaces. */
export function liveText(stream: NodeJS.WriteStream): LiveText {
  const update = createLogUpdate(rawTerminal(stream), { showCursor: true });
  return {
    draw: (text) => update(shown(text)),
    clear: () => update.clear(),
    done: () => update.done(),
  };
}
