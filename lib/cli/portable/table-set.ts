/** `--set`: a set of tables that the config names. */
import type { SiteConfig } from "../../config/load.ts";
import type { SetSetting } from "../../config/settings/refinement.ts";
import { HoldfastError } from "../../errors.ts";
import type { ExportReader } from "../../portable/read/export-reader.ts";
import { lastValue } from "../core/arguments.ts";

/** Flags that select tables, as `--set` does. */
export const SET_CONFLICTS = [
  ["set", "models"],
  ["set", "component"],
];

/** Returns the set of `--set`. Throws `E_USAGE` if the config lacks it. */
export function setOf(
  flags: { readonly set?: string | readonly string[] | undefined },
  portable: SiteConfig["portable"],
): (SetSetting & { readonly name: string }) | undefined {
  const name = lastValue(flags.set);
  if (name === undefined) return undefined;
  const sets = portable?.sets ?? {};
  const set = Object.hasOwn(sets, name) ? sets[name] : undefined;
  if (set !== undefined) return { ...set, name };
  throw new HoldfastError("E_USAGE", `the config has no set ${name}`, {
    hint:
      Object.keys(sets).length > 0
        ? `use one of ${Object.keys(sets).join(", ")}`
        : "define it under portable.sets in the config, or choose another config with --config",
  });
}

/**
 * Throws `E_USAGE` if the export has all rows of tables of which the set selects some; rows are selected by the export.
 */
export function assertPartialExport(set: SetSetting | undefined, { tables }: ExportReader): void {
  if (Object.keys(set?.where ?? {}).length > 0 && tables.every(({ where }) => where === undefined))
    throw new HoldfastError(
      "E_USAGE",
      "the export has all rows of these tables, but the set selects only some of them",
      {
        hint: "export again with --set",
      },
    );
}
