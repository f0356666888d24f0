/** Commands that are written as lists of words: `["CMD", "mysqladmin", "-pWORD"]`, or a line for each word. */

const FLOW = /\[(?:\s*(?:"(?:[^"\\\n]|\\.)*"|'[^'\n]*'|[^\s,[\]"'{}]+)\s*(?:,|(?=\])))+\s*\]/g;
const BLOCK = /^([ \t]*)-[ \t]+[^\n]*(?:\n\1-[ \t]+[^\n]*)+/gm;

/**
 * Returns a text of the same length in which the words of each list stand on one line, parted by spaces, as on a
 * command line: what is found in it stands at the same place in the text.
 */
export const asCommandLines = (text: string): string =>
  text
    .replaceAll(FLOW, blank)
    .replaceAll(BLOCK, (list) => blank(list.replaceAll(/(^|\n)([ \t]*)-(?=[ \t])/g, "$1$2 ")));

const blank = (list: string): string => list.replaceAll(/[[\],"'\n]/g, " ");
