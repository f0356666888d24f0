/**
 * Values in one form for all engines, so that equal data have equal digests whichever database holds them.
 * docs/design.md, "Table digests", says it byte for byte.
 */

/** The class of a column, which decides the canonical form: numbers, text, bytes, times, JSON. */
export type ValueKind = "number" | "single" | "text" | "bytes" | "time" | "json";

/**
 * A decimal without sign of plus, leading or trailing zeros, or exponent; what is not a number stays as it is. Exact at
 * any length.
 */
export function canonicalNumber(text: string): string {
  const [, sign = "", whole = "", fraction = "", exponent = "0"] =
    /^([+-]?)(\d*)\.?(\d*)(?:e([+-]?\d+))?$/i.exec(text.trim()) ?? [];
  if (whole === "" && fraction === "") return text.trim();
  const shift = Number(exponent);
  if (Math.abs(shift) > 10_000) return text.trim();
  const digits = whole + fraction;
  const point = whole.length + shift;
  const padded =
    point > digits.length ? digits.padEnd(point, "0") : digits.padStart(digits.length + Math.max(0, -point), "0");
  const at = Math.max(0, point);
  const left = padded.slice(0, at).replace(/^0+/, "");
  const right = padded.slice(at).replace(/0+$/, "");
  const number = `${left === "" ? "0" : left}${right === "" ? "" : `.${right}`}`;
  return sign === "-" && number !== "0" ? `-${number}` : number;
}

/** A number of single precision, however many digits an engine prints of it. */
export function canonicalSingle(text: string): string {
  const value = Number(text);
  return Number.isFinite(value) ? canonicalNumber(String(Math.fround(value))) : text.trim();
}

/** A double, in the shortest decimals that give it back. */
export const canonicalDouble = (value: number): string =>
  Number.isFinite(value)
    ? canonicalNumber(String(value))
    : value > 0
      ? "Infinity"
      : Number.isNaN(value)
        ? "NaN"
        : "-Infinity";

const TIME =
  /^(?:(\d{4,6}-\d\d-\d\d)[ T]?)?(?:((?:^-?\d{2,3}|\d\d):\d\d)(?::(\d\d)(?:\.(\d+))?)?)?(?: ?Z| ?[+-]00(?::?00)?)?$/;

/** Returns the canonical form of a date, a time or both, in UTC, without trailing zeros; other text unchanged. */
export function canonicalTime(text: string): string {
  const [all, date, minutes, seconds = "00", fraction = ""] = TIME.exec(text.trim()) ?? [];
  if (all === undefined || all === "") return text;
  const part = fraction.replace(/0+$/, "");
  const time = minutes === undefined ? undefined : `${minutes}:${seconds}${part === "" ? "" : `.${part}`}`;
  return [date, time].filter((one) => one !== undefined).join(" ");
}

/** Returns JSON without blanks, with sorted keys and canonical numbers; other text unchanged. */
export function canonicalJson(text: string): string {
  // Numbers are kept as text on the way, JSON.parse would round the long ones; one letter tells them from strings.
  const marked = text.replaceAll(STRING_OR_NUMBER, (all, string: string | undefined) =>
    string === undefined ? `"n${canonicalNumber(all)}"` : `"s${string.slice(1)}`,
  );
  try {
    return serialise(JSON.parse(marked));
  } catch {
    return text;
  }
}

const STRING_OR_NUMBER = /("(?:[^"\\]|\\.)*")|-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?/g;

function serialise(value: unknown): string {
  if (typeof value === "string") return value.startsWith("n") ? value.slice(1) : JSON.stringify(value.slice(1));
  if (Array.isArray(value)) return `[${value.map(serialise).join(",")}]`;
  if (typeof value !== "object" || value === null) return String(value);
  const pairs = Object.entries(value).toSorted(([a], [b]) => (a < b ? -1 : 1));
  return `{${pairs.map(([key, one]) => `${JSON.stringify(key.slice(1))}:${serialise(one)}`).join(",")}}`;
}

/** The form of a cell as an engine prints it; bytes come in hexadecimal. */
export function canonicalCell(kind: ValueKind, text: string): Buffer {
  switch (kind) {
    case "number":
      return Buffer.from(`n${canonicalNumber(text)}`);
    case "single":
      return Buffer.from(`n${canonicalSingle(text)}`);
    case "time":
      return Buffer.from(`t${canonicalTime(text)}`);
    case "json":
      return Buffer.from(`j${canonicalJson(text)}`);
    case "bytes":
      return Buffer.concat([Buffer.from("x"), Buffer.from(text, "hex")]);
    case "text":
      return Buffer.from(`t${text}`);
  }
}
