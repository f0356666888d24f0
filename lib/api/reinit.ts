/** Clears what users created, and ends an interrupted reinit. */
import { HoldfastError } from "../errors.ts";
import { recoverReinit } from "../ops/reinit/recover.ts";
import { reinit, type ReinitOutcome, type ReinitPreview, type ReinitRequest } from "../ops/reinit/run.ts";
import type { Move } from "../ops/reinit/storage.ts";
import type { Frame } from "./call.ts";

export interface ReinitOptions {
  readonly dryRun?: boolean | undefined;
}

/** Callbacks of a reinit. */
export interface ReinitHooks {
  /** Called with the plan before anything changes; an error that it throws cancels the reinit. */
  readonly confirm?: ((preview: ReinitPreview) => Promise<void>) | undefined;
  /** Called with each phase. */
  readonly onPhase?: ((phase: string) => void) | undefined;
}

export interface ReinitSummary {
  /** Null for a dry run. */
  readonly reinit: string | null;
  readonly site: string;
  readonly unit: string;
  readonly rows: number;
  readonly tables: readonly {
    readonly table: string;
    readonly action: ReinitPreview["plan"]["tables"][number]["action"];
    readonly clears: number;
    readonly keeps: number;
    readonly why: string;
  }[];
  readonly moves: readonly Move[];
  /** True if a command creates an administrator. */
  readonly admin_command: boolean;
  readonly safety_run: string | null;
  readonly problems: readonly string[];
  readonly warnings: readonly string[];
}

/** Runs a reinit. Throws `E_CONFIRM` without `confirm`, and what `reinit` throws. */
export async function reinitSite(
  site: Pick<ReinitRequest, "config" | "store">,
  { dryRun = false }: ReinitOptions,
  { confirm, onPhase = () => {}, ...frame }: Frame & ReinitHooks,
): Promise<ReinitOutcome> {
  if (!dryRun && confirm === undefined)
    throw new HoldfastError("E_CONFIRM", "a reinit needs confirmation", {
      hint: "give confirm, which is called with the plan",
    });
  return await reinit({ ...site, dryRun }, { ...frame, confirm: confirm ?? (async () => {}), onPhase });
}

export function reinitSummary({ reinit: id, safetyRun, preview, rows, warnings }: ReinitOutcome): ReinitSummary {
  const { plan, moves, adminCommand, site, unit } = preview;
  const tables = plan.tables.map(({ table, action, clears, keeps, why }) => ({
    table: table.id,
    action,
    clears,
    keeps,
    why,
  }));
  return {
    reinit: id,
    site,
    unit,
    rows,
    tables,
    moves,
    admin_command: adminCommand !== undefined,
    safety_run: safetyRun,
    problems: plan.problems,
    warnings: id === null ? plan.warnings : warnings,
  };
}

export interface RecoverReinitSummary {
  readonly reinit: string;
  readonly phase: "completed" | "taken back";
}

/** Ends an interrupted reinit. Throws what `recoverReinit` throws. */
export const recoverReinitOf = async (
  site: Pick<ReinitRequest, "config" | "store">,
  frame: Frame,
): Promise<RecoverReinitSummary> => await recoverReinit(site, frame);
