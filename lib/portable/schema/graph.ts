/** Directed graphs of tables. Nothing here recurses, so large schemas are safe. */

/** The targets of each node. A node that is only a target need not be a key. */
export type Graph = ReadonlyMap<string, readonly string[]>;

/** Compares by code unit, which is the same on every machine. */
export const byName = (a: string, b: string): number => (a < b ? -1 : Number(a > b));

interface Visit {
  readonly node: string;
  readonly targets: readonly string[];
  next: number;
}

/** Returns the strongly connected components, referenced ones first (Tarjan). */
export function stronglyConnected(graph: Graph): string[][] {
  const index = new Map<string, number>();
  const low = new Map<string, number>();
  const onStack = new Set<string>();
  const stack: string[] = [];
  const components: string[][] = [];
  const lower = (node: string, to: number): void => void low.set(node, Math.min(low.get(node) ?? to, to));
  const enter = (node: string): Visit => {
    index.set(node, index.size);
    low.set(node, index.size - 1);
    stack.push(node);
    onStack.add(node);
    return { node, targets: graph.get(node) ?? [], next: 0 };
  };
  for (const root of graph.keys()) {
    if (index.has(root)) continue;
    const visits = [enter(root)];
    for (let visit = visits.at(-1); visit !== undefined; visit = visits.at(-1)) {
      const target = visit.targets[visit.next++];
      if (target !== undefined) {
        const seen = index.get(target);
        if (seen === undefined) visits.push(enter(target));
        else if (onStack.has(target)) lower(visit.node, seen);
        continue;
      }
      visits.pop();
      const parent = visits.at(-1);
      if (parent !== undefined) lower(parent.node, low.get(visit.node) ?? 0);
      if (low.get(visit.node) !== index.get(visit.node)) continue;
      const component = stack.splice(stack.lastIndexOf(visit.node));
      for (const node of component) onStack.delete(node);
      components.push(component);
    }
  }
  return components;
}

/**
 * Returns the nodes of a path between two nodes, both included. A path from a node to itself has another node, or is
 * its loop.
 */
export function pathBetween(graph: Graph, from: string, to: string): string[] | undefined {
  const cameFrom = new Map<string, string>();
  const open = [from];
  for (const node of open) {
    for (const target of graph.get(node) ?? []) {
      if (cameFrom.has(target)) continue;
      cameFrom.set(target, node);
      if (target === to) return backwards(cameFrom, from, to);
      open.push(target);
    }
  }
  return undefined;
}

function backwards(cameFrom: ReadonlyMap<string, string>, from: string, to: string): string[] {
  const path = [to];
  for (let node = cameFrom.get(to); node !== undefined; node = cameFrom.get(node)) {
    path.unshift(node);
    if (node === from) break;
  }
  return path;
}
