/**
 * Who has which path of the site, when a run is planned: what lies inside of a tree and belongs to another unit is
 * taken out of it.
 */
import { statSync } from "node:fs";
import path from "node:path";
import type { BytePath } from "../../archive/entry.ts";
import { dirname, display, fromString, isBelow, join, pathsBelow, toBuffer } from "../../archive/path.ts";
import { SIDECARS } from "../../archive/tree/sqlite-file.ts";
import { atTrusted } from "../../archive/tree/trusted-path.ts";
import { claimsOf, type Claim } from "../../config/claims.ts";
import type { SiteConfig } from "../../config/load.ts";
import { systemCode } from "../../errors.ts";
import type { Project } from "../../model/unit.ts";
import { ignoreMatcher } from "./ignore.ts";
import { inputOf } from "../infra/files/input.ts";
import { infraUnits } from "../infra/files/sources.ts";
import { templateBase } from "./path-template.ts";
import { entryPath, realPath } from "./paths.ts";
import { ProjectTrees, treeKinds } from "./project-trees.ts";

/** A path that a unit has, and the config key by which. */
export interface Owned {
  readonly key: string;
  readonly step: Claim["step"];
  /** Absolute, as the config names it. */
  readonly path: BytePath;
}

/** A link that a walk came across: its absolute path, and what it says. */
export interface FoundLink {
  readonly path: BytePath;
  readonly target: BytePath;
}

/** The rows of the site's projects. */
export interface ProjectRows {
  list(): Promise<{ readonly projects: readonly Project[] }>;
}

export class Claims {
  readonly #config: SiteConfig;
  readonly #store: BytePath;
  readonly #projects: ProjectRows;
  #fixed: Promise<readonly Owned[]> | undefined;
  #trees: Promise<ProjectTrees> | undefined;
  #fixedNames: Promise<readonly BytePath[]> | undefined;
  #projectNames: Promise<readonly BytePath[]> | undefined;
  #homes: Promise<readonly BytePath[]> | undefined;
  /** Links that lead out of everything that is backed up, by their paths. */
  readonly #outward = new Map<BytePath, BytePath>();
  /** Links that are never followed: see `TrustedPath`. */
  readonly #foreign = new Set<BytePath>();

  constructor(config: SiteConfig, store: string, projects: ProjectRows) {
    this.#config = config;
    this.#store = fromString(store);
    this.#projects = projects;
  }

  /** Returns the paths that the config names one by one: all but those of projects. */
  async fixed(): Promise<readonly Owned[]> {
    return await (this.#fixed ??= fixedClaims(this.#config));
  }

  /** The trees of the projects that the config has paths for. */
  async projectTrees(): Promise<ProjectTrees> {
    return await (this.#trees ??= this.#findProjectTrees());
  }

  /** Lists what the config takes, for people, by path: what has a path of its own, and the templates of projects. */
  async shown(): Promise<{ path: string; step: Claim["step"]; key: string }[]> {
    const templates = claimsOf(this.#config).filter(({ path: template }) => template.includes("{"));
    const fixed = (await this.fixed()).map(({ key, step, path: file }) => ({ key, step, path: this.#shown(file) }));
    const projects = templates.map(({ key, step, path: template }) => ({
      key,
      step,
      path: this.#shown(fromString(template)),
    }));
    return [...fixed.filter((one) => !SIDECARS.some((suffix) => one.path.endsWith(suffix))), ...projects].toSorted(
      (a, b) => (a.path < b.path ? -1 : 1),
    );
  }

  /** Returns config keys by the paths that they claim, without those of projects. */
  async keysByPath(): Promise<ReadonlyMap<BytePath, string>> {
    const named = (await this.fixed()).flatMap(({ path: file, key }) => [
      [file, key] as const,
      [realPath(file), key] as const,
    ]);
    return new Map(named);
  }

  /**
   * Returns the absolute paths below a tree that belong to other units. The loose files next to projects lie in a
   * directory of projects and have no path of their own.
   */
  async within(tree: BytePath, isLoose = false): Promise<BytePath[]> {
    const real = realPath(tree);
    const inner = pathsBelow(await this.#namesOfFixed(), real);
    if (!isLoose) inner.push(...pathsBelow(await this.#namesOfProjects(real), real));
    return [...new Set(inner)].map((name) => join(tree, name.slice(real === "/" ? 1 : real.length + 1)));
  }

  /** Checks whether a path belongs to another unit, by the config or as a project. A link is an entry of its own. */
  async isTaken(file: BytePath): Promise<boolean> {
    const entry = entryPath(file);
    return [await this.#namesOfFixed(), await this.#namesOfProjects(entry)].some((names) => names.includes(entry));
  }

  /** Lists every path that a unit of the config has on the site now. */
  async owned(): Promise<BytePath[]> {
    return [...(await this.fixed()).map(({ path: file }) => file), ...(await this.projectTrees()).paths];
  }

  async #namesOfFixed(): Promise<readonly BytePath[]> {
    return await (this.#fixedNames ??= this.fixed().then((owned) => namesOf(owned.map(({ path: file }) => file))));
  }

  /** The trees of projects, where some may lie in a directory, or around it. */
  async #namesOfProjects(real: BytePath): Promise<readonly BytePath[]> {
    const near = treeKinds(this.#config).some(({ template }) => {
      const base = realPath(fromString(path.resolve(this.#config.root, templateBase(template))));
      return base === real || isBelow(base, real) || isBelow(real, base);
    });
    if (!near) return [];
    return await (this.#projectNames ??= this.projectTrees().then(({ names }) => names));
  }

  /**
   * Records symlinks that point outside the site and every tree. One whose text stays inside the root is skipped: a
   * symlink on its path that points outside is recorded itself.
   */
  async noteLinks(links: readonly FoundLink[]): Promise<void> {
    const root = fromString(this.#config.root);
    for (const { path: link, target } of links) {
      const lexical = normalize(target.startsWith("/") ? target : `${dirname(link)}/${target}`);
      if (lexical === root || isBelow(lexical, root)) continue;
      const absolute = target.startsWith("/") ? target : `${realPath(dirname(link))}/${target}`;
      if (!exists(absolute)) continue;
      const real = realPath(absolute);
      const homes = await this.homes();
      if (homes.some((home) => real === home || isBelow(real, home))) continue;
      this.#outward.set(link, real);
      if (!isTrusted(link)) this.#foreign.add(link);
    }
  }

  /**
   * Returns the outermost targets of the recorded symlinks that `follow_links` adds, sorted. A target that contains the
   * site itself, or something of another unit, is not followed.
   */
  async followed(): Promise<BytePath[]> {
    if (!this.#config.follow_links) return [];
    const homes = await this.homes();
    const trusted = this.#wanted().filter(([link]) => !this.#foreign.has(link));
    const places = [...new Set(trusted.map(([, target]) => target))].filter(
      (target) => !homes.some((home) => home === target || isBelow(home, target)),
    );
    return places.filter((one) => !places.some((other) => isBelow(one, other))).toSorted();
  }

  /** Lists the recorded symlinks that are not followed, as `path -> target`, sorted. */
  async leadingOut(): Promise<string[]> {
    const followed = await this.followed();
    return this.#wanted()
      .filter(([, target]) => !followed.some((place) => place === target || isBelow(target, place)))
      .map(([link, target]) => `${this.#shown(link)} -> ${display(target)}`)
      .toSorted();
  }

  /** Returns the recorded symlinks without those that `ignore` of the config matches by path or target. */
  #wanted(): [BytePath, BytePath][] {
    const isIgnored = ignoreMatcher(this.#config.ignore);
    return [...this.#outward].filter(([link, target]) => !isIgnored(this.#shown(link)) && !isIgnored(display(target)));
  }

  /** The real paths in which nothing is lost: the root and further roots, every path that has a unit, and the store. */
  async homes(): Promise<readonly BytePath[]> {
    return await (this.#homes ??= this.#findHomes());
  }

  async #findHomes(): Promise<BytePath[]> {
    const roots = [this.#config.root, ...this.#config.roots].map((root) => path.resolve(this.#config.root, root));
    const owned = (await this.fixed()).map(({ path: file }) => file);
    return [...roots.map(fromString), ...owned, this.#store].map(realPath);
  }

  async #findProjectTrees(): Promise<ProjectTrees> {
    const keys = await this.keysByPath();
    const bases = treeKinds(this.#config).map(({ template }) =>
      fromString(path.resolve(this.#config.root, templateBase(template))),
    );
    // Without the list every directory is a stray: what rows name deeper than that cannot be known.
    const rows = await this.#projects.list().then(
      ({ projects }): readonly Project[] => projects,
      () => [],
    );
    return new ProjectTrees(
      this.#config,
      rows,
      new Set([...keys.keys(), ...bases, this.#store, realPath(this.#store), fromString(this.#config.file)]),
    );
  }

  #shown(file: BytePath): string {
    const root = fromString(this.#config.root);
    return file === root ? "." : display(file.startsWith(`${root}/`) ? file.slice(root.length + 1) : file);
  }
}

/** Returns the real paths of entries and of their targets, sorted. */
const namesOf = (paths: readonly BytePath[]): BytePath[] =>
  [...new Set(paths.flatMap((file) => [entryPath(file), realPath(file)]))].toSorted();

async function fixedClaims(config: SiteConfig): Promise<Owned[]> {
  const owned = claimsOf(config).flatMap(({ key, step, path: file, isDatabase }): Owned[] => {
    if (step === "infra" || step === "source_exports" || step === "compiled_exports") return [];
    const files = isDatabase === true ? [file, ...SIDECARS.map((suffix) => file + suffix)] : [file];
    return files.map((one) => ({ key, step, path: fromString(one) }));
  });
  if (config.infra === undefined) return owned;
  const units = await infraUnits(inputOf(config, []));
  const captured = units
    .filter(({ form }) => form !== "tls")
    .flatMap(({ sources }) => sources.flatMap((source) => (source.kind === "file" ? [source.file] : [])));
  return [...owned, ...captured.map((file): Owned => ({ key: "infra", step: "infra", path: fromString(file) }))];
}

function isTrusted(link: BytePath): boolean {
  try {
    return atTrusted(link, () => true);
  } catch {
    return false; // or it leads nowhere by now
  }
}

function exists(file: BytePath): boolean {
  try {
    return statSync(toBuffer(file), { throwIfNoEntry: false }) !== undefined;
  } catch (error) {
    return !["ELOOP", "ENOTDIR", "ENAMETOOLONG"].includes(systemCode(error) ?? ""); // else it may not be looked at
  }
}

/** The path without `.`, `..` and double slashes, by its text alone. */
const normalize = (file: BytePath): BytePath => path.posix.normalize(file).replace(/(?<=.)\/$/, "");
