/** Reads literals in PHP and Python source without executing it. */

/** A string literal with its quotes; escapes are not decoded. */
const STRING = String.raw`'(?:[^'\\]|\\[\s\S])*'|"(?:[^"\\]|\\[\s\S])*"`;
const COMMENTS = {
  php: new RegExp(String.raw`(${STRING})|/\*[\s\S]*?\*/|(?://|#)[^\n]*`, "g"),
  python: new RegExp(String.raw`("""[\s\S]*?"""|'''[\s\S]*?'''|${STRING})|#[^\n]*`, "g"),
};

/** Returns a source without its comments. */
export const withoutComments = (text: string, language: keyof typeof COMMENTS): string =>
  text.replaceAll(COMMENTS[language], (_all, string: string | undefined) => string ?? "");

/**
 * A regular expression for one expression up to a comma, semicolon, bracket or line end; strings may hold any of them.
 */
export const EXPRESSION = String.raw`((?:${STRING}|\([^()\n]*\)|\[[^[\]\n]*\]|[^,;\n'"\])}])*)`;

/**
 * Returns the value of a PHP string; undefined if it is not a literal, or has an escape or variable that must be
 * computed.
 */
export function phpString(expression: string, variables: Readonly<Record<string, string>> = {}): string | undefined {
  const parts = expression.trim().match(new RegExp(String.raw`${STRING}|[^\s.'"][^.'"]*`, "g")) ?? [];
  const values = parts.map((part) => {
    if (part.startsWith("'")) return part.slice(1, -1).replaceAll(/\\(['\\])/g, "$1");
    if (!part.startsWith('"')) return variables[part.trim()];
    const text = part.slice(1, -1).replaceAll(/(?<!\\)\{?(\$\w+)\}?/g, (all, name: string) => variables[name] ?? all);
    return /(?<!\\)(?:\\\\)*(?:\$[\w{]|\\[^"\\$])/.test(text) ? undefined : text.replaceAll(/\\(["\\$])/g, "$1");
  });
  return values.length === 0 || values.includes(undefined) ? undefined : values.join("");
}

/** Returns the value of a Python string literal; undefined for anything else. */
export function pythonString(expression: string): string | undefined {
  const text = expression.trim();
  if (!new RegExp(`^(?:${STRING})$`).test(text)) return undefined;
  const inner = text.slice(1, -1);
  return /(?<!\\)(?:\\\\)*\\[^'"\\]/.test(inner) ? undefined : inner.replaceAll(/\\(['"\\])/g, "$1");
}

/** Returns the text between a bracket at `open` and its closing bracket; undefined if there is none. */
export function bracketed(text: string, open: number): string | undefined {
  let depth = 0;
  for (const { 0: part, index } of text.slice(open).matchAll(new RegExp(`${STRING}|[([{)\\]}]`, "g"))) {
    if (/^[([{]$/.test(part)) depth++;
    else if (/^[)\]}]$/.test(part) && --depth === 0) return text.slice(open + 1, open + index);
  }
  return undefined;
}
