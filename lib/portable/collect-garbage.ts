/**
 * Rows pass through in their millions, and some of what they are made of lives long enough to be taken for old. V8 lets that pile up to several times
 * what is alive: an import that needs 15 MB stood at 90. To collect all of it takes some milliseconds, and Node has no other way to ask for it.
 */
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";

let collect: (() => void) | undefined;

/** Gives back what nobody uses any more. */
export function collectGarbage(): void {
  if (collect === undefined) {
    setFlagsFromString("--expose-gc");
    const found: unknown = runInNewContext("gc");
    collect = typeof found === "function" ? () => void Reflect.apply(found, undefined, []) : () => {};
  }
  collect();
}
