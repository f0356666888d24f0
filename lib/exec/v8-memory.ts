/** V8 flags that keep memory low; docs/performance.md lists the effect of each. */
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";

let collect: (() => void) | undefined;

/**
 * Keeps the young generation of the heap at its initial size, in this thread and the threads it starts. Otherwise it
 * grows to 33 MB in each. Node reads the flag for the largest size only at start, V8 this one whenever it would grow.
 */
export function keepYoungGenerationSmall(): void {
  setFlagsFromString("--semi-space-growth-factor=1");
}

/**
 * Collects garbage of the old generation. V8 lets it pile up to several times the live heap where much data streams
 * through: an import that needs 15 MB reached 90. A collection takes a few milliseconds; Node offers no other way.
 */
export function collectGarbage(): void {
  if (collect === undefined) {
    setFlagsFromString("--expose-gc");
    const found: unknown = runInNewContext("gc");
    collect = typeof found === "function" ? () => void Reflect.apply(found, undefined, []) : () => {};
  }
  collect();
}

/** Returns a function that counts bytes and collects garbage after each `bytes` of them. */
export function collectEvery(bytes: number): (passed: number) => void {
  let uncollected = 0;
  return (passed) => {
    uncollected += passed;
    if (uncollected < bytes) return;
    uncollected = 0;
    collectGarbage();
  };
}
