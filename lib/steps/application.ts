/** Finds the version of the application in a run. */
import path from "node:path";
import { fileExists } from "../archive/tree/path-exists.ts";
import type { SiteConfig } from "../config/load.ts";
import { gitIn } from "../exec/git.ts";
import type { UnitMetadata } from "../model/unit.ts";

/** Commit, described version and whether files under version control were changed; nulls where there is no checkout. */
export async function applicationState(config: SiteConfig, signal: AbortSignal): Promise<UnitMetadata["app"]> {
  const unknown = { commit: null, version: null, dirty: null };
  const repo = path.resolve(config.root, config.infra?.repo ?? ".");
  if (!fileExists(path.join(repo, ".git"))) return unknown;
  const run = gitIn(repo, signal);
  const git = async (...args: readonly string[]): Promise<string | null> =>
    await run(...args).then(
      ({ exitCode, stdout }) => (exitCode === 0 ? stdout.trim() : null),
      () => {
        signal.throwIfAborted();
        return null;
      },
    );
  const commit = await git("rev-parse", "HEAD");
  if (commit === null) return unknown;
  const changes = await git("status", "--porcelain", "--untracked-files=no");
  return {
    commit,
    version: await git("describe", "--tags", "--always"),
    dirty: changes === null ? null : changes !== "",
  };
}
