/** Finds the targets of links outside of the site for `follow_links`: each is a tree of its own. */
import { statSync } from "node:fs";
import type { BytePath } from "../../archive/entry.ts";
import { join, toBuffer } from "../../archive/path.ts";
import { MAY_LEAD_OUT } from "../../archive/build/fingerprint-tree.ts";
import { walk } from "../../archive/tree/walk.ts";
import type { Claims, FoundLink } from "../claims/site.ts";
import type { TreeWalker, Walk } from "../core/tree-walker.ts";

/**
 * Walks every tree of the site, and every directory found on the way, for symlinks that point outside. Returns their
 * outermost targets, sorted: real paths that contain nothing of another unit.
 */
export async function linkedPlaces(claims: Claims, walker: TreeWalker): Promise<BytePath[]> {
  const roots = (await claims.fixed()).filter(({ step }) => step !== "infra" && step !== "db").map((one) => one.path);
  const waiting = [...roots, ...(await claims.projectTrees()).paths];
  const places = new Set<BytePath>();
  for (let root = waiting.pop(); root !== undefined; root = waiting.pop()) {
    await claims.noteLinks(await walker.walk(linkWalk, { root, exclude: await claims.within(root) }));
    for (const place of await claims.followed())
      if (!places.has(place)) {
        places.add(place);
        waiting.push(place);
      }
  }
  return await claims.followed();
}

export interface LinkRequest {
  readonly root: BytePath;
  /** Absolute paths that are left out. */
  readonly exclude: readonly BytePath[];
}

const linkWalk: Walk<LinkRequest, FoundLink[]> = {
  kind: "links",
  walk: linksIn,
  isResult: (value): value is FoundLink[] => Array.isArray(value),
};

/** Returns the symlinks of a tree that may point outside. */
export function linksIn({ root, exclude }: LinkRequest): FoundLink[] {
  const names = new Set(exclude);
  const links: FoundLink[] = [];
  if (!isDirectory(root)) return links;
  const entries = walk(root, { exclude: (at) => names.has(join(root, at)), onError: () => {} });
  for (const { path, type, target } of entries)
    if (type === "symlink" && MAY_LEAD_OUT.test(target)) links.push({ path: join(root, path), target });
  return links;
}

function isDirectory(file: BytePath): boolean {
  try {
    return statSync(toBuffer(file)).isDirectory();
  } catch {
    return false; // its unit's failure says why
  }
}
