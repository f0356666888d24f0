/** The rules for what a run has no more: units, tables, all that a step had. Pure. */
import { plural } from "../../../report/format.ts";
import type { Finding } from "./finding.ts";

/** Units of a step that may go in one run: three, or two per cent. */
const mayGo = (units: number): number => Math.max(3, units * 0.02);

/** Judges units that a step had and has no more, of `before`; users make and delete such units. */
export function judgeGone(gone: readonly string[], before: number, now: number): Finding | undefined {
  if (gone.length <= mayGo(before)) return undefined;
  const rule = `${plural(gone.length, "unit")} of ${before} went in one run, and ${Math.floor(mayGo(before))} may: ${firstOf(gone)}`;
  return { level: "alarm", code: "gone", was: before, now, rule };
}

/** Judges a step that had units. */
export function judgeNothing(before: number, now: number): Finding | undefined {
  if (before === 0 || now > 0) return undefined;
  return { level: "alarm", code: "nothing", was: before, now, rule: "the step found nothing" };
}

/** Reports a unit that the config names, or that the step always has, and that is missing. */
export const missingUnit = (was: number): Finding => ({
  level: "alarm",
  code: "vanished",
  was,
  now: null,
  rule: "the unit is missing, and did not fail",
});

/** Reports a table that is missing: expected where the migrations have changed. */
export const missingTable = (was: number | null, hasMigrated: boolean): Finding => ({
  level: hasMigrated ? "notice" : "alarm",
  code: "vanished",
  was,
  now: null,
  rule: hasMigrated
    ? "the table is missing; the migrations have changed"
    : "the table is missing, and the migrations are the same",
});

const NAMED = 5;

/** Lists the first names, and how many more there are. */
export function firstOf(names: readonly string[]): string {
  const more = names.length - NAMED;
  return `${names.slice(0, NAMED).join(", ")}${more > 0 ? ` and ${more} more` : ""}`;
}
