/** Reads the value behind a key: string literals of the usual languages, expressions, blocks and bare words. */
import type { KeyClass } from "./key-names.ts";
import { isPath, isReference, looksRandom, PLACEHOLDER } from "./token-patterns.ts";

/** A part of a text that may be a value, quotes not included. */
export interface Candidate {
  readonly start: number;
  readonly end: number;
  /** The key nearest to it inside the value, e.g. of a nested dictionary. */
  readonly key?: string;
  /** True where `$NAME` would not be replaced: in single quotes. */
  readonly verbatim?: boolean;
}

/** Checks whether a value below a key of this class is removed. */
export function isSecretValue(value: string, kind: KeyClass | "named", verbatim = false): boolean {
  const text = value.trim();
  if (text === "" || text === PLACEHOLDER) return false;
  if (!(verbatim && /^\$\w/.test(text)) && isReference(text)) return false;
  if (kind === "named") return true;
  if (/^(?:true|false|yes|no|on|off|none|null|nil|undefined|[01]|-)$/i.test(text) || isPath(text)) return false;
  if (kind === "secret") return !/^(?:hash|texthash|file|lmdb):\/\S+$/.test(text);
  if (/^[a-z][a-z0-9+.-]*:\/\//i.test(text)) return false; // addresses are looked at for what they carry
  // A header's cookies, a user with a password, or a word with digits in it; not `basic` or `sessionid`.
  if (kind === "maybe")
    return /^[\w-]+[=:][^\s;]{3,}/.test(text) || /^(?=\S*\d)(?=\S*[A-Za-z])\S{8,}$/.test(text) || looksRandom(text, 12);
  return kind === "described" && looksRandom(text, 20);
}

/** The end of the string literal that opens at `at`, and where its content lies; undefined when it never closes. */
export function readLiteral(text: string, at: number): { start: number; end: number; after: number } | undefined {
  const quote = text[at];
  if (quote === undefined || !`"'\``.includes(quote)) return undefined;
  const triple = quote.repeat(3);
  if (quote !== "`" && text.startsWith(triple, at)) {
    const close = findClose(text, at + 3, triple);
    return close === -1 ? undefined : { start: at + 3, end: close, after: close + 3 };
  }
  const close = findClose(text, at + 1, quote);
  if (close === -1) return undefined;
  const inner = text.slice(at + 1, close);
  // A quote that closes lines later is believed only when no other assignment lies between.
  if (inner.includes("\n") && /\n\s*(?:export\s+|-\s+)?["']?[A-Za-z_][\w.-]*["']?\s*(?:=|:\s)/.test(inner))
    return undefined;
  return { start: at + 1, end: close, after: close + 1 };
}

function findClose(text: string, from: number, quote: string): number {
  for (let at = from; at < text.length; at++) {
    if (text[at] === "\\") at++;
    else if (text.startsWith(quote, at)) return at;
  }
  return -1;
}

const LOOKUP =
  /(?:environ(?:\.get)?|getenv|\benv(?:\.\w+)?|config(?:\.get)?|\w*(?:get|read|load|fetch|lookup)_\w+|getattr\([^,()]*,|\.get|\bget|secret|open|Path|settings|import_module|reverse(?:_lazy)?|include|__import__|require)\s*[[(]\s*$/;
const CONSTANT = /^(?:utf-?8|ascii|latin-?1|hex|base64|sha\d+|md5|hs\d{3}|rs\d{3}|[rwab]b?\+?|[,;:\s/]*)$/i;

/**
 * Characters that may still be read as expressions; after that, lines go as a whole, so that no hostile file takes for
 * ever.
 */
export interface Budget {
  left: number;
}

/**
 * The string literals of an expression that begins at `from`: up to the end of the line or the next comma or semicolon,
 * brackets read as a whole. Names that are looked up (`os.environ["NAME"]`), keys of dictionaries and comments are not
 * among them.
 */
export function readExpression(text: string, from: number, budget: Budget): { candidates: Candidate[]; end: number } {
  const candidates: Candidate[] = [];
  if (budget.left <= 0) {
    const newline = text.indexOf("\n", from);
    const end = newline === -1 ? text.length : newline;
    return { candidates: [{ start: from, end }], end };
  }
  let depth = 0;
  let key: string | undefined;
  let at = from;
  const limit = Math.min(text.length, from + 65_536);
  while (at < limit) {
    const character = text[at] ?? "";
    if (character === "\\" && text[at + 1] === "\n") at += 2;
    else if (character === "\n" && depth === 0 && at > from) break;
    else if ((character === "," || character === ";") && depth === 0) break;
    else if ("([{".includes(character)) {
      depth++;
      at++;
    } else if (")]}".includes(character)) {
      if (depth === 0) break;
      depth--;
      at++;
    } else if (character === "#" && /\s/.test(text[at - 1] ?? " ")) {
      const newline = text.indexOf("\n", at);
      const end = newline === -1 ? limit : newline;
      if (depth > 0) candidates.push(...literalsOfComment(text.slice(at, end), at));
      at = end;
    } else if (`"'\``.includes(character)) {
      const literal = readLiteral(text, at);
      if (literal === undefined) {
        const end = text.indexOf("\n", at);
        candidates.push({ start: at + 1, end: end === -1 ? limit : end });
        break;
      }
      const before = text.slice(Math.max(from, at - 80), at);
      const value = text.slice(literal.start, literal.end);
      const isKey = depth > 0 && /^\s*(?::|=>)/.test(text.slice(literal.after, literal.after + 8));
      const isName = LOOKUP.test(before) && !/\s/.test(value);
      const isSubscript = /[\w\])]\[$/.test(before) && text[literal.after] === "]";
      if (isKey) key = value;
      else if (!isName && !isSubscript && !CONSTANT.test(value)) {
        const named = /([A-Za-z_]\w*)\s*=\s*[frbuFRBU]{0,2}$/.exec(before)?.[1];
        const inner = named ?? key;
        candidates.push({
          start: literal.start,
          end: literal.end,
          verbatim: character === "'",
          ...(inner === undefined || (depth === 0 && named === undefined) ? {} : { key: inner }),
        });
      }
      at = literal.after;
    } else {
      if (character === "," && depth === 1) key = undefined;
      at++;
    }
  }
  budget.left -= at - from;
  return { candidates, end: at };
}

/** An entry that was commented out holds its value all the same. */
function literalsOfComment(comment: string, at: number): Candidate[] {
  const literals = [...comment.matchAll(/(["'])((?:(?!\1).)+)\1(\s*:)?/g)];
  return literals.flatMap(({ index, 2: content = "", 3: colon }) =>
    colon === undefined ? [{ start: at + index + 1, end: at + index + 1 + content.length }] : [],
  );
}

/**
 * The lines of a YAML block scalar (`|`, `>`) whose key stands in a line indented by `indent`. `from` is behind the
 * indicator's line.
 */
export function readBlock(text: string, from: number, indent: number): { start: number; end: number } | undefined {
  let end = from;
  let at = from;
  while (at < text.length) {
    const newline = text.indexOf("\n", at);
    const line = text.slice(at, newline === -1 ? text.length : newline);
    if (line.trim() !== "" && line.length - line.trimStart().length <= indent) break;
    if (line.trim() !== "") end = at + line.length;
    if (newline === -1) break;
    at = newline + 1;
  }
  const start = from + (text.slice(from, end).length - text.slice(from, end).trimStart().length);
  return end > start ? { start, end } : undefined;
}
