/**
 * The files that the application's git checkout tracks: `infra/git_info.txt` says which commit of which repository
 * holds them.
 */
import path from "node:path";
import { fileExists } from "../../archive/tree/path-exists.ts";
import type { SiteConfig } from "../../config/load.ts";
import { gitIn } from "../../exec/git.ts";

/**
 * Lists `.git` and every tracked file, those of submodules too, as absolute paths. A checkout that git cannot read
 * covers nothing: the step infra says why, and its files are reported as uncovered.
 */
export async function trackedFiles({ root, infra }: SiteConfig, signal: AbortSignal): Promise<string[]> {
  if (infra?.repo === undefined) return [];
  const directory = path.resolve(root, infra.repo);
  if (!fileExists(path.join(directory, ".git"))) return [];
  // A submodule is one entry of the index: what it tracks is listed file by file, and what it does not track is not
  // covered.
  const stdout = await gitIn(directory, signal)("ls-files", "-z", "--recurse-submodules").then(
    (result) => (result.exitCode === 0 ? result.stdout : ""),
    () => "",
  );
  signal.throwIfAborted();
  const files = stdout.split("\0").filter((file) => file !== "");
  // The checkout of a submodule has a file .git that leads to its repository.
  const checkouts = [...new Set([".", ...files.map((file) => path.dirname(file))])].map((one) =>
    path.join(one, ".git"),
  );
  const repositories = checkouts.map((file) => path.join(directory, file)).filter(fileExists);
  return [...repositories, ...files.map((file) => path.join(directory, file))];
}
