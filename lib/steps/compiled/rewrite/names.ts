/** The elements with rules of their own, and the pattern of tags that can be skipped. */

const SPACE = "[ \\t\\n\\f\\r]";
const NO_SPACE = "[^ \\t\\n\\f\\r>]";
const AFTER_NAME = "(?=[ \\t\\n\\f\\r/>])";

/** Returns the name without its prefix: `svg:style` is a style, too. */
export const localName = (tag: string): string => tag.slice(tag.indexOf(":") + 1);

/** Elements of HTML that only their own closing tag ends; whatever else stands in them is text. */
export const RAW_ENDS: ReadonlyMap<string, RegExp> = new Map(
  ["script", "style", "title", "textarea", "iframe", "noembed", "noframes", "xmp"].map((name) => [
    name,
    new RegExp(`</${name}${AFTER_NAME}`, "gi"),
  ]),
);

/** The element after which the rest of the document is text. */
export const PLAINTEXT = "plaintext";

/** Matches the beginning of a `<base>`, and what looks like it. */
export const BASE = new RegExp(`[<:]base${AFTER_NAME}`, "gi");

const NO_SPECIAL_NAME = `(?!(?:[^: \\t\\n\\f\\r/>]*:)?(?:${["base", PLAINTEXT, ...RAW_ENDS.keys()].join("|")})${AFTER_NAME})`;
const VALUE = `(?:"[^"]*"|'[^']*'|(?!["'])${NO_SPACE}+)`;

/**
 * A whole tag as nearly all are, of no special name. There is at most one way to match it, so that it ends where the tag
 * does. Their number is limited because each attribute takes memory of the regular expression.
 */
export const PLAIN_TAG = new RegExp(
  `<(?:/[a-z][^>]*|${NO_SPECIAL_NAME}[a-z][^ \\t\\n\\f\\r/>]*(?:${SPACE}+[a-z_][\\w:.-]*(?:=${VALUE})?){0,40}${SPACE}*/?)>`,
  "iy",
);
