/** Records the repository of the application: its origin, the current commit, and uncommitted changes. */
import { HoldfastError } from "../../errors.ts";
import { gitIn } from "../../exec/git.ts";
import type { UnitMetadata } from "../../model/unit.ts";
import { plural } from "../../report/format.ts";

export interface GitInfo {
  readonly app: UnitMetadata["app"];
  /** `git_info.txt`. */
  readonly text: string;
  readonly warnings: readonly string[];
}

/**
 * Reads the repository around `directory` and writes nothing in it. Git runs as the owner of the directory, so that
 * none of the repository's programs (monitors, hooks, filters) runs as root. Throws `E_MISSING` without a repository.
 */
export async function readGit(directory: string, signal: AbortSignal): Promise<GitInfo> {
  const git = gitIn(directory, signal);
  if ((await git("rev-parse", "--git-dir")).exitCode !== 0) {
    throw new HoldfastError("E_MISSING", `${directory} is not a git repository`, {
      hint: "correct infra.repo, or leave it out",
    });
  }
  const commit = line(await git("rev-parse", "--verify", "--quiet", "HEAD^{commit}"));
  const version = commit === null ? null : line(await git("describe", "--tags"));
  const branch = line(await git("symbolic-ref", "--short", "--quiet", "HEAD"));
  const date =
    commit === null ? null : line(await git("show", "--no-patch", "--no-show-signature", "--format=%cI", "HEAD"));
  const status = (await git("status", "--porcelain=v1", "-z", "--untracked-files=normal", "--no-renames")).stdout.split(
    "\0",
  );
  const untracked = status.filter((entry) => entry.startsWith("??")).length;
  const changed = status.filter((entry) => entry !== "").length - untracked;
  const remotes = (await git("remote", "--verbose")).stdout
    .trimEnd()
    .split("\n")
    .filter((entry) => entry !== "");
  const containing =
    commit === null
      ? []
      : (await git("branch", "--remotes", "--contains", "HEAD", "--format=%(refname:short)")).stdout.trim().split("\n");
  const published = containing.filter((name) => name !== "");

  const warnings: string[] = [];
  if (commit !== null && published.length === 0)
    warnings.push(`this commit exists only here: ${commit} is on no remote branch of ${directory}`);
  if (changed > 0)
    warnings.push(
      `${directory} has ${plural(changed, "changed file that is", "changed files that are")} not committed`,
    );
  const text = [
    `repository: ${directory}`,
    `commit: ${commit ?? "none yet"}`,
    `committed: ${date ?? "-"}`,
    `branch: ${branch ?? "none (detached)"}`,
    `version: ${version ?? "-"}`,
    `dirty: ${changed > 0 ? "yes" : "no"} (${changed} changed, ${untracked} untracked)`,
    `on a remote branch: ${published.length > 0 ? published.join(", ") : "no: this commit exists only here"}`,
    `remotes:${remotes.length === 0 ? " none" : ""}`,
    ...remotes.map((remote) => `  ${withoutCredentials(remote)}`),
  ];
  return {
    app: { commit, version, dirty: commit === null ? null : changed > 0 },
    text: `${text.join("\n")}\n`,
    warnings,
  };
}

/** A remote's line without user, password or token; the user of an SSH address stays, as it belongs to the address. */
export function withoutCredentials(remote: string): string {
  return remote
    .replace(/\b(https?|ftps?|git):\/\/[^\s/]*@/gi, "$1://")
    .replace(/\b(https?):\/\/[^\s/:]+:(?!\d+(?:\/|\s|$))\S*@/gi, "$1://")
    .replace(/\b((?:git\+)?ssh:\/\/[^\s:/@]+):[^\s@]*@/gi, "$1@")
    .replace(/(https?:\/\/[^\s?#]*)[?#]\S*/gi, "$1");
}

function line(result: { readonly stdout: string; readonly exitCode: number }): string | null {
  const text = result.stdout.trim();
  return result.exitCode === 0 && text !== "" ? text : null;
}
