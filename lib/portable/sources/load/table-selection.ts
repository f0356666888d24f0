/** Selects the external records to import, by `--models` and `--exclude`. */
import { HoldfastError } from "../../../errors.ts";
import { tablesMeant } from "../../schema/names.ts";
import type { Table } from "../../schema/tables.ts";

export class TableSelection {
  readonly #chosen: readonly string[];
  readonly #excluded: readonly string[];
  readonly #excludedByConfig: readonly string[];
  readonly #known = new Map<string, { isChosen: boolean; isExcluded: boolean }>();
  readonly #matched = new Set<string>();

  constructor(chosen: readonly string[], excluded: readonly string[], excludedByConfig: readonly string[]) {
    this.#chosen = chosen;
    this.#excluded = excluded;
    this.#excludedByConfig = excludedByConfig;
  }

  isNew(model: string): boolean {
    return !this.#known.has(model);
  }

  of(model: string, table: Table | undefined): { isChosen: boolean; isExcluded: boolean } {
    const known = this.#known.get(model);
    if (known !== undefined) return known;
    const isMeant = (wanted: string): boolean => {
      const [lower, name] = [wanted.toLowerCase(), model.toLowerCase()];
      const meant =
        name === lower ||
        name.startsWith(`${lower}.`) ||
        (table !== undefined && tablesMeant([table], wanted).length > 0);
      if (meant) this.#matched.add(wanted);
      return meant;
    };
    const isChosen = this.#chosen.filter(isMeant).length > 0 || this.#chosen.length === 0;
    const found = { isChosen, isExcluded: [...this.#excluded, ...this.#excludedByConfig].filter(isMeant).length > 0 };
    this.#known.set(model, found);
    return found;
  }

  /** Throws `E_USAGE` for a name that no record matches. */
  assertAllUsed(): void {
    const unused = [...this.#chosen, ...this.#excluded].find((one) => !this.#matched.has(one));
    if (unused === undefined) return;
    const models = [...this.#known.keys()];
    throw new HoldfastError("E_USAGE", `there are no records of ${unused}`, {
      hint: `the models are ${models.slice(0, 8).join(", ")}${models.length > 8 ? " …" : ""}`,
    });
  }
}
