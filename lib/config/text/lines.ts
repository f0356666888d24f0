/** Finds the lines of keys in the text of a config. */
import { isMap, isNode, isScalar, isSeq, type Document, type LineCounter } from "yaml";

/**
 * Returns a function that gives the line of a key such as `trees[0].path` or `trees.0.path`, or of the nearest key
 * above it. A list of one item may be written without its index, and a single value with it.
 */
export function lineFinder(document: Document.Parsed, lines: LineCounter): (key: string) => number {
  return (key) => {
    let node: unknown = document.contents;
    let offset = 0;
    for (const segment of key.split(/[.[\]]+/).filter((part) => part !== "")) {
      const isIndex = /^\d+$/.test(segment);
      if (isSeq(node)) {
        node = node.items[isIndex ? Number(segment) : 0];
        if (isNode(node)) offset = node.range?.[0] ?? offset;
        if (isIndex) continue;
      }
      if (!isMap(node)) continue;
      const pair = node.items.find((one) => isScalar(one.key) && String(one.key.value) === segment);
      if (pair === undefined) continue;
      if (isScalar(pair.key)) offset = pair.key.range?.[0] ?? offset;
      node = pair.value;
    }
    return lines.linePos(offset).line;
  };
}
