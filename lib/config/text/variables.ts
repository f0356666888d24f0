/**
 * `${VAR}` and `${VAR:-default}` in the strings of a config, as a shell would fill them; defaults may hold variables
 * again. `$${` is a plain `${`.
 */
import { HoldfastError } from "../../errors.ts";

/**
 * Fills every string in `value` (any JSON shape). Throws `E_CONFIG` for a variable that is not set and has no default.
 */
export function fillVariables(value: unknown, environment: NodeJS.ProcessEnv): unknown {
  if (typeof value === "string") return fillString(value, environment);
  if (Array.isArray(value)) return value.map((item: unknown) => fillVariables(item, environment));
  if (value !== null && typeof value === "object") {
    return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, fillVariables(item, environment)]));
  }
  return value;
}

function fillString(text: string, environment: NodeJS.ProcessEnv): string {
  let result = "";
  let at = 0;
  while (at < text.length) {
    if (text.startsWith("$${", at)) {
      result += "${";
      at += 3;
    } else if (text.startsWith("${", at)) {
      const end = closingBrace(text, at + 2);
      result += fillExpression(text.slice(at + 2, end), environment);
      at = end + 1;
    } else {
      result += text[at++];
    }
  }
  return result;
}

function closingBrace(text: string, from: number): number {
  let depth = 1;
  for (let at = from; at < text.length; at++) {
    if (text.startsWith("${", at)) depth++;
    else if (text[at] === "}" && --depth === 0) return at;
  }
  throw new HoldfastError("E_CONFIG", `a \${ without its } in: ${text}`);
}

function fillExpression(expression: string, environment: NodeJS.ProcessEnv): string {
  const [, name, fallback] = /^(\w+)(?::-([\s\S]*))?$/.exec(expression) ?? [];
  if (name === undefined)
    throw new HoldfastError("E_CONFIG", `\${${expression}} is not of the form \${NAME} or \${NAME:-default}`);
  const value = environment[name];
  if (value !== undefined && value !== "") return value;
  if (fallback !== undefined) return fillString(fallback, environment);
  throw new HoldfastError("E_CONFIG", `the environment variable ${name} is not set`, {
    hint: `set ${name}, or write \${${name}:-default} in the config`,
  });
}
