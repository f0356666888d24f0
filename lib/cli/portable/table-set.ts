/** `--set`: tables that the config names together. */
import type { SiteConfig } from "../../config/load.ts";
import type { SetSetting } from "../../config/portable-refinement.ts";
import { HoldfastError } from "../../errors.ts";
import type { ExportReader } from "../../portable/read/export-reader.ts";
import { lastValue } from "../core/arguments.ts";

interface SetFlags {
  readonly set: string | readonly string[] | undefined;
  readonly models: unknown;
  readonly component: unknown;
}

/** The set that `--set` names. Throws `E_USAGE` where the config has none, or other flags choose tables as well. */
export function setOf(
  flags: SetFlags,
  portable: SiteConfig["portable"],
): (SetSetting & { readonly name: string }) | undefined {
  const name = lastValue(flags.set);
  if (name === undefined) return undefined;
  if (flags.models !== undefined || flags.component !== undefined)
    throw new HoldfastError("E_USAGE", "--set says which tables are taken: --models and --component do not go with it");
  const sets = portable?.sets ?? {};
  const set = Object.hasOwn(sets, name) ? sets[name] : undefined;
  if (set !== undefined) return { ...set, name };
  throw new HoldfastError("E_USAGE", `there is no set ${name}`, {
    hint:
      Object.keys(sets).length > 0
        ? `the config has ${Object.keys(sets).join(", ")}`
        : "portable.sets of the config names them; --config says which one",
  });
}

/** Rows are chosen at the export. Throws `E_USAGE` for one that has all rows of tables of which the set takes a part. */
export function assertPartialExport(set: SetSetting | undefined, { tables }: ExportReader): void {
  if (Object.keys(set?.where ?? {}).length > 0 && tables.every(({ where }) => where === undefined))
    throw new HoldfastError("E_USAGE", "the export has all rows of these tables, and the set takes a part of them", {
      hint: "rows are chosen at the export: make one with --set",
    });
}
