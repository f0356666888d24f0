/** Commands that are written as lists of words: `["CMD", "mysqladmin", "-pWORD"]`, or a line for each word. */

const FLOW = /\[(?:\s*(?:"(?:[^"\\\n]|\\.)*"|'[^'\n]*'|[^\s,[\]"'{}]+)\s*(?:,|(?=\])))+\s*\]/g;
const BLOCK = /^([ \t]*)-[ \t]+[^\n]*(?:\n\1-[ \t]+[^\n]*)+/gm;

/**
 * Joins the words of each list by spaces, as on a command line. The result has the length of the text, so that matches
 * in it have the same positions.
 */
export const asCommandLines = (text: string): string =>
  text
    .replaceAll(FLOW, blank)
    .replaceAll(BLOCK, (list) => blank(list.replaceAll(/(^|\n)([ \t]*)-(?=[ \t])/g, "$1$2 ")));

const blank = (list: string): string => list.replaceAll(/[[\],"'\n]/g, " ");
