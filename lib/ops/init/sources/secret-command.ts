/**
 * Builds commands that print a password from an application's file: sed, with one regular expression for each form of
 * quoting.
 */

/** A form of quoting: the value as a regular expression with one group, and substitutions that undo the escapes. */
interface Quoting {
  readonly value: string;
  readonly unescape: readonly string[];
}

/** Escapes of PHP and Python that represent the escaped character itself. */
const SINGLE: Quoting = { value: String.raw`'(([^'\\]|\\.)*)'.*`, unescape: [String.raw`s/\\(['\\])/\1/g`] };
const DOUBLE: Quoting = { value: String.raw`"(([^"\\]|\\.)*)".*`, unescape: [String.raw`s/\\(["\\$])/\1/g`] };
const PYTHON_SINGLE: Quoting = { ...SINGLE, unescape: [String.raw`s/\\(['"\\])/\1/g`] };
const PYTHON_DOUBLE: Quoting = { ...DOUBLE, unescape: [String.raw`s/\\(['"\\])/\1/g`] };
const YAML_SINGLE: Quoting = { value: "'(([^']|'')*)'.*", unescape: ["s/''/'/g"] };
const YAML_DOUBLE: Quoting = { ...DOUBLE, unescape: [String.raw`s/\\(["\\/])/\1/g`] };
const PLAIN: Quoting = { value: "(.*)", unescape: ["s/[[:space:]]+#.*$//", "s/[[:space:]]+$//"] };
const LITERAL_SINGLE: Quoting = { value: "'([^']*)'.*", unescape: [] };
const LITERAL_DOUBLE: Quoting = { value: '"([^"]*)".*', unescape: [] };
const URL_PART: Quoting = { value: "([^@]*)@.*", unescape: [] };
/** Printable characters that a URL may have to write as %XX; the percent sign is replaced last. */
const URL_ENCODED: Quoting = {
  ...URL_PART,
  unescape: [..." !\"#$&'()*+,/:;<=>?@[\\]^`{|}%"].map((character) => {
    const code = character.charCodeAt(0).toString(16).padStart(2, "0");
    return `s/%${code}/${/[&/\\]/.test(character) ? `\\${character}` : character}/gI`;
  }),
};

const QUOTINGS = {
  php: [SINGLE, DOUBLE],
  python: [PYTHON_SINGLE, PYTHON_DOUBLE],
  yaml: [YAML_SINGLE, YAML_DOUBLE, PLAIN],
  /** `"KEY=value"` in a list. */
  listed: [{ value: `([^'"]*)['"].*`, unescape: [] }, PLAIN],
  env: [LITERAL_SINGLE, LITERAL_DOUBLE, PLAIN],
  url: [URL_PART, URL_ENCODED],
} as const;

/** A position in a file. Both expressions are extended regular expressions without groups and without slashes. */
export interface SecretPlace {
  readonly file: string;
  readonly form: keyof typeof QUOTINGS;
  /** Matches the line at which the search begins; the whole file if absent. */
  readonly from?: string;
  /** Matches the line at which it ends; the end of the file if absent. */
  readonly to?: string;
  /** Matches a line up to the value. */
  readonly before: string;
}

/** Returns commands of which one prints the value, if it is quoted in one of the form's ways. */
export function secretCommands({ file, form, from, to, before }: SecretPlace): string[][] {
  return QUOTINGS[form].map(({ value, unescape }) => {
    const take = `/${before}${value}/{${[`s/${before}${value}/\\1/`, ...unescape, "p", "q"].join(";")}}`;
    const range = from === undefined ? take : `/${from}/,${to === undefined ? "$" : `/${to}/`}{${take}}`;
    return ["sed", "-nE", range, file];
  });
}

/** Escapes a name for an extended regular expression between slashes. */
export const literalExpression = (name: string): string => name.replaceAll(/[.*+?^${}()|[\]\\/]/g, String.raw`\$&`);
