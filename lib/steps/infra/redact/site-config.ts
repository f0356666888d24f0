/** The site's config as it goes into each run: what it does stays, what it knows goes. */
import {
  type Document,
  isMap,
  isNode,
  isPair,
  isScalar,
  isSeq,
  LineCounter,
  parseDocument,
  Parser,
  type Scalar,
  visit,
} from "yaml";
import { classifyKey } from "./key-names.ts";
import { PLACEHOLDER, redactText } from "./text.ts";
import { isSecretValue } from "./value-parser.ts";

const NO_RULES = { keepValues: [] } as const;

interface Edit {
  readonly start: number;
  readonly end: number;
  readonly text: string;
}

/**
 * `yamlText` without its secrets: values under secret keys, credentials in URLs, secrets by shape, in arguments of
 * commands and in comments. `*_file`, `*_command` and `${VAR}` stay. The result parses, into the same structure; the
 * rest is byte for byte as it was.
 */
export function sanitiseConfig(yamlText: string): string {
  const document = parseDocument(yamlText, { lineCounter: new LineCounter(), uniqueKeys: false, logLevel: "silent" });
  const edits = [...scalarEdits(yamlText, document), ...commentEdits(yamlText, alertsSection(document))];
  edits.sort((a, b) => a.start - b.start);
  let result = "";
  let done = 0;
  for (const { start, end, text } of edits) {
    if (start < done) continue;
    result += yamlText.slice(done, start) + text;
    done = end;
  }
  return result + yamlText.slice(done);
}

function scalarEdits(source: string, document: Document.Parsed): Edit[] {
  const edits: Edit[] = [];
  visit(document, {
    Scalar(position, node, path) {
      if (position === "key" || typeof node.value === "boolean" || node.value === null) return;
      const clean = cleanScalar(node, path);
      const range = node.range;
      if (clean === undefined || range === undefined || range === null) return;
      // A block's range takes in the end of its last line.
      const end = source.slice(range[0], range[1]).endsWith("\n") ? "\n" : "";
      edits.push({ start: range[0], end: range[1], text: `${JSON.stringify(clean)}${end}` });
    },
  });
  return edits;
}

/** Returns the replacement of a scalar; undefined if it stays. */
function cleanScalar(node: Scalar, path: readonly unknown[]): string | undefined {
  const value = String(node.value);
  const key = keyOf(path);
  const kind = isAlertSecret(path, key, value) ? "named" : classifyKey(key ?? "");
  if (isSecretValue(value, kind, node.type === "QUOTE_SINGLE")) {
    const fallback = /^\$\{\w+:?-/.exec(value);
    return fallback !== null && value.endsWith("}") ? `${fallback[0]}${PLACEHOLDER}}` : PLACEHOLDER;
  }
  const before = argumentsBefore(node, path);
  const text = before.length > 0 ? cleanArgument(before, value) : redactText(value, NO_RULES).text;
  return text === value ? undefined : text;
}

/** Keys of alert routes whose values are secret. */
const ALERT_SECRETS: ReadonlySet<string> = new Set(["url", "token", "password"]);
const ADDRESS = /\b[a-z][a-z0-9+.-]*:\/\/\S+/gi;

/** Checks whether a value of the section `alerts` is secret: there, every address may hold a token. */
function isAlertSecret(path: readonly unknown[], key: string | undefined, value: string): boolean {
  const [, , section] = path;
  if (!isPair(section) || !isAlertsKey(section.key)) return false;
  return ALERT_SECRETS.has(key ?? "") || value.search(ADDRESS) !== -1;
}

const isAlertsKey = (key: unknown): boolean => isScalar(key) && key.value === "alerts";

/** Returns where the section `alerts` stands in the text, with its comments. */
function alertsSection({ contents }: Document.Parsed): Omit<Edit, "text"> | undefined {
  const pair = isMap(contents) ? contents.items.find(({ key }) => isAlertsKey(key)) : undefined;
  if (!isScalar(pair?.key) || !isNode(pair.value)) return undefined;
  return { start: pair.key.range?.[0] ?? 0, end: pair.value.range?.[2] ?? 0 };
}

/** The nearest key above a scalar, lists passed through: that of `b` in `passwords: [a, b]`. */
function keyOf(path: readonly unknown[]): string | undefined {
  const pair = path.findLast((above) => isPair(above));
  return isPair(pair) && isScalar(pair.key) ? String(pair.key.value) : undefined;
}

/** The elements of a list of words that stand before this one: a command's name and arguments. */
function argumentsBefore(node: Scalar, path: readonly unknown[]): string[] {
  const list = path.at(-1);
  if (!isSeq(list) || isMap(list)) return [];
  const words = list.items.map((item) => (isScalar(item) ? String(item.value) : ""));
  return words.slice(0, list.items.indexOf(node));
}

/** One argument of a command, judged behind those before it: `--password` makes a secret of what follows. */
function cleanArgument(before: readonly string[], value: string): string {
  const own = redactText(value, NO_RULES).text;
  if (own.includes(PLACEHOLDER)) return own;
  const quoted = before.map((word) => (/^[\w./:=@%+-]+$/.test(word) ? word : "''")).join(" ");
  const line = redactText(`${quoted} ${/\s/.test(value) ? `"${own}"` : own}`, NO_RULES).text;
  const start = redactText(`${quoted} `, NO_RULES).text;
  return line.startsWith(start) ? line.slice(start.length).replace(/^"(.*)"$/s, "$1") : own;
}

function commentEdits(source: string, alerts: Omit<Edit, "text"> | undefined): Edit[] {
  const edits: Edit[] = [];
  const collect = (token: unknown): void => {
    if (typeof token !== "object" || token === null) return;
    if ("type" in token && token.type === "comment" && "source" in token && "offset" in token) {
      const { source: comment, offset } = token;
      if (typeof comment !== "string" || typeof offset !== "number") return;
      const isOfAlerts = alerts !== undefined && offset >= alerts.start && offset < alerts.end;
      const { text } = redactText(isOfAlerts ? comment.replaceAll(ADDRESS, PLACEHOLDER) : comment, NO_RULES);
      if (text !== comment) edits.push({ start: offset, end: offset + comment.length, text });
      return;
    }
    for (const part of Object.values(token)) if (typeof part === "object") collect(part);
  };
  for (const token of new Parser().parse(source)) collect(token);
  return edits;
}
