/** The URLs of the config (`media[].url`, `pages.url`) as patterns over decoded text. */
import type { BytePath } from "../../../archive/entry.ts";
import { HoldfastError } from "../../../errors.ts";

/** The values of a template's placeholders, percent-decoded bytes. */
export type Captured = Readonly<Record<string, BytePath>>;

export interface UrlTemplate {
  /** The configured text. */
  readonly url: string;
  /**
   * Finds where a reference begins; its match is the part of the URL before the first placeholder that the project does
   * not fill.
   */
  readonly anchor: RegExp;
  /** Length of that part: the longer one of two matching templates wins. */
  readonly weight: number;
  /** A word in every reference without escaped letters; empty if none is long enough. */
  readonly word: string;
  /** Matches the end of a URL's path: `?` and `#`, or the next parameter if the template is one of a query. */
  readonly tail: RegExp;
  /** Reads what follows the anchor (up to the tail, as in the source); undefined when it is no file's URL. */
  capture(rest: BytePath): Captured | undefined;
}

/** Placeholders that may hold slashes; any other is one segment. */
const MANY_SEGMENTS = new Set(["path", "page"]);
const PLACEHOLDER = /\{(\w+)\}/g;

/**
 * `{fields}` that the project has are filled in; the others are captured: `{path}` and `{page}` over any number of
 * segments, others over one. A URL with a host also matches without its scheme and as a bare path; one without a host
 * matches as a bare path only. Throws `E_CONFIG` when nothing fixed stands before the first captured placeholder.
 */
export function urlTemplate(url: string, project: Readonly<Record<string, string | number>>): UrlTemplate {
  const [, host, path] = /^(?:(?:https?:)?\/\/([^/]*))?(.*)$/is.exec(url) ?? [];
  const parts = (path ?? "").split(PLACEHOLDER); // literal, name, literal, name, …
  let literal = bytes(parts[0] ?? "");
  let next = 1;
  for (; next < parts.length && parts[next] !== undefined; next += 2) {
    const value = project[parts[next] ?? ""];
    if (value === undefined) break;
    literal += bytes(String(value)) + bytes(parts[next + 1] ?? "");
  }
  if (literal.replaceAll("/", "") === "") {
    throw new HoldfastError("E_CONFIG", `the URL ${url} begins with a placeholder`, {
      hint: "give it a fixed beginning",
    });
  }
  const inQuery = literal.includes("?");
  const pattern = restPattern(parts.slice(next), project);
  return {
    url,
    anchor: new RegExp((host === undefined ? "" : hostPattern(host)) + [...literal].map(urlByte).join(""), "g"),
    weight: literal.length,
    word: longestWord(literal),
    tail: inQuery ? /[&#]/ : /[?#]/,
    capture: (rest) => pattern(decodePercent(rest)),
  };
}

function restPattern(parts: readonly string[], project: Readonly<Record<string, string | number>>) {
  const names: string[] = [];
  let source = "";
  for (let at = 0; at < parts.length; at += 2) {
    const name = parts[at] ?? "";
    const known = project[name];
    const earlier = names.indexOf(name);
    if (known !== undefined) source += escapePattern(bytes(String(known)));
    else if (earlier >= 0) source += `\\${earlier + 1}`;
    else {
      names.push(name);
      source += MANY_SEGMENTS.has(name) ? "(.+)" : "([^/]+)";
    }
    source += escapePattern(bytes(parts[at + 1] ?? ""));
  }
  const pattern = new RegExp(`^${source}$`, "s");
  return (rest: BytePath): Captured | undefined => {
    const match = pattern.exec(rest);
    return match === null ? undefined : Object.fromEntries(names.map((name, index) => [name, match[index + 1] ?? ""]));
  };
}

const escapePattern = (text: string): string => text.replaceAll(/[\\^$.*+?()[\]{}|/-]/g, "\\$&");

/** A byte of a URL, as itself or percent-encoded. */
function urlByte(byte: string): string {
  const [high = "0", low = "0"] = byte.charCodeAt(0).toString(16).padStart(2, "0");
  const either = (digit: string): string => (/[a-f]/.test(digit) ? `[${digit}${digit.toUpperCase()}]` : digit);
  return `(?:${escapePattern(byte)}|%${either(high)}${either(low)})`;
}

/** The host of the template, in any case, with or without a scheme; or no host at all. */
function hostPattern(host: string): string {
  const anyCase = [...host].map((c) =>
    /[a-z]/i.test(c) ? `[${c.toLowerCase()}${c.toUpperCase()}]` : escapePattern(c),
  );
  return `(?:(?:[hH][tT][tT][pP][sS]?:)?\\/\\/${anyCase.join("")})?`;
}

function longestWord(literal: string): string {
  const words = literal.match(/[A-Za-z0-9]{4,}/g) ?? [];
  return words.reduce((longest, word) => (word.length >= longest.length ? word : longest), "");
}

/** Percent-decodes what can be; anything else stays. */
export function decodePercent(text: string): BytePath {
  return text.replaceAll(/%([0-9a-f]{2})/gi, (_all, digits: string) =>
    String.fromCharCode(Number.parseInt(digits, 16)),
  );
}

/**
 * Percent-encodes a path so that it is safe in every place a reference can stand in: in or out of quotes, in HTML, CSS
 * and scripts.
 */
export function encodePath(path: BytePath): string {
  return path.replaceAll(
    /[^A-Za-z0-9._~/-]/g,
    (c) => `%${c.charCodeAt(0).toString(16).toUpperCase().padStart(2, "0")}`,
  );
}

/**
 * A path without empty segments and `.`, with `..` resolved as browsers do; undefined when nothing is left or it climbs
 * out.
 */
export function resolveDots(path: BytePath): BytePath | undefined {
  const segments: BytePath[] = [];
  for (const segment of path.split("/")) {
    if (segment === ".." && segments.pop() === undefined) return undefined;
    if (segment !== "" && segment !== "." && segment !== "..") segments.push(segment);
  }
  return segments.length === 0 ? undefined : segments.join("/");
}

const bytes = (text: string): BytePath => Buffer.from(text, "utf8").toString("latin1");
