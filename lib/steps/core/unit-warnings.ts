/** Groups the warnings of a step's units: one line for each kind, with their number. */
import { plural } from "../../report/format.ts";

const SHOWN = 3;
/** Warnings of a unit that its metadata have, and characters of each: a document has its limits. */
const MOST_WARNINGS = 5000;
const LONGEST_WARNING = 4500;

/**
 * Returns the warnings of a unit as its metadata have them: the first ones, none longer than a path can be, and how
 * many more there are.
 */
export function keepWarnings(warnings: readonly string[]): string[] {
  const kept = warnings
    .slice(0, MOST_WARNINGS)
    .map((text) =>
      text.length <= LONGEST_WARNING ? text : `${text.slice(0, LONGEST_WARNING)} … (${text.length} characters)`,
    );
  const left = warnings.length - kept.length;
  return left === 0 ? kept : [...kept, `left out of this list: ${left} more warnings`];
}

/** Collects what `metadata.warnings` of the units say. */
export class UnitWarnings {
  readonly #kinds = new Map<string, { readonly details: string[]; readonly units: Set<string> }>();

  add(unit: string, warnings: readonly string[]): void {
    for (const text of warnings) {
      // "changed while it was read: media/x.jpg": what comes before the colon is the kind.
      const [, kind = text, detail = ""] = /^([^:]{1,80}): (.+)$/s.exec(text) ?? [];
      const known = this.#kinds.get(kind) ?? { details: [], units: new Set() };
      known.units.add(unit);
      known.details.push(detail);
      this.#kinds.set(kind, known);
    }
  }

  /** Returns the lines, and begins anew. */
  take(step: string): string[] {
    const lines = [...this.#kinds].map(([kind, { details, units }]) => {
      const [only] = units;
      const where = units.size === 1 ? `${step}/${only ?? ""}` : `${step}, ${plural(units.size, "unit")}`;
      const shown = details.slice(0, SHOWN).filter((detail) => detail !== "");
      const more =
        details.length > shown.length && shown.length > 0 ? ` and ${details.length - shown.length} more` : "";
      return `${where}: ${kind}${shown.length > 0 ? `: ${shown.join(", ")}${more}` : ""}`;
    });
    this.#kinds.clear();
    return lines;
  }
}
