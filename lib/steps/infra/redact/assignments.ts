/**
 * Finds `KEY = value` in whatever language the text is written: Python, shell, ini, YAML, JSON, TOML, nginx, units,
 * crontabs.
 */
import { type KeyClass, inheritsSecrecy } from "./key-names.ts";
import type { Span } from "./token-patterns.ts";
import { type Budget, type Candidate, isSecretValue, readBlock, readExpression, readLiteral } from "./value-parser.ts";

/** See `Budget`. */
const EXPRESSIONS_AT_MOST = 4_000_000;
const LINE_AT_MOST = 8192;

export type Classify = (key: string) => KeyClass | "named" | "kept";

const ASSIGNMENT =
  /(?<![\w$.-]|\$\{|[\w"']\.)(?:--?|\$)?([A-Za-z_][\w.-]*)(["']?(?:[ \t]*\])*)(?:[ \t]*:[ \t]*[A-Za-z_][\w.[\], |]*(?=[ \t]*=[ \t]*[frbu]?["'([{]))?([ \t]*)((?:===?|!==?|=>|:=)(?=[ \t]|["'])|[!=]?~\*?(?=[ \t])|[?+!]?=|:)(?!\/\/)([ \t]*)/dg;
/** Text that is a program: unquoted values in it are expressions. */
const PROGRAM =
  /^[ \t]*(?:import[ \t]+[\w.{*]|from[ \t]+[\w.]+[ \t]+import\b|def[ \t]+\w+\(|class[ \t]+\w+.*[:{]$|const[ \t]+\w+[ \t]*=|module\.exports|<\?php)/m;
const EXPRESSION =
  /^(?:os\.|environ\b|env[.([]|getenv\(|config[(.[]|decouple\.|process\.env|settings\.|self\.|secrets\.\w+[.(]|Path\(|open\(|var\.|\w*(?:get|read|load|fetch)_\w+\(|(?:base64\.)?(?:b64|url|standard_b64)\w*decode\(|json\.|hashlib\.|hmac\.|(?:str|bytes|dict|list|tuple|len|int)\()/;
/** The rest of a command line after `NAME=value `. */
const COMMAND =
  /^\s+(?:\\\s*$|[A-Za-z_]\w*=|~?\.{0,2}\/|(?:sudo|exec|env|nice|ionice|timeout|flock|pg_\w+|psql|mysql\w*|mariadb\S*|redis-cli|python[\d.]*|node|npm|npx|curl|wget|restic|borg\w*|rsync|docker|podman|bash|sh|php|ruby|java|celery|gunicorn|uvicorn|rclone|aws|make|cd|echo|test|ssh|scp|sqlite3|mongo\w*|manage\.py|setpriv|runuser|su)\b|.*\s-{1,2}[A-Za-z]|.*[|>])/;

/** Checks whether unquoted values in the text are expressions of a programming language. */
export function isProgram(text: string, file?: string): boolean {
  return /\.(?:py|[cm]?[jt]s|rb|php)$/.test(file ?? "") || PROGRAM.test(text);
}

/** The values of secret keys in `text`. */
export function assignmentSpans(text: string, classify: Classify, program: boolean): Span[] {
  const spans: Span[] = [];
  const budget = { left: EXPRESSIONS_AT_MOST };
  let done = 0;
  for (const match of text.matchAll(ASSIGNMENT)) {
    if (match.index < done) continue; // inside a value that goes as a whole
    const key = match[1] ?? "";
    const kind = classify(key);
    if (kind === "plain" || kind === "kept") continue;
    const at = match.index + match[0].length;
    const keyStart = match.indices?.[1]?.[0] ?? at;
    for (const candidate of readValue(text, at, { key, keyStart, match, program, budget })) {
      const value = text.slice(candidate.start, candidate.end);
      if (/tokens$/i.test(key) && /^[\d_]+$/.test(value)) continue;
      if (candidate.key !== undefined && candidate.key !== key && !inheritsSecrecy(candidate.key, kind, classify))
        continue;
      for (const part of partsOf(value, candidate.verbatim === true, kind)) {
        spans.push({ start: candidate.start + part.start, end: candidate.start + part.end, rule: "key", key });
        done = Math.max(done, part.start === 0 ? candidate.end : 0);
      }
    }
  }
  return program ? [...spans, ...unpackedSpans(text, classify, budget)] : spans;
}

const UNPACKING = /^[ \t]*([A-Za-z_]\w*(?:[ \t]*,[ \t]*[A-Za-z_]\w*)+)[ \t]*=(?!=)[ \t]*/gm;

/** `SECRET_KEY, DEBUG = "…", False`: values by their place. */
function unpackedSpans(text: string, classify: Classify, budget: Budget): Span[] {
  const spans: Span[] = [];
  for (const match of text.matchAll(UNPACKING)) {
    let at = match.index + match[0].length;
    for (const key of (match[1] ?? "").split(/[ \t]*,[ \t]*/)) {
      const { candidates, end } = readExpression(text, at, budget);
      const kind = classify(key);
      at = end + 1;
      if (kind === "plain" || kind === "kept") continue;
      for (const { start, end: stop } of candidates) {
        if (isSecretValue(text.slice(start, stop), kind)) spans.push({ start, end: stop, rule: "key", key });
      }
    }
  }
  return spans;
}

/** The secret parts of one value: all of it, or the default in `${NAME:-default}`; never the space around it. */
function partsOf(value: string, verbatim: boolean, kind: KeyClass | "named"): { start: number; end: number }[] {
  const fallback = verbatim ? null : /^\$\{[\w.]+:?[-=+?]/.exec(value);
  if (fallback !== null && value.endsWith("}")) {
    const inner = value.slice(fallback[0].length, -1);
    return isSecretValue(inner, kind) ? [{ start: fallback[0].length, end: value.length - 1 }] : [];
  }
  if (!isSecretValue(value, kind, verbatim)) return [];
  return [{ start: value.length - value.trimStart().length, end: value.trimEnd().length }];
}

interface Place {
  readonly key: string;
  readonly keyStart: number;
  readonly match: RegExpExecArray;
  readonly program: boolean;
  readonly budget: Budget;
}

function readValue(text: string, behind: number, place: Place): Candidate[] {
  const [, , tail = "", , separator = "", space = ""] = place.match;
  const { budget } = place;
  const near = text.slice(Math.max(0, place.keyStart - LINE_AT_MOST), place.keyStart);
  const before = near.slice(near.lastIndexOf("\n") + 1);
  const enclosing = tail === "" ? enclosingQuote(before) : undefined;
  let at = behind;

  // "Cookie: a=b; c=d" and Environment="NAME=two words": the quote before the key ends the value.
  if (enclosing !== undefined && /["'][\s$-]*$/.test(before)) {
    const end = closing(text, at, enclosing);
    if (end > at) return [{ start: at, end, verbatim: enclosing === "'" }];
  }
  if (/^\\?\r?\n/.test(text.slice(at, at + 3))) {
    const next = followingLine(text, at, before, tail, separator);
    if (next === undefined) return [];
    at = next;
  }
  const tag = /^(?:!{1,2}[\w/:.-]+[ \t]+|&\w+[ \t]+)+/.exec(text.slice(at, at + 80));
  if (tag !== null) at += tag[0].length;

  const block = separator === ":" ? /^[|>][-+\d]*[ \t]*(?:#.*)?\r?\n/.exec(text.slice(at, at + 120)) : null;
  if (block !== null) {
    const found = readBlock(text, at + block[0].length, before.length - before.trimStart().length);
    return found === undefined ? [] : [found];
  }

  const rest = restOfLine(text, at);
  const prefix = /^(?:[frbuFRBU]{1,2})?(?=["'`])/.exec(rest)?.[0].length;
  if (prefix !== undefined) return readQuoted(text, at + prefix, place);
  if (/^[[({]/.test(rest) && !/^\{[{%]/.test(rest)) {
    const { candidates, end } = readExpression(text, at, budget);
    if (candidates.length > 0) return candidates;
    if (place.program) return [];
    const after = restOfLine(text, end).trim();
    if (rest.startsWith("[") && text[end - 1] === "]" && /^[,;]?(?:\s*#.*)?$/.test(after))
      return listItems(text, at + 1, end - 1);
    if (rest.startsWith("{") && separator === ":" && /^\{\s*(?:["\w.-]+\s*:\s.*)?\}?$/.test(rest.trim())) return [];
    if (/^[[({]$/.test(rest.trim())) return [];
  }
  if (EXPRESSION.test(rest)) return readExpression(text, at, budget).candidates;
  if (
    place.program &&
    !/^[ \t]*(?:#|\/\/|;|\*|<!--)/.test(before) &&
    enclosing === undefined &&
    !before.trimEnd().endsWith("--")
  ) {
    return readExpression(text, at, budget).candidates;
  }
  if (isProse(before, rest, space)) return [];
  let end = at + bareLength(rest, before, separator, space, enclosing);
  if (end === at + LINE_AT_MOST) end = lineEnd(text, end);
  while (text[end - 1] === "\\" && text[end] === "\n") end += 1 + restOfLine(text, end + 1).length;
  return end > at ? [{ start: at, end, verbatim: enclosing === "'" }] : [];
}

/** Returns where a value continues in the next line: after a backslash, a quote, or as YAML's plain scalar. */
function followingLine(text: string, at: number, before: string, tail: string, separator: string): number | undefined {
  const next = /^(\\?)\r?\n([ \t]*)(?=(\S?)([^\n]*))/.exec(text.slice(at, at + 4096));
  if (next === null) return undefined;
  const [whole, backslash, indent = "", first = "", line = ""] = next;
  if (first === "") return undefined;
  if (backslash === "\\") return at + whole.length;
  if (tail !== "" && `"'`.includes(first)) return at + whole.length;
  const deeper = indent.length > before.length - before.trimStart().length;
  const nested = /^[^\s"']*:(?:\s|$)|^-\s|^[^\s]*\s*=/.test(first + line) || `{[#-`.includes(first);
  return separator === ":" && deeper && !nested ? at + whole.length : undefined;
}

/** A literal, and those that are joined to it on the spot: `"a" "b"`, `"a" + "b"`, `"a" if x else "b"`, `"a"'b'`. */
function readQuoted(text: string, at: number, { program, budget }: Place): Candidate[] {
  const literal = readLiteral(text, at);
  if (literal === undefined) return [{ start: at + 1, end: lineEnd(text, at) }];
  const first: Candidate = { start: literal.start, end: literal.end, verbatim: text[at] === "'" };
  const rest = restOfLine(text, literal.after);
  const glued = /^[^\s,;:)\]}"'`|&<>.+#%?=]+/.exec(rest);
  if (glued !== null) return [{ start: literal.start, end: literal.after + glued[0].length }];
  const joined = program
    ? /^\s*(?:["'+.%]|\\$|(?:if|or|and)\b|\|\||\?\?|\?)/
    : /^(?:["']|\s*(?:\+\s*["']|(?:if|or)\s.*["']|\|\||\?\?))/;
  if (!joined.test(rest)) return [first];
  return [first, ...readExpression(text, literal.after, budget).candidates];
}

/** Checks whether the text after `password: ` is the rest of a sentence in a comment; `--password= ` has no value. */
function isProse(before: string, rest: string, space: string): boolean {
  if (space !== "" && /(?:^|\s)--?$/.test(before)) return true;
  return space !== "" && /^[ \t]*(?:#|;|\/\/|\*).*\w[ \t]+$/.test(before) && /^[a-z]+[ \t]+[a-z]/.test(rest);
}

function listItems(text: string, from: number, to: number): Candidate[] {
  return [...text.slice(from, to).matchAll(/[^\s,][^,\n]*/g)].map((item) => {
    const value = item[0].trimEnd();
    return { start: from + item.index, end: from + item.index + value.length };
  });
}

/** Returns the length of an unquoted value at the start of `rest`. */
function bareLength(
  rest: string,
  before: string,
  separator: string,
  space: string,
  enclosing: string | undefined,
): number {
  if (/[?&]$/.test(before)) return /^[^&\s"'`#<>]*/.exec(rest)?.[0].length ?? 0;
  const substitution = /^(?:\$\((?:[^()]|\([^()]*\))*\)|\{\{.*?\}\}|\$\{[^}]*\})(?=[\s"',;)]|$)/.exec(rest);
  if (substitution !== null) return substitution[0].length;
  const starts =
    /^[ \t]*(?:(?:#+|;|\/\/|\*|<!--|REM)[ \t]*)?(?:(?:export|declare(?:[ \t]+-\w+)*|set|setenv|local|readonly|define|var|let|-)[ \t]+)*["']?$/.test(
      before,
    );
  if (starts && enclosing === undefined) {
    const first = /^\S*/.exec(rest)?.[0].length ?? 0;
    if (separator === "=" && space === "" && COMMAND.test(rest.slice(first))) return first;
    const comment = /[ \t]+(?:#|;|\/\/)(?=[ \t]|$).*$/.exec(rest);
    const value = (comment === null ? rest : rest.slice(0, comment.index)).trimEnd();
    return value.replace(/[,;]$/, "").length;
  }
  const word =
    enclosing === undefined ? /^[^\s"'`]*/.exec(rest)?.[0] : new RegExp(`^[^\\s${enclosing}]*`).exec(rest)?.[0];
  return (word ?? "").replace(/[,;&](?=[\w.-]+=).*$/s, "").replace(/[,;)\]}>]+$/, "").length;
}

function lineEnd(text: string, at: number): number {
  const end = text.indexOf("\n", at);
  return end === -1 ? text.length : text[end - 1] === "\r" ? end - 1 : end;
}

/** Returns the rest of the line, up to a length that only a hostile value exceeds. */
function restOfLine(text: string, at: number): string {
  const near = text.slice(at, at + LINE_AT_MOST);
  const end = near.indexOf("\n");
  const line = end === -1 ? near : near.slice(0, end);
  return line.endsWith("\r") ? line.slice(0, -1) : line;
}

/** The quote that is open at the end of `before`, if any. */
function enclosingQuote(before: string): string | undefined {
  let open: string | undefined;
  for (let at = 0; at < before.length; at++) {
    const character = before[at] ?? "";
    if (character === "\\") at++;
    else if (
      open === undefined ? `"'\``.includes(character) && !/\w'$/.test(before.slice(0, at + 1)) : character === open
    ) {
      open = open === undefined ? character : undefined;
    }
  }
  return open;
}

function closing(text: string, from: number, quote: string): number {
  for (let at = from; at < text.length && text[at] !== "\n"; at++) {
    if (text[at] === "\\") at++;
    else if (text[at] === quote) return at;
  }
  return -1;
}
