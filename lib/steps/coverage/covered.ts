/** A set of covered paths, some of them templates, as a tree of their names. */
import type { BytePath } from "../../archive/entry.ts";
import { fromString } from "../../archive/path.ts";
import { segmentPattern } from "../claims/path-template.ts";

interface Node {
  readonly names: Map<BytePath, Node>;
  readonly patterns: { readonly segment: string; readonly pattern: RegExp; readonly node: Node }[];
  /** The coverage of a path: everything below it, or the directory alone. */
  covers: "all" | "directory" | undefined;
}

const newNode = (): Node => ({ names: new Map(), patterns: [], covers: undefined });

export class CoveredPaths {
  readonly #root = newNode();

  /** Adds an absolute path: it and all below it are covered. */
  add(file: BytePath): void {
    let node = this.#root;
    for (const name of namesOf(file)) {
      const next = node.names.get(name) ?? newNode();
      node.names.set(name, next);
      node = next;
    }
    node.covers = "all";
  }

  /**
   * Adds an absolute path of directories, whose names may contain `{fields}`: all matches and their contents are
   * covered.
   */
  addDirectories(template: string): void {
    let node = this.#root;
    for (const segment of namesOf(template))
      node = segment.includes("{") ? byPattern(node, segment) : byName(node, segment);
    node.covers ??= "directory";
  }

  /** Returns `covered` for a path that is covered, `partly` for a parent of covered ones, `not` for any other. */
  look(file: BytePath, isDirectory: boolean): "covered" | "partly" | "not" {
    let nodes = [this.#root];
    for (const name of namesOf(file)) {
      if (nodes.some(({ covers }) => covers !== undefined)) return "covered";
      nodes = nodes.flatMap((node) => step(node, name));
      if (nodes.length === 0) return "not";
    }
    if (nodes.some(({ covers }) => covers === "all" || (covers === "directory" && isDirectory))) return "covered";
    return isDirectory ? "partly" : "not";
  }
}

function step(node: Node, name: BytePath): Node[] {
  const named = node.names.get(name);
  const matched = node.patterns.filter(({ pattern }) => pattern.test(name)).map((one) => one.node);
  return named === undefined ? matched : [named, ...matched];
}

function byName(node: Node, segment: string): Node {
  const name = fromString(segment);
  const next = node.names.get(name) ?? newNode();
  node.names.set(name, next);
  return next;
}

function byPattern(node: Node, segment: string): Node {
  const known = node.patterns.find((one) => one.segment === segment);
  if (known !== undefined) return known.node;
  const next = newNode();
  node.patterns.push({ segment, pattern: segmentPattern(segment), node: next });
  return next;
}

const namesOf = (file: string): string[] => file.split("/").filter((name) => name !== "");
