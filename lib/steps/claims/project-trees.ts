/**
 * The trees that projects have on disk: those that rows name, and the strays beside them, each belonging to one kind of
 * tree.
 */
import type { BytePath } from "../../archive/entry.ts";
import type { SiteConfig } from "../../config/load.ts";
import { HoldfastError } from "../../errors.ts";
import type { Project } from "../../model/unit.ts";
import { expandTemplate, resolveTree, takesStrays, type Found } from "./path-template.ts";
import { entryPath, realPath } from "./paths.ts";

/** A kind of tree that projects have: their source, or one text type. */
export interface TreeKind {
  readonly label: string;
  /** The config key that holds the template. */
  readonly key: string;
  readonly template: string;
}

/** The kinds of tree that a config gives its projects, the source first. */
export function treeKinds({ projects }: SiteConfig): TreeKind[] {
  const source = projects?.source;
  return [
    ...(source !== undefined && "path" in source
      ? [{ label: "source", key: "projects.source.path", template: source.path }]
      : []),
    ...Object.entries(projects?.compiled?.text_types ?? {}).map(([label, { path: template }]) => ({
      label,
      key: `projects.compiled.text_types.${label}.path`,
      template,
    })),
  ];
}

interface Owner {
  readonly key: string;
  readonly project: string;
}

export class ProjectTrees {
  readonly #config: SiteConfig;
  /** Owners by real path: the first row that names a tree has it. */
  readonly #owners = new Map<BytePath, Owner>();
  readonly #strays = new Map<string, Found[]>();
  readonly #paths: BytePath[] = [];
  readonly #names = new Set<BytePath>();

  /** `others` are the real paths that no project may take: those of other steps, and the store. */
  constructor(config: SiteConfig, rows: readonly Project[], others: ReadonlySet<BytePath>) {
    this.#config = config;
    const kinds = treeKinds(config);
    for (const { key, template } of kinds)
      for (const row of rows) {
        const tree = resolveIfThere(config, template, row);
        if (tree === undefined) continue;
        const real = realPath(tree);
        if (!this.#owners.has(real)) this.#owners.set(real, { key, project: String(row.id) });
        this.#paths.push(tree);
        this.#names.add(entryPath(tree)).add(real);
      }
    const seen = new Set(others);
    for (const { key, template } of kinds) {
      const found = expandTemplate(config.root, template).filter(({ path: tree, isDirectory }) => {
        if (!isDirectory && !takesStrays(template)) return false;
        const name = nameOf(tree, isDirectory);
        return !this.#owners.has(name) && !seen.has(name) && !seen.has(tree);
      });
      this.#strays.set(key, found);
      for (const { path: tree, isDirectory } of found) {
        seen.add(nameOf(tree, isDirectory));
        this.#paths.push(tree);
        this.#names.add(entryPath(tree)).add(nameOf(tree, isDirectory));
      }
    }
  }

  /** Every tree, and every file beside them: absolute paths, in no order. */
  get paths(): readonly BytePath[] {
    return this.#paths;
  }

  /**
   * The paths by which the trees and files may be met, links before them followed; of a link beside projects its own
   * alone.
   */
  get names(): readonly BytePath[] {
    return [...this.#names].toSorted();
  }

  /** The directories and files that a template can mean and no row or other step has, sorted by byte. */
  strays(key: string): readonly Found[] {
    return this.#strays.get(key) ?? [];
  }

  /**
   * The tree of a project's row. Throws as `resolveTree` does, and `E_CLAIM` where another row, kind of tree or step
   * has it.
   */
  treeOf({ key, template }: TreeKind, project: Project, others: ReadonlyMap<BytePath, string>): BytePath {
    const tree = resolveTree(this.#config.root, template, project, this.#config.follow_links);
    const real = realPath(tree);
    const owner = this.#owners.get(real);
    const other = others.get(real) ?? others.get(tree);
    if (other !== undefined) throw taken(template, project, other);
    if (owner !== undefined && (owner.key !== key || owner.project !== String(project.id)))
      throw taken(template, project, owner.key === key ? `project ${owner.project}` : owner.key);
    return tree;
  }
}

/** A link beside projects is a file of its own, whatever it leads to. */
const nameOf = (tree: BytePath, isDirectory: boolean): BytePath => (isDirectory ? realPath(tree) : entryPath(tree));

const taken = (template: string, { id }: Project, by: string): HoldfastError =>
  new HoldfastError("E_CLAIM", `${template} of project ${id} is the same directory as that of ${by}`);

function resolveIfThere(config: SiteConfig, template: string, row: Project): BytePath | undefined {
  try {
    return resolveTree(config.root, template, row, config.follow_links);
  } catch {
    return undefined; // its unit's failure says why
  }
}
