/** Finds the lines of keys in the text of a config. */
import { isMap, isNode, isScalar, isSeq, type Document, type LineCounter } from "yaml";

/** Returns the line of a key such as `trees[0].path` or of its path, or that of the nearest key above it. */
export type LineFinder = (key: string | readonly PropertyKey[]) => number;

/**
 * Returns a finder for a document. A list of one item may be written without its index, and a single value with it.
 */
export function lineFinder(document: Document.Parsed, lines: LineCounter): LineFinder {
  return (key) => {
    let node: unknown = document.contents;
    let offset = 0;
    const segments = typeof key === "string" ? key.split(/[.[\]]+/).filter((part) => part !== "") : key.map(String);
    for (const segment of segments) {
      const isIndex = /^\d+$/.test(segment);
      if (isSeq(node)) {
        node = node.items[isIndex ? Number(segment) : 0];
        if (isNode(node)) offset = node.range?.[0] ?? offset;
        if (isIndex) continue;
      }
      if (!isMap(node)) continue;
      const pair = node.items.find((one) => isScalar(one.key) && String(one.key.value) === segment);
      if (pair === undefined && !isIndex) break;
      if (pair === undefined) continue;
      if (isScalar(pair.key)) offset = pair.key.range?.[0] ?? offset;
      node = pair.value;
    }
    return lines.linePos(offset).line;
  };
}
