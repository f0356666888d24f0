/** Values as they leave the engines: what all three promise of numbers, JSON and column names. */
import { HoldfastError } from "../errors.ts";

/** A number as a database prints it: whole numbers within ±2^53 become numbers, all others stay the text they are. */
export function numberOrText(text: string): number | string {
  const value = Number(text);
  return Number.isSafeInteger(value) && String(value) === text ? value : text;
}

/** Parses JSON; numbers that a double would change become strings. */
export function parseJson(text: string): unknown {
  const parts: string[] = [];
  for (let at = 0; at < text.length;) {
    const quote = text.indexOf('"', at);
    const start = quote < 0 ? text.length : quote;
    parts.push(text.slice(at, start).replace(NUMBER, (token) => (fits(token) ? token : `"${token}"`)));
    at = quote < 0 ? start : endOfString(text, quote);
    parts.push(text.slice(start, at));
  }
  return JSON.parse(parts.join(""));
}

const NUMBER = /-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?/g;

function fits(token: string): boolean {
  const value = Number(token);
  if (/^-?\d+$/.test(token)) return Number.isSafeInteger(value);
  const digits = token
    .replace(/[eE].*$/, "")
    .replace(/\D/g, "")
    .replace(/^0+/, "").length;
  return String(value) === token || (digits <= 15 && Number.isFinite(value));
}

/**
 * The index behind the quote that ends the string beginning at `start`: one with an even number of backslashes before
 * it.
 */
function endOfString(text: string, start: number): number {
  for (let end = text.indexOf('"', start + 1); end >= 0; end = text.indexOf('"', end + 1)) {
    let backslashes = 0;
    while (text[end - 1 - backslashes] === "\\") backslashes++;
    if (backslashes % 2 === 0) return end + 1;
  }
  return text.length; // no JSON: JSON.parse will say so
}

/** Makes an object of a row. Throws `E_DATABASE` when two columns have one name: one of them would be lost. */
export function toRow(columns: readonly (readonly [name: string, value: unknown])[]): Record<string, unknown> {
  const row = Object.fromEntries(columns);
  if (Object.keys(row).length < columns.length) {
    const names = columns.map(([name]) => name);
    const twice = names.find((name, index) => names.indexOf(name) !== index);
    const hint = "give every column a name of its own, e.g. select p.id, u.id as owner_id";
    throw new HoldfastError("E_DATABASE", `the query returns two columns with the name ${twice}`, { hint });
  }
  return row;
}

/** Removes semicolons and blanks at the end, to embed the statement in another one. */
export function withoutSemicolon(sql: string): string {
  return sql.replace(/[;\s]+$/, "");
}
