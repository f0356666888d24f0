/**
 * Every site that a config takes comes back: to a directory, in place over the site, in place on an empty host, in a drill, and by the commands
 * of RESTORE.md; and what is not in the run is named. TEST_SITES sets how many sites are made up.
 */
import { execFileSync } from "node:child_process";
import { existsSync, lstatSync, lutimesSync, mkdirSync, renameSync, rmSync, utimesSync, writeFileSync } from "node:fs";
import { dirname, join, relative } from "node:path";
import fc from "fast-check";
import { expect, test } from "vitest";
import { loadConfig, type SiteConfig } from "../../lib/config/load.ts";
import { HoldfastError } from "../../lib/errors.ts";
import type { HoldfastEvent } from "../../lib/model/event.ts";
import { backup } from "../../lib/ops/backup/run.ts";
import type { BackupOutcome } from "../../lib/ops/backup/request.ts";
import { drill } from "../../lib/ops/drill/run.ts";
import { restore } from "../../lib/ops/restore/run.ts";
import type { RestoreTarget } from "../../lib/ops/restore/plan/paths/target.ts";
import { compareTrees } from "../support/compare.ts";
import { makeGenerated, siteSpec, type GeneratedSite, type SiteSpec } from "../support/sites/generated.ts";
import { makeTemp, removeTree } from "../support/temp.ts";
import { followGuide } from "../support/runs/guide.ts";

/** A value that fast-check printed for a failure, to try that one again. */
const SEED = process.env["TEST_SEED"];
const SITES = Number(process.env["TEST_SITES"] ?? 12);
const { signal } = new AbortController();

test(
  "a site of any shape is refused with a reason, or comes back whole by every way",
  { timeout: 60_000 + SITES * 30_000 },
  async () => {
    let accepted = 0;
    await fc.assert(
      fc.asyncProperty(siteSpec, async (spec) => {
        const base = makeTemp("holdfast-every-site-");
        process.env["STATE_DIRECTORY"] = join(base, "state");
        try {
          if (await comesBack(base, spec)) accepted++;
        } finally {
          removeTree(base);
        }
      }),
      { numRuns: SITES, endOnFailure: true, ...(SEED === undefined ? {} : { seed: Number(SEED) }) }, // a shrink costs as much as all of it
    );
    expect(accepted).toBeGreaterThan(SITES / 5);
  },
);

/** False for a config that is refused. */
async function comesBack(base: string, spec: SiteSpec): Promise<boolean> {
  const site = makeGenerated(base, spec);
  const said: string[] = [];
  let config: SiteConfig;
  let run: BackupOutcome;
  try {
    config = loadConfig(site.config, {});
    run = await backUp(site, (event) => {
      if (event.type === "note") said.push(event.text);
    });
  } catch (error) {
    if (!(error instanceof HoldfastError) || !["E_CONFIG", "E_NOTHING"].includes(error.code)) throw error;
    return false;
  }
  const named = [
    ...run.uncovered,
    ...run.warnings,
    ...said,
    ...run.failures.map(({ message, unit }) => `${unit}: ${message}`),
  ];

  const out = join(base, "restored");
  await bring(site, run.run, { kind: "directory", directory: out });
  expectWhole(site, out, join(out, ".holdfast/outside"), named, spec);

  const original = copyOf(base, site);
  damage(site, out);
  await bring(site, run.run, { kind: "in-place", config });
  forget(site);
  expect(differences(original.root, site.root).filter(noExchangeIn(site)), "in place").toEqual([]);
  expect(differences(original.out, site.out), "in place, outside").toEqual([]);

  renameSync(site.root, join(base, "gone"));
  if (spec.config.outside) rmSync(site.out, { recursive: true });
  await bring(site, run.run, { kind: "in-place", config });
  mkdirSync(site.root, { recursive: true });
  expectWhole({ ...site, root: original.root, out: original.out, real: site }, site.root, "", named, spec);

  const drilled = await drill(
    {
      store: site.store,
      run: run.run,
      projects: 0,
      search: false,
      changed: false,
      identities: [],
      workers: 2,
      config: undefined,
    },
    { signal, onPhase: () => {}, onCheck: () => {} },
  );
  const wrong = drilled.drills.flatMap(({ checks }) => checks.filter(({ state }) => state === "failed"));
  expect(wrong).toEqual([]);

  const byHand = join(base, "by hand");
  followGuide(run.path ?? "", byHand, join(base, "by hand outside"));
  touchLinks(original.root, byHand);
  expectWhole(
    { ...site, root: original.root, out: original.out, real: site },
    byHand,
    join(base, "by hand outside"),
    named,
    spec,
  );
  return true;
}

async function backUp(site: GeneratedSite, report: (event: HoldfastEvent) => void): Promise<BackupOutcome> {
  const request = {
    config: site.config,
    steps: [],
    only: [],
    skip: [],
    textTypes: [],
    existing: "skip" as const,
    workers: 2,
    checksums: false,
    resume: false,
    dryRun: false,
    tags: [],
    breakLock: false,
    newStore: false,
    acceptLoss: false,
    inProcess: true,
    command: "backup_all",
  };
  return await backup(request, { signal, report });
}

async function bring({ store }: GeneratedSite, run: string, target: RestoreTarget): Promise<void> {
  const request = {
    store,
    run,
    target,
    steps: [],
    units: [],
    rebuild: false,
    media: true,
    migrate: false,
    allowNewerSchema: false,
    owners: { by: "name" as const },
    restoreFlags: [],
    dryRun: false,
    workers: 2,
    breakLock: false,
    withoutSafety: "a test",
  };
  await restore(request, { signal, report: () => {}, confirm: async () => {}, onPhase: () => {} });
}

type Compared = GeneratedSite & { readonly real?: GeneratedSite };

/** Everything of the site is in the restored one, as it was, or is named. */
function expectWhole(
  site: Compared,
  restored: string,
  outside: string,
  named: readonly string[],
  spec: SiteSpec,
): void {
  const ignore = (path: string): boolean => path === ".holdfast" || path.startsWith(".holdfast/");
  const found = differences(site.root, restored, ignore);
  const unexplained = found.filter((line) => !isNamed(line, site, named, spec));
  expect(unexplained, `${restored}\nnamed: ${named.join("\n")}`).toEqual([]);
  if (spec.config.outside && outside !== "")
    expect(differences(site.out, join(outside, (site.real ?? site).out)), "outside").toEqual([]);
}

/** Whether a difference is of something that the run says it does not hold, or of a file that infra keeps. */
function isNamed(line: string, site: Compared, named: readonly string[], { config }: SiteSpec): boolean {
  const text = pathOf(line);
  if (config.settings.includes(text)) return true;
  if (config.trees.some((tree) => tree.exclude.length > 0 && isExcluded(text, tree))) return true;
  const shown = text.replaceAll("\\", "\\\\").replaceAll("\n", "\\n");
  if (line.includes("mtime") || line.includes("mode") || line.includes("owner"))
    return isContainerOfUnnamed(join(site.root, text), named, site);
  return named.some((one) => {
    const place = one.split(" -> ")[0]?.replace(/\/$/, "") ?? one;
    return (
      shown === place ||
      shown.startsWith(`${place}/`) ||
      one.includes(`/${shown}`) ||
      one.includes(`/${text} `) ||
      one.includes(`${shown}:`) ||
      place.startsWith(`${shown}/`)
    );
  });
}

const isExcluded = (text: string, tree: { readonly path: string; readonly exclude: readonly string[] }): boolean => {
  const below =
    tree.path === "." ? text : text.startsWith(`${tree.path}/`) ? text.slice(tree.path.length + 1) : undefined;
  if (below === undefined) return false;
  return tree.exclude.some((pattern) =>
    pattern === "*.txt"
      ? below.split("/").some((name) => name.endsWith(".txt"))
      : pattern === "/c/"
        ? below === "c" || below.startsWith("c/")
        : below === "in/deep" || below.startsWith("in/deep/"),
  );
};

/** A directory that no unit holds, and that is there because of what lies in it, has no attributes of its own. */
function isContainerOfUnnamed(path: string, named: readonly string[], site: Compared): boolean {
  const place = relative(site.root, path);
  return lstatSync(path).isDirectory() && named.some((one) => one.startsWith(`${place}/`));
}

/** The path that a difference is of. */
const pathOf = (line: string): string =>
  Buffer.from(JSON.parse(/^("(?:[^"\\]|\\.)*")/.exec(line)?.[1] ?? '""') as string, "latin1").toString("utf8");

function differences(a: string, b: string, ignore: (path: string) => boolean = () => false): string[] {
  return compareTrees(a, b, { ignore, without: ["links"] }).filter((line) => !isSameDatabase(a, b, line));
}

/** A database comes back with its rows; its bytes may differ. */
function isSameDatabase(a: string, b: string, line: string): boolean {
  const path = pathOf(line);
  if (!path.endsWith("data.sqlite3") || !/: (content|size)/.test(line)) return false;
  const dump = (root: string): string => execFileSync("sqlite3", [join(root, path), ".dump"], { encoding: "utf8" });
  return dump(a) === dump(b);
}

/** A database in place is exchanged for another file: it, and the directory that it is in, have the time of that. */
const noExchangeIn = ({ root, databases }: GeneratedSite) => {
  const exchanged = new Set(databases.flatMap((file) => [file, dirname(file)]).map((file) => relative(root, file)));
  return (line: string): boolean => !line.includes(": mtime ") || !exchanged.has(pathOf(line));
};

function copyOf(base: string, site: GeneratedSite): { root: string; out: string } {
  const root = join(base, "original");
  const out = join(base, "original out");
  execFileSync("cp", ["-a", site.root, root]);
  execFileSync("cp", ["-a", site.out, out]);
  return { root, out };
}

/** Spoils what the run holds: of each restored file the live one is emptied, every third is removed. */
function damage(site: GeneratedSite, restored: string): void {
  const files = execFileSync("find", [restored, "-type", "f", "-not", "-path", `${restored}/.holdfast/*`, "-print0"], {
    encoding: "latin1",
  });
  for (const [index, file] of files.split("\0").slice(0, -1).entries()) {
    const live = Buffer.from(site.root + file.slice(restored.length), "latin1");
    if (!existsSync(live)) continue;
    removeQuietly(live, index % 3 === 0 ? undefined : "spoilt");
  }
}

/** Removes a file, or puts another in its place; the directory that it is in, which may be no part of the run, keeps its time. */
function removeQuietly(file: Buffer, text: string | undefined): void {
  const parent = file.subarray(0, file.lastIndexOf("/"));
  const { atime, mtime } = lstatSync(parent);
  rmSync(file);
  if (text !== undefined) writeFileSync(file, text);
  utimesSync(parent, atime, mtime);
}

/** Confirms a restore in place by hand: what it kept beside the site goes. */
function forget({ root, store }: GeneratedSite): void {
  const kept = ["-depth", "-name", ".holdfast-restore-*"];
  const parents = execFileSync("find", [dirname(root), ...kept, "-printf", "%h\\0"], { encoding: "latin1" });
  const times = parents
    .split("\0")
    .slice(0, -1)
    .map((parent) => ({ parent, stat: lstatSync(Buffer.from(parent, "latin1")) }));
  execFileSync("find", [dirname(root), ...kept, "-exec", "rm", "-rf", "{}", ";"]);
  for (const { parent, stat } of times) utimesSync(Buffer.from(parent, "latin1"), stat.atime, stat.mtime);
  rmSync(join(store, "restores"), { recursive: true, force: true });
}

/** Gives links the times that they had: unzip does not set them. */
function touchLinks(from: string, to: string): void {
  const links = execFileSync("find", [to, "-type", "l", "-printf", "%P\\0"], { encoding: "latin1" });
  for (const link of links.split("\0").slice(0, -1)) {
    const [there, here] = [from, to].map((root) =>
      Buffer.concat([Buffer.from(`${root}/`), Buffer.from(link, "latin1")]),
    );
    if (there === undefined || here === undefined) continue;
    const { atime, mtime } = lstatSync(there);
    lutimesSync(here, atime, mtime);
  }
}
