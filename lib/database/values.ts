/** Values as they leave the engines: what all three promise of numbers, JSON and column names. */
import { HoldfastError } from "../errors.ts";

/** A number as a database prints it: whole numbers within ±2^53 become numbers, all others stay the text they are. */
export function numberOrText(text: string): number | string {
  const value = Number(text);
  return Number.isSafeInteger(value) && String(value) === text ? value : text;
}

const JSON_TOKEN = /"[^"\\]*(?:\\.[^"\\]*)*"|-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?/gs;

/** Parses JSON; numbers that a double cannot hold (beyond 2^53, or of more than 15 digits) become strings. */
export function parseJson(text: string): unknown {
  return JSON.parse(text.replace(JSON_TOKEN, (token) => (token.startsWith('"') || fits(token) ? token : `"${token}"`)));
}

function fits(token: string): boolean {
  if (/^-?\d+$/.test(token)) return Number.isSafeInteger(Number(token));
  return (
    token
      .replace(/[eE].*$/, "")
      .replace(/\D/g, "")
      .replace(/^0+/, "").length <= 15 && Number.isFinite(Number(token))
  );
}

/** Makes an object of a row. Throws `E_DATABASE` when two columns have one name: one of them would be lost. */
export function toRow(columns: readonly (readonly [name: string, value: unknown])[]): Record<string, unknown> {
  const row = Object.fromEntries(columns);
  if (Object.keys(row).length < columns.length) {
    const names = columns.map(([name]) => name);
    const twice = names.find((name, index) => names.indexOf(name) !== index);
    const hint = "give every column a name of its own, e.g. select p.id, u.id as owner_id";
    throw new HoldfastError("E_DATABASE", `the query gives two columns the name ${twice}`, { hint });
  }
  return row;
}

/** Without the semicolons and blanks that end it: the statement will be put into another one. */
export function withoutSemicolon(sql: string): string {
  return sql.replace(/[;\s]+$/, "");
}
