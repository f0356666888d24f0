/** Derives the options of the steps from flags and config. A sub-script can import it without loading all steps. */
import { defaultThreads } from "../../archive/pool.ts";
import type { SiteConfig } from "../../config/load.ts";
import { HoldfastError } from "../../errors.ts";
import type { StepContext } from "../../steps/core/context.ts";
import type { BackupRequest } from "./request.ts";

/** Returns the options of the steps, from the flags and the config. */
export const stepOptions = (
  config: SiteConfig,
  request: BackupRequest,
  textTypes: readonly string[],
  resume: boolean,
): StepContext["options"] => ({
  only: request.only,
  skip: request.skip,
  textTypes,
  existing: request.existing,
  workers: request.workers ?? config.workers ?? defaultThreads(),
  checksums: request.checksums,
  resume,
  dryRun: request.dryRun,
});

/** Replaces `default` by the first text type. Throws `E_USAGE` for a type that the config does not have. */
export function chooseTextTypes(config: SiteConfig, asked: readonly string[]): string[] {
  const known = Object.keys(config.projects?.compiled?.text_types ?? {});
  return asked.map((type) => {
    if (known.includes(type)) return type;
    const [first] = known;
    if (type === "default" && first !== undefined) return first;
    throw new HoldfastError("E_USAGE", `the config has no text type ${type}`, {
      hint: `text types of this site: ${known.join(", ") || "none"}`,
    });
  });
}
