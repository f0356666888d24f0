/**
 * Chooses the destinations of a package's trees on this host. Each tree is staged beside its destination and swapped in
 * by renames; what it replaces is kept.
 */
import { mkdirSync, readFileSync, realpathSync, renameSync, rmdirSync, rmSync, writeFileSync } from "node:fs";
import path from "node:path";
import { display, fromString, join, toBuffer } from "../../archive/path.ts";
import { removeTree } from "../../archive/tree/remove.ts";
import { RESTORE_PREFIX } from "../../archive/tree/walk.ts";
import type { SiteConfig } from "../../config/load.ts";
import { isOurs } from "../../database/access/private-directory.ts";
import { HoldfastError, systemCode } from "../../errors.ts";
import { describeOwner, livenessOf, ownerOfThisProcess, ownerSchema } from "../../store/lock/process-owner.ts";
import { taken } from "../restore/stage/bases.ts";
import type { Replace } from "../journals/operations.ts";
import { replace, undoReplace } from "../restore/swap/replace-tree.ts";
import { pathExists } from "../../archive/tree/path-exists.ts";
import type { PackageManifest } from "./format.ts";
import { configuredTrees, isBelow } from "./trees.ts";

export interface TreeTarget {
  readonly name: string;
  /** An absolute path. */
  readonly live: string;
}

export interface PlaceRules {
  /** The site's root, if no config gives one. */
  readonly directory: string | undefined;
  readonly config: SiteConfig | undefined;
  readonly map: Readonly<Record<string, string>>;
}

/**
 * Assigns a destination to each tree. Throws `E_USAGE` for a tree without one, or a name that the package lacks;
 * `E_TARGET` if one would be inside another.
 */
export function placeTrees({ trees }: PackageManifest, { directory, config, map }: PlaceRules): TreeTarget[] {
  const names = trees.map(({ name }) => name);
  const unknown = Object.keys(map).find((name) => !names.includes(name));
  if (unknown !== undefined)
    throw new HoldfastError("E_USAGE", `the package has no tree ${unknown}`, {
      hint: names.length === 0 ? "the package has no trees" : `its trees are ${names.join(", ")}`,
    });
  const configured = config === undefined ? [] : configuredTrees(config);
  const targets = trees.map(({ name, place }): TreeTarget => {
    const own = map[name];
    if (own !== undefined) return { name, live: path.resolve(own) };
    if (directory !== undefined) return { name, live: below(directory, place ?? path.join("outside", name)) };
    const found = configured.find((tree) => tree.name === name);
    if (found !== undefined) return { name, live: found.directory };
    throw new HoldfastError("E_USAGE", `the config has no path for ${name}`, {
      hint: `set its destination with --map ${name}=DIRECTORY`,
    });
  });
  const real = targets.map((target) => ({ ...target, live: followed(target.live) }));
  for (const one of real)
    for (const other of real)
      if (one !== other && (one.live === other.live || isBelow(one.live, other.live)))
        throw new HoldfastError("E_TARGET", `${one.name} would be in ${other.name}`, {
          hint: "give each its own directory with --map",
        });
  return real;
}

/** Resolves a path of the package below the directory. Throws `E_PACKAGE` if it points outside. */
function below(directory: string, place: string): string {
  const found = path.resolve(directory, place);
  if (found === directory || !isBelow(found, directory))
    throw new HoldfastError("E_PACKAGE", `the package names ${place}, which is outside ${directory}`);
  return found;
}

/** Resolves the links in a path, as far as it exists. */
function followed(place: string): string {
  try {
    return realpathSync(place);
  } catch {
    const parent = path.dirname(place);
    return parent === place ? place : path.join(followed(parent), path.basename(place));
  }
}

/** The staging directory of one tree. */
export class TreeStaging {
  readonly target: TreeTarget;
  readonly #base: string;
  /** The first parent directory that was created for it. */
  #made: string | undefined;

  /**
   * `id` is that of a restore with a journal. Without one the directory's name is fixed, so that the next restore finds
   * an interrupted one.
   */
  constructor(target: TreeTarget, id = "package") {
    this.target = target;
    this.#base = path.join(path.dirname(target.live), `${RESTORE_PREFIX}${id}-${path.basename(target.live)}`);
  }

  get base(): string {
    return this.#base;
  }

  get fresh(): string {
    return path.join(this.#base, "fresh");
  }

  get aside(): string {
    return path.join(this.#base, "aside");
  }

  get operation(): Replace {
    return {
      kind: "replace",
      live: fromString(this.target.live),
      fresh: fromString(this.fresh),
      aside: fromString(this.aside),
      carry: [],
    };
  }

  /**
   * Makes the directory. First repairs what a killed restore left, and rolls back its incomplete swap. Throws
   * `E_LOCKED` if that restore is still running.
   */
  prepare(): void {
    this.#repair();
    this.#made = mkdirSync(path.dirname(this.#base), { recursive: true });
    try {
      mkdirSync(this.#base, { mode: 0o700 });
    } catch (error) {
      if (systemCode(error) !== "EEXIST") throw error;
      throw new HoldfastError("E_LOCKED", `another restore works on ${this.target.live}`);
    }
    writeFileSync(this.#ownerFile, JSON.stringify(ownerOfThisProcess("restore", "package")));
  }

  async swap(): Promise<void> {
    await replace(this.operation);
  }

  async undo(): Promise<void> {
    await undoReplace(this.operation);
  }

  /** Removes temporary files; returns the path where what was replaced is kept, if anything was. */
  keep(stamp: string): string | undefined {
    removeTree(fromString(this.fresh));
    rmSync(this.#ownerFile, { force: true });
    if (!pathExists(fromString(this.aside))) {
      removeTree(fromString(this.#base));
      return undefined;
    }
    const kept = path.join(path.dirname(this.#base), `${RESTORE_PREFIX}${stamp}-${path.basename(this.target.live)}`);
    renameSync(this.aside, kept);
    rmdirSync(this.#base);
    return kept;
  }

  /** Removes the staged files after a failure. What was replaced and could not be put back stays. */
  discard(): void {
    if (pathExists(fromString(this.aside))) return;
    removeTree(fromString(this.#base));
    if (this.#made === undefined) return;
    try {
      // Removes the created parents, as long as they are empty.
      for (let one = path.dirname(this.#base); one.length >= this.#made.length; one = path.dirname(one)) rmdirSync(one);
    } catch {
      // It is not empty: something else uses it.
    }
  }

  get #ownerFile(): string {
    return path.join(this.#base, "owner.json");
  }

  #repair(): void {
    const base = fromString(this.#base);
    if (!pathExists(base)) return;
    if (!isOurs(this.#base)) throw taken(base);
    const owner = this.#owner();
    if (owner !== undefined && livenessOf(owner) !== "dead")
      throw new HoldfastError("E_LOCKED", `${this.target.live} is being restored by ${describeOwner(owner)}`);
    const [aside, live] = [fromString(this.aside), fromString(this.target.live)];
    if (pathExists(aside) && !pathExists(live)) renameSync(toBuffer(aside), toBuffer(live));
    if (pathExists(aside)) this.keep(`${Date.now()}`);
    else removeTree(base);
    if (pathExists(join(base, "fresh"))) throw new HoldfastError("E_TARGET", `${display(base)} cannot be removed`);
  }

  #owner() {
    try {
      const found = ownerSchema.safeParse(JSON.parse(readFileSync(this.#ownerFile, "utf8")));
      return found.success ? found.data : undefined;
    } catch {
      return undefined; // killed before it wrote its owner
    }
  }
}
