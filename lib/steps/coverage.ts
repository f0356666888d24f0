/** What lies under the site's root and no step covers. Walks only as deep as it must: a tree that a step takes is not entered. */
import { readdirSync, type Dirent } from "node:fs";
import path from "node:path";
import glob from "fast-glob";
import picomatch from "picomatch";
import type { BytePath } from "../archive/entry.ts";
import { display, fromString, join, toBuffer } from "../archive/path.ts";
import { isThere, RESTORE_PREFIX } from "../archive/walk.ts";
import type { SiteConfig } from "../config/load.ts";
import { describeUrl } from "../database/url.ts";
import { systemCode } from "../errors.ts";
import { runCommand } from "../exec/command.ts";
import { segmentPattern, templateBase } from "./template.ts";

/** One covered path as patterns of its segments, still to be matched. */
type Pattern = readonly RegExp[];

/** The uncovered paths, relative to the root, directories with a trailing slash, sorted. `store` and the config itself are known. */
export async function findUncovered(config: SiteConfig, store: string, signal: AbortSignal): Promise<string[]> {
  const patterns = [...coveredPaths(config), path.join(store), config.file, ...(await trackedFiles(config, signal))]
    .map((covered) => path.relative(config.root, path.resolve(config.root, covered)))
    .filter((relative) => relative !== "" && relative !== ".." && !relative.startsWith("../"))
    .map((relative): Pattern => relative.split("/").map(segmentPattern));
  const isIgnored = ignoreMatcher(config.ignore);
  const found: string[] = [];
  const visit = (directory: BytePath, within: readonly Pattern[]): void => {
    for (const entry of entriesOf(join(fromString(config.root), directory))) {
      const bytes = entry.name.toString("latin1");
      const inner = join(directory, bytes);
      const name = display(inner);
      const rests = within.filter(([first]) => first?.test(bytes) === true).map((pattern) => pattern.slice(1));
      if (rests.some((rest) => rest.length === 0) || isIgnored(name)) continue;
      if (entry.isDirectory() && rests.length > 0) visit(inner, rests);
      else found.push(entry.isDirectory() ? `${name}/` : name);
    }
  };
  visit("", patterns);
  return found.toSorted();
}

/** What a directory holds; of one that has gone, or that may not be read (which fails the units in it), nothing. */
function entriesOf(directory: BytePath): Dirent<Buffer>[] {
  try {
    return readdirSync(toBuffer(directory), { withFileTypes: true, encoding: "buffer" }).filter(
      ({ name }) => !name.toString("latin1").startsWith(RESTORE_PREFIX),
    );
  } catch (error) {
    if (["ENOENT", "ENOTDIR", "EACCES"].includes(systemCode(error) ?? "")) return [];
    throw error;
  }
}

/** Paths and path templates that the configured steps take, relative to the root or absolute. */
function coveredPaths(config: SiteConfig): string[] {
  const { projects, legacy, audio_cache, snapshots, infra, database } = config;
  const source = projects?.source;
  const databases = [
    ...(audio_cache?.databases ?? []),
    ...(database ?? [])
      .map(({ url }) => describeUrl(url))
      .flatMap((location) => (location.engine === "sqlite" ? [location.path] : [])),
  ];
  return [
    ...(source !== undefined && "path" in source ? [covering(source.path)] : []),
    ...Object.values(projects?.compiled?.text_types ?? {}).map((type) => covering(type.path)),
    ...(legacy === undefined ? [] : [legacy.path]),
    ...(audio_cache === undefined ? [] : [audio_cache.path]),
    ...databases.flatMap((file) => [file, `${file}-wal`, `${file}-shm`, `${file}-journal`]),
    ...(snapshots?.media ?? []),
    ...(infra === undefined
      ? []
      : [infra.env, infra.settings, infra.nginx, infra.systemd, infra.crontabs, infra.tls].flat()
    ).flatMap((entry) =>
      glob.isDynamicPattern(entry) ? [entry, ...glob.sync(entry, { cwd: config.root, dot: true })] : [entry],
    ),
  ];
}

/** A template whose only field ends its last segment covers the whole directory: strays in it are units too. */
const covering = (template: string): string => {
  const base = templateBase(template);
  return template.slice(base.length + 1).includes("/") ? template : base;
};

/** The files under version control: the repository holds them, and `infra/git_info.txt` says which commit. */
async function trackedFiles(config: SiteConfig, signal: AbortSignal): Promise<string[]> {
  const repo = config.infra?.repo;
  if (repo === undefined) return [];
  const directory = path.resolve(config.root, repo);
  if (!isThere(path.join(directory, ".git"))) return [];
  const argv = ["git", "-c", "safe.directory=*", "-C", directory, "ls-files", "-z"];
  // A checkout that git cannot read covers nothing: infra says why, and its files are listed as uncovered.
  const stdout = await runCommand(argv, { signal, env: { GIT_OPTIONAL_LOCKS: "0" } }).then(
    (result) => result.stdout,
    () => "",
  );
  signal.throwIfAborted();
  const files = stdout.split("\0").filter((file) => file !== "");
  return [".git", ...files].map((file) => path.join(directory, file));
}

function ignoreMatcher(ignore: readonly string[]): (name: string) => boolean {
  const matchers = ignore.map((pattern) => {
    const trimmed = pattern.replace(/\/+$/, "").replace(/^\.?\//, "");
    return picomatch(trimmed, { dot: true, ...(trimmed.includes("/") ? {} : { basename: true }) });
  });
  return (name) => matchers.some((matches) => matches(name));
}
