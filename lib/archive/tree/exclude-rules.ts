/** Rules by which a tree leaves out some of what lies in it. */
import { closeSync, constants, openSync, readSync, statSync } from "node:fs";
import { fileExists } from "./path-exists.ts";
import gitignore from "ignore";
import type { BytePath, Entry } from "../entry.ts";
import { basename, fromString, join, toBuffer } from "../path.ts";

/** Plain data: it crosses the border of a thread, and metadata records it. */
export interface ExcludeRules {
  /** Patterns by the rules of gitignore(5), relative to the tree. */
  readonly patterns: readonly string[];
  /** Leaves out what lies in directories with a valid CACHEDIR.TAG. https://bford.info/cachedir/ */
  readonly caches: boolean;
  /** Names of files: what lies in a directory that holds one is left out, but for that file. */
  readonly markers: readonly string[];
}

const CACHE_TAG = "CACHEDIR.TAG";
const CACHE_SIGNATURE = "Signature: 8a477f597d28d172789f06886806bc55";

/** Returns a test of the entries of a walk of `root`, which has to see each directory before what lies in it. */
export function excludeTest(root: BytePath, rules: ExcludeRules): (entry: Entry) => boolean {
  // Patterns and paths are compared byte by byte, as git does it.
  const matcher = gitignore({ ignorecase: false }).add(rules.patterns.map(fromString));
  const markers = rules.markers.map(fromString);
  const marked = new Map<BytePath, BytePath>();
  const looksForMarks = rules.caches || markers.length > 0;
  const mark = (directory: BytePath): void => {
    const found = looksForMarks ? markOf(join(root, directory), markers, rules.caches) : undefined;
    if (found !== undefined) marked.set(directory, found);
  };
  mark("");
  return ({ path, type }) => {
    const kept = marked.get(path.slice(0, Math.max(0, path.lastIndexOf("/"))));
    if (kept !== undefined && basename(path) !== kept) return true;
    if (rules.patterns.length > 0 && matcher.ignores(type === "directory" ? `${path}/` : path)) return true;
    if (type === "directory") mark(path);
    return false;
  };
}

function markOf(directory: BytePath, markers: readonly BytePath[], caches: boolean): BytePath | undefined {
  const marker = markers.find((name) => fileExists(toBuffer(join(directory, name))));
  return marker ?? (caches && hasCacheTag(directory) ? CACHE_TAG : undefined);
}

function hasCacheTag(directory: BytePath): boolean {
  const file = toBuffer(join(directory, CACHE_TAG));
  try {
    if (!statSync(file).isFile()) return false;
    const descriptor = openSync(file, constants.O_RDONLY | constants.O_NONBLOCK);
    try {
      const head = Buffer.alloc(CACHE_SIGNATURE.length);
      readSync(descriptor, head);
      return head.toString("latin1") === CACHE_SIGNATURE;
    } finally {
      closeSync(descriptor);
    }
  } catch {
    return false;
  }
}
