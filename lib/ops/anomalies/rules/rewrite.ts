/** The rule for a step of which most was rewritten in one run, as by a program that encrypts it. Pure. */
import type { UnitFacts } from "../facts.ts";
import type { Finding } from "./finding.ts";
import { median, scaledMad } from "./series.ts";

const [MANY_UNITS, MUCH] = [20, 0.5];

export interface Rewritten {
  readonly units: number;
  /** The part of the bytes that could have been reused. */
  readonly part: number;
}

/**
 * Returns what was rewritten of the units that could have been reused; undefined if there were none. A unit that was
 * built anew with the same content is not rewritten.
 */
export function rewrittenIn(
  now: ReadonlyMap<string, UnitFacts>,
  before: ReadonlyMap<string, UnitFacts>,
): Rewritten | undefined {
  let [total, bytes, units] = [0, 0, 0];
  for (const [name, was] of before) {
    const is = now.get(name);
    if (!was.isReusable || is === undefined) continue;
    total += was.bytes;
    if (is.builtIn === was.builtIn || is.content === was.content) continue;
    bytes += was.bytes;
    units++;
  }
  return total === 0 ? undefined : { units, part: bytes / total };
}

/** Judges what was rewritten by the same part of the good runs before. */
export function judgeRewrite({ units, part }: Rewritten, window: readonly number[]): Finding | undefined {
  const usual = median(window) + 6 * scaledMad(window);
  if (units < MANY_UNITS || part < MUCH || (window.length > 0 && part <= usual)) return undefined;
  const was = window.length === 0 ? null : round(median(window));
  const rule = `${units} units with ${Math.round(part * 100)} % of the bytes were rewritten; up to ${Math.round(Math.max(MUCH, usual) * 100)} % is usual`;
  return { level: "alarm", code: "rewrite", was, now: round(part), rule };
}

const round = (part: number): number => Math.round(part * 1000) / 1000;
