/** What a config leaves uncovered, asked as a backup asks it. */
import { Claims } from "../../lib/steps/claims/site.ts";
import { findUncovered } from "../../lib/steps/coverage/uncovered.ts";
import type { SiteConfig } from "../../lib/config/load.ts";
import { ProjectSource } from "../../lib/steps/core/projects.ts";

export async function uncoveredBy(config: SiteConfig, store: string): Promise<string[]> {
  const { signal } = new AbortController();
  return await findUncovered(
    config,
    store,
    new Claims(config, store, new ProjectSource(config, undefined, signal)),
    signal,
  );
}
