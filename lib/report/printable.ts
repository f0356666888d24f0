/**
 * Makes text safe for people and terminals: characters of a site's names and messages that would break a line or
 * control a terminal are shown as escapes. Our own colours stay, since they carry a number that no author of a name can
 * know.
 */
import { randomInt } from "node:crypto";

/** Controls, line and paragraph separators, direction marks: they break a line or change how a terminal shows it. */
export const CONTROLS = "\\p{Cc}\\u061c\\u200e\\u200f\\u2028\\u2029\\u202a-\\u202e\\u2066-\\u2069";

const INTRODUCER = "\u001b[";
const OWN = `${INTRODUCER}${randomInt(2 ** 40, 2 ** 48 - 1)};`;
const OWN_COLOUR = `\\u001b\\[${OWN.slice(INTRODUCER.length)}\\d+m`;
const UNSAFE = new RegExp(`${OWN_COLOUR}|[${CONTROLS}]`, "gu");

/** Returns a text as one line: every control character as an escape, a line feed too. */
export const printable = (text: string): string =>
  text.replaceAll(UNSAFE, (found) => (found.startsWith(OWN) ? found : escaped(found)));

/** Returns lines of a report as one text; none of them breaks in two. */
export const printableLines = (lines: readonly string[]): string => lines.map(printable).join("\n");

/** Returns a text as it goes to a terminal, with its lines, tabs and own colours. */
export const forTerminal = (text: string): string =>
  text.replaceAll(UNSAFE, (found) => {
    if (found.startsWith(OWN)) return INTRODUCER + found.slice(OWN.length);
    return found === "\n" || found === "\t" ? found : escaped(found);
  });

/** Returns a function that colours a text and marks the colours as our own. */
export const owned =
  (colour: (text: string) => string) =>
  (text: string): string =>
    colour(forTerminal(text)).replaceAll(INTRODUCER, OWN);

/** `\n`, `\x1b`, `\u202e` */
function escaped(character: string): string {
  if (character === "\n") return "\\n";
  const code = character.charCodeAt(0);
  return code <= 0xff ? `\\x${code.toString(16).padStart(2, "0")}` : `\\u${code.toString(16).padStart(4, "0")}`;
}
