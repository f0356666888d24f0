/** Output for terminals whose locale is C: plain ASCII. */

const SIGNS: Readonly<Record<string, string>> = {
  "✓": "ok",
  "✗": "FAILED",
  "▸": ">",
  "·": ".",
  "…": "...",
  "→": "->",
  "━": "#",
  "┄": "-",
  "–": "-",
  "×": "x",
};

/** Checks whether the environment selects the C locale, by the first variable that is set. See locale(7). */
export function isAsciiLocale(environment: NodeJS.ProcessEnv): boolean {
  const locale = [environment["LC_ALL"], environment["LC_CTYPE"], environment["LANG"]].find(
    (value) => value !== undefined && value !== "",
  );
  return locale === "C" || locale === "POSIX";
}

/** Returns the text in ASCII: signs by their names, every other character by the bytes of its UTF-8 form as `\xNN`. */
export const toAscii = (text: string): string =>
  text.replaceAll(/[^\p{ASCII}]/gu, (sign) => SIGNS[sign] ?? bytesOf(sign));

const bytesOf = (character: string): string =>
  Array.from(Buffer.from(character), (byte) => `\\x${byte.toString(16).padStart(2, "0")}`).join("");
