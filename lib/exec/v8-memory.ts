/** What V8 is asked, so that a process takes little memory. docs/performance.md has what each of it gains. */
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";

let collect: (() => void) | undefined;

/**
 * Keeps the part of the heap where objects begin at the size that it starts with, in this thread and in those that it starts; otherwise it grows to
 * 33 MB in each. Node takes the flag for the largest size at its start only; this one is looked at whenever the part would grow.
 */
export function keepYoungGenerationSmall(): void {
  setFlagsFromString("--semi-space-growth-factor=1");
}

/**
 * Gives back what nobody uses any more. Where much passes through, some of it lives long enough to be taken for old, and V8 lets that pile up to several
 * times what is alive: an import that needs 15 MB stood at 90. To collect all of it takes some milliseconds, and Node has no other way to ask for it.
 */
export function collectGarbage(): void {
  if (collect === undefined) {
    setFlagsFromString("--expose-gc");
    const found: unknown = runInNewContext("gc");
    collect = typeof found === "function" ? () => void Reflect.apply(found, undefined, []) : () => {};
  }
  collect();
}

/** Collects whenever as many bytes have passed since the last time: it is told of each piece. */
export function collectEvery(bytes: number): (passed: number) => void {
  let uncollected = 0;
  return (passed) => {
    uncollected += passed;
    if (uncollected < bytes) return;
    uncollected = 0;
    collectGarbage();
  };
}
