/** Finds the references to configured URLs in decoded text, and how far each of them reaches. */
import type { Decoded } from "./decoded.ts";
import type { Captured, UrlTemplate } from "./url-template.ts";

export interface Reference {
  /** Offsets of the URL in the source: its start, and the ends of its path, its query and the whole. */
  readonly from: number;
  readonly pathEnd: number;
  readonly queryEnd: number;
  readonly template: UrlTemplate;
  readonly values: Captured;
  /** The decoded bytes, without query and fragment. */
  readonly url: string;
}

export interface Findings {
  readonly references: readonly Reference[];
  /**
   * URLs that begin like a reference but cannot be resolved: a script assembles them, or they end in a slash.
   */
  readonly unresolved: readonly string[];
}

/**
 * The kind of the text: `value` is an attribute that may be one URL, spaces included; `list` an attribute with URLs
 * separated by spaces (`srcset`); `code` anything else, where a URL ends at a quote, bracket or space.
 */
export type Mode = "value" | "list" | "code";

interface Anchor {
  readonly start: number;
  readonly end: number;
  readonly template: UrlTemplate;
}

/** Every reference in the text, in order, none overlapping another. */
export function findReferences(decoded: Decoded, templates: readonly UrlTemplate[], mode: Mode): Findings {
  const anchors = findAnchors(decoded.text, templates);
  const references: Reference[] = [];
  const unresolved: string[] = [];
  let region: Region | undefined;
  let done = 0;
  for (const [index, anchor] of anchors.entries()) {
    if (anchor.start < done) continue;
    if (region === undefined || anchor.start >= region.end) region = regionOf(decoded, anchor, mode);
    const end = endOf(decoded.text, anchor, region, nextInList(decoded.text, anchors, index, region));
    const reference = region.open ? undefined : resolve(decoded, anchor, end);
    if (reference !== undefined) {
      references.push(reference);
      done = end;
    } else if (anchors[index + 1]?.start !== anchor.start) {
      unresolved.push(decoded.text.slice(anchor.start, Math.max(end, anchor.end)));
      done = end;
    }
  }
  return { references, unresolved };
}

/** A character that makes what follows the rest of a longer URL: another host's, or a relative one. */
const PART_OF_A_URL = /[\w~%.\-/\\@$&+*!\x80-\xff]/;

function findAnchors(text: string, templates: readonly UrlTemplate[]): Anchor[] {
  const anchors: Anchor[] = [];
  for (const template of templates) {
    const { anchor } = template; // exec, because matchAll would copy the expression for every one of thousands of attributes
    anchor.lastIndex = 0;
    for (let match = anchor.exec(text); match !== null; match = anchor.exec(text)) {
      const start = match.index;
      if (start > 0 && PART_OF_A_URL.test(text.charAt(start - 1))) continue;
      anchors.push({ start, end: start + match[0].length, template });
    }
  }
  return anchors.length < 2
    ? anchors
    : anchors.toSorted((a, b) => a.start - b.start || b.template.weight - a.template.weight);
}

/** The text that holds a reference and may hold others. */
interface Region {
  readonly end: number;
  /** True where spaces belong to the URL. */
  readonly quoted: boolean;
  /** True where a script adds something before or after, so that what stands here is no whole URL. */
  readonly open: boolean;
}

const QUOTES = "\"'`";

function regionOf(decoded: Decoded, anchor: Anchor, mode: Mode): Region {
  const { text } = decoded;
  const before = text.charAt(anchor.start - 1);
  if (mode === "value" && text.slice(0, anchor.start).trim() === "") {
    return { end: text.trimEnd().length, quoted: true, open: isComposed(text.slice(anchor.end)) };
  }
  if (mode !== "list" && before !== "" && QUOTES.includes(before)) {
    const end = closingQuote(decoded, anchor);
    if (end !== undefined) {
      return {
        end,
        quoted: true,
        open: isComposed(text.slice(anchor.end, end)) || /^\s*\+(?!\+)/.test(text.slice(end + 1, end + 40)),
      };
    }
  }
  const end = softEnd(decoded, anchor, before === "(" ? ")" : "", mode);
  return { end, quoted: false, open: before === "}" || isComposed(text.slice(anchor.end, end)) };
}

/** Placeholders of template literals and of template languages. */
const isComposed = (url: string): boolean => url.includes("${") || url.includes("{{") || url.includes("{%");

/** No file system takes a longer path; without a limit, quotes that are never closed would take quadratic time. */
const LONGEST_URL = 16_384;

/** Finds the end of the quote before the anchor: the same character, after as many backslashes, on the same line. */
function closingQuote({ text, escapes }: Decoded, anchor: Anchor): number | undefined {
  const opener = anchor.start - 1;
  for (let at = anchor.end; at < Math.min(text.length, anchor.end + LONGEST_URL); at++) {
    const c = text.charAt(at);
    if (c === text.charAt(opener) && escapes(at) <= escapes(opener)) return at;
    if (c === "\n" || c === "\r" || (c === "\\" && escapes(at) === 0)) return undefined;
  }
  return undefined;
}

function softEnd({ text, escapes }: Decoded, anchor: Anchor, closing: string, mode: Mode): number {
  for (let at = anchor.end; at < text.length; at++) {
    const c = text.charAt(at);
    const escaped = escapes(at) > 0;
    if (/[\s<>]/.test(c) && !escaped) return at;
    if (mode !== "list" && (QUOTES + closing).includes(c) && !(escaped && closing !== "")) return at;
    if (mode === "code" && c === "\\" && !escaped) return at;
  }
  return text.length;
}

/** The next reference in a list of them, all in one region. */
function nextInList(text: string, anchors: readonly Anchor[], index: number, region: Region): Anchor | undefined {
  const end = anchors[index]?.end ?? 0;
  for (let at = index + 1; at < anchors.length; at++) {
    const next = anchors[at];
    if (next === undefined || next.start >= region.end) return undefined;
    if (next.start >= end && /[\s,;|]/.test(text.charAt(next.start - 1))) return next;
  }
  return undefined;
}

/** The end of one reference in its region: before the next one of a list, without separators and descriptors. */
function endOf(text: string, anchor: Anchor, region: Region, next: Anchor | undefined): number {
  let url = text.slice(anchor.end, next?.start ?? region.end);
  if (next !== undefined || !region.quoted) url = url.replace(region.quoted ? /[\s,;|]+$/ : /[\s,;|)\]}]+$/, "");
  if (region.quoted) url = url.replace(/\s+\d+(?:\.\d+)?[wxh]$/, "");
  return anchor.end + url.length;
}

function resolve(decoded: Decoded, { start, end: prefixEnd, template }: Anchor, end: number): Reference | undefined {
  const { text, from, to } = decoded;
  const rest = text.slice(prefixEnd, end);
  const tail = rest.search(template.tail);
  const pathEnd = tail === -1 ? end : prefixEnd + tail;
  const hash = rest.indexOf("#");
  const path = text.slice(prefixEnd, pathEnd).replaceAll(/[\t\n\r]/g, "");
  const values = path.endsWith("/") ? undefined : template.capture(path);
  if (values === undefined) return undefined;
  return {
    from: from(start),
    pathEnd: to(pathEnd - 1),
    queryEnd: to((hash === -1 ? end : prefixEnd + hash) - 1),
    template,
    values,
    url: text.slice(start, pathEnd),
  };
}
