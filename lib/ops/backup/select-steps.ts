/** Selects the steps and units of a backup; an unknown name is an error. */
import { distance } from "fastest-levenshtein";
import type { SiteConfig } from "../../config/load.ts";
import { HoldfastError } from "../../errors.ts";
import type { Scope } from "../../model/run.ts";
import type { StepContext } from "../../steps/core/context.ts";
import type { Step } from "../../steps/core/step.ts";
import { loadSteps } from "../../steps/registry.ts";
import type { BackupRequest } from "./request.ts";

/** Returns the requested steps. Throws `E_USAGE` for one that the config does not have. */
export async function chooseSteps(config: SiteConfig, request: BackupRequest): Promise<Step[]> {
  const configured = (await loadSteps()).filter((step) => step.isConfigured(config));
  if (configured.length === 0) throw new HoldfastError("E_CONFIG", "the config has nothing to back up");
  for (const name of request.steps) {
    if (!configured.some((step) => step.name === name)) {
      throw new HoldfastError("E_USAGE", `the config has nothing for the step ${name}`, {
        hint: `configured steps: ${configured.map((step) => step.name).join(", ")}`,
      });
    }
  }
  return request.steps.length === 0 ? configured : configured.filter((step) => request.steps.includes(step.name));
}

/** Returns the scope of the run: `full`, or its restrictions. */
export function scopeOf(request: BackupRequest, steps: readonly Step[], textTypes: readonly string[]): Scope {
  const { only, skip } = request;
  if (request.steps.length === 0 && only.length === 0 && skip.length === 0 && textTypes.length === 0) return "full";
  return {
    ...(request.steps.length === 0 ? {} : { steps: steps.map((step) => step.name) }),
    ...(only.length === 0 ? {} : { only: [...only] }),
    ...(skip.length === 0 ? {} : { skip: [...skip] }),
    ...(textTypes.length === 0 ? {} : { text_types: [...textTypes] }),
  };
}

/**
 * Checks `--only` and `--skip` against the names of each step, and returns the steps with a selected unit. Throws
 * `E_USAGE` for a name that no selected step knows; if a step's units cannot be listed, throws that error, because the
 * name may be among them.
 */
export async function checkSelection(context: StepContext, steps: readonly Step[]): Promise<readonly Step[]> {
  const { only, skip } = context.options;
  if (only.length === 0 && skip.length === 0) return steps;
  const known = new Map<Step, readonly string[]>();
  let unlisted: unknown;
  for (const step of steps) {
    try {
      known.set(step, await step.names(context));
    } catch (error) {
      context.signal.throwIfAborted();
      unlisted ??= error;
    }
  }
  const all = [...new Set([...known.values()].flat())];
  for (const name of [...only, ...skip]) {
    if (all.includes(name)) continue;
    if (unlisted !== undefined) throw unlisted;
    const [nearest] = all.map((one) => ({ one, away: distance(name, one) })).toSorted((a, b) => a.away - b.away);
    throw new HoldfastError("E_USAGE", `no selected step has a unit ${name}`, {
      hint:
        nearest === undefined
          ? "there are no units to select from"
          : `did you mean ${nearest.one}? --dry-run shows every unit`,
    });
  }
  return only.length === 0 ? steps : steps.filter((step) => known.get(step)?.some((name) => only.includes(name)));
}
