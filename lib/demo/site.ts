/** A whole site to try Holdfast on: what seed data, texts and servers would be on a real host, in a few megabytes. */
import { mkdirSync, readdirSync } from "node:fs";
import path from "node:path";
import { HoldfastError } from "../errors.ts";
import { commitApplication, writeApplication } from "./application.ts";
import { MediaCache } from "./cache.ts";
import { writeCompiled } from "./compiled.ts";
import { DEMO_CONFIG } from "./config.ts";
import { writeCacheDatabases, writeSiteDatabase } from "./databases.ts";
import { writeLegacy, writeMediaTrees } from "./media-trees.ts";
import { demoProjects } from "./project.ts";
import { writeOrphan, writeSource } from "./source.ts";
import { Tree } from "./tree.ts";

export interface DemoOptions {
  /** How many projects; 8, one of each kind, when absent. */
  readonly projects?: number;
  /** How many times each text is told: pages, recordings and pictures grow with it. */
  readonly scale?: number;
  readonly signal?: AbortSignal;
}

export interface DemoSite {
  readonly root: string;
  /** The config file that describes the site. */
  readonly config: string;
}

/**
 * Makes the demo site in `directory` (created, or empty): `clara/`, the site, and `site.yaml`, its config. The same
 * options give the same content and times everywhere, but for the WAL's salt and what git notes of its own. Throws
 * `E_USAGE` when something is there already.
 */
export async function makeDemoSite(directory: string, options: DemoOptions = {}): Promise<DemoSite> {
  mkdirSync(directory, { recursive: true });
  if (readdirSync(directory).length > 0) {
    throw new HoldfastError("E_USAGE", `${directory} is not empty`, { hint: "name a new directory for the demo site" });
  }
  const tree = new Tree(path.join(directory, "clara"));
  const cache = new MediaCache(tree);
  const projects = demoProjects(options.projects ?? 8, options.scale ?? 1);
  for (const project of projects) {
    writeSource(tree, project);
    writeCompiled(tree, cache, project);
  }
  writeOrphan(tree);
  writeLegacy(tree);
  writeMediaTrees(tree);
  writeCacheDatabases(tree, cache, projects);
  writeSiteDatabase(tree, projects);
  writeApplication(tree);
  tree.settle();
  await commitApplication(tree, options.signal ?? new AbortController().signal);
  new Tree(directory).write("site.yaml", DEMO_CONFIG);
  return { root: tree.root, config: path.join(directory, "site.yaml") };
}
