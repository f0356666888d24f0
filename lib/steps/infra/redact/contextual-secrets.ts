/**
 * Secrets that stand without `=` or `:` : options of programs, directives of servers, headers, SQL, XML and plain
 * sentences.
 */
import type { Classify } from "./assignments.ts";
import type { Span } from "./token-patterns.ts";
import { isSecretValue } from "./value-parser.ts";
import { asCommandLines } from "./word-lists.ts";

/** A word as a shell or a server reads it, quoted or bare; the groups are its content. */
const WORD = `(?:"((?:[^"\\\\\\n]|\\\\.)*)"|'([^'\\n]*)'|([^\\s"'\`;]+))`;

/** Options that take a secret and have no telling name, by the program that has them. Group 1, 2 or 3 is the secret. */
const PROGRAM_OPTIONS: readonly RegExp[] = [
  new RegExp(
    `\\b(?:mysql\\w*|mariadb[\\w-]*|mydumper|myloader|mycli|xtrabackup|mariabackup)\\b[^\\n|;]{0,2000}?\\s-p(?=\\S)${WORD}`,
    "dg",
  ),
  new RegExp(`\\b(?:7z[azr]?|unzip|zipinfo|unrar|rar)\\b[^\\n|;]{0,2000}?\\s-[pP](?=\\S)${WORD}`, "dg"),
  new RegExp(`\\bzip(?:cloak)?\\b[^\\n|;]{0,2000}?\\s-P\\s*${WORD}`, "dg"),
  new RegExp(`\\bsshpass\\s+-p\\s*${WORD}`, "dg"),
  new RegExp(`\\bredis-cli\\b[^\\n|;]{0,2000}?\\s-a\\s+${WORD}`, "dg"),
  new RegExp(`\\bmongo(?:sh|dump|restore|export|import)?\\b[^\\n|;]{0,2000}?\\s-p\\s*${WORD}`, "dg"),
  new RegExp(`\\bldap\\w+\\b[^\\n|;]{0,2000}?\\s-w\\s+${WORD}`, "dg"),
  new RegExp(
    `\\bhtpasswd\\s+(?:-\\S+\\s+)*?-\\w*b\\w*\\s+(?:-\\S+\\s+)*(?:[^\\s-]\\S*\\s+){1,2}?${WORD}(?=\\s*(?:$|[|;&>\\n]))`,
    "dg",
  ),
  /\bdocker\s+login\b[^\n|;]{0,2000}?\s-p\s*(?:"([^"\n]*)"|'([^'\n]*)'|(\S+))/dg,
  /(?:^|[\s"'=])pass:([^\s"'`;]+)/dg,
  /\b(?:curl|wget|http|https)\b[^\n|;]{0,2000}?\s(?:-u|--user|-U|--proxy-user)[\s=]*["']?[^\s:"']+:([^\s"']+)/dg,
  /\bsmbclient\b[^\n|;]{0,2000}?\s-U\s*["']?[^\s%"']+%([^\s"']+)/dg,
  /\becho\s+(?:-\w+\s+)?["']?\w+:([^\s"'|]+)["']?\s*\|\s*(?:sudo\s+)?chpasswd/dg,
  /\becho\s+(?:-\w+\s+)?["']?([^\s"'|$]+)["']?\s*\|\s*(?:sudo\s+-S|\w*\s*--password-stdin|docker\s+login)/dg,
  /\b(?:identified\s+(?:with\s+\S+\s+)?(?:by|as)(?:\s+password)?|password)\s+(?:"([^"\n]+)"|'([^'\n]+)')/dgi,
  new RegExp(`\\bconfigure\\s+set\\s+\\S*(?:secret|token|password|key)\\S*\\s+${WORD}`, "dg"),
  new RegExp(`\\bcurl\\b[^\\n|;]{0,2000}?\\s-b\\s*${WORD}`, "dg"),
  /^[ \t]*(?:requirepass|masterauth)[ \t]+["']?([^\s"']+)/dgim,
  /^[ \t]*user[ \t]+\S+[ \t]+[^\n]{0,2000}?[ \t][>#]([^\s]+)/dgm,
  /\blogin[ \t]+\S+\s+password[ \t]+(\S+)/dg,
  /\bAccountKey=([^;\s"']+)/dg,
  /[?&](?:auth|password|passwd|pwd|token|secret|api_?key)=([^&\s"'`;#]+)/dgi,
  /^[ \t]*(?:password|passwd|passphrase|secret)[ \t]+(?:"([^"\n]+)"|'([^'\n]+)'|([^\s"';{}=:]+))[ \t]*$/dgm,
];

/** Directives that carry a name and a value: the name decides. */
const DIRECTIVE =
  /^[ \t]*(?:#[ \t]*)?(?:proxy_set_header|grpc_set_header|fastcgi_param|uwsgi_param|scgi_param|add_header|more_set_headers|more_set_input_headers|set(?:[ \t]+-\w+)*|SetEnv|setenv|RequestHeader[ \t]+(?:set|append|add)|Header(?:[ \t]+always)?[ \t]+(?:set|append|add)|http-request[ \t]+(?:set|add)-header|ENV|ARG)[ \t]+["']?\$?([\w-]+)["']?[ \t]+(?:"((?:[^"\\\n]|\\.)*)"|'([^'\n]*)'|([^\n;]+?))[ \t]*(?:;|$)/dgm;
/** A directive of a server's own, ended by a semicolon: `api_key "…";`. */
const SEMICOLON =
  /^[ \t]*(?:#[ \t]*)?([A-Za-z_][\w-]*)[ \t]+(?:"((?:[^"\\\n]|\\.)*)"|'([^'\n]*)'|([^\s;{}"']+))[ \t]*;/dgm;
const HEADER =
  /\b(?:proxy-)?authorization["']?[ \t]*(?:[:=][ \t]*["']?|,[ \t]*["']|[ \t]["']|[ \t](?=(?:bearer|basic|token|digest|apikey)[ \t]))(?:(?:bearer|basic|token|digest|apikey|key)[ \t]+)?([^\s"'`,;){}]+)/dgi;
const OPTION = new RegExp(
  `(?<=[\\s"'\`=([]|^)--?([A-Za-z][\\w-]*)(?:[ \\t]+(?:\\\\\\n\\s*)?|["'][ \\t]*,\\s*(?=["']))(?![-|>&])${WORD}`,
  "dgm",
);
/** `setdefault("KEY", "value")`, `define('KEY', 'value')`, `os.environ.get("KEY", "value")`. */
const CALL =
  /\b([A-Za-z_]\w*)\(\s*["']([\w.-]+)["']\s*,\s*(?:default\s*=\s*)?[frbu]?(?:"((?:[^"\\\n]|\\.)*)"|'((?:[^'\\\n]|\\.)*)')/dg;
const NAME_VALUE =
  /\b(?:name|key)["']?\s*[:=]\s*["']?([\w.-]+)["']?\s*,?\s*["']?value["']?\s*[:=]\s*(?:"((?:[^"\\\n]|\\.)*)"|'([^'\n]*)'|([^\s"'][^\n]*))/dg;
const SENTENCE =
  /\b(pass(?:word|wd|phrase|code)?|pwd|secret|token|(?:api|access|private|secret)[ _-]key)\b(?:[ \t]+(?:for|of|on)[ \t]+\S+)?[ \t]*(?:\bis\b|\bwas\b|->|→|(?<=[ ]\S{1,20})[:=])[ \t]*["'`]?([^\s"'`,;&]+)/dgi;
const ELEMENT = /<([A-Za-z][\w.:-]*)(?:[ \t][^<>\n]*)?>([^<\n]+)<\/\1>/dg;
/** `${NAME:-default}`, anywhere. */
const FALLBACK = /\$\{([\w.]+):?[-=]([^}\n]+)\}/dg;
const NGINX_MAP = /\bmap[ \t]+"?\$((?:http|arg|cookie)_\w+)"?[ \t]+\$\w+[ \t\n]*\{([^}]{0,20000})\}/dg;
const SECURE_LINK = /\bsecure_link_(?:md5|secret)[ \t]+([^;]+);/dg;

/** Finds the secrets in `text` by the words around them. */
export function findContextualSecrets(text: string, classify: Classify): Span[] {
  const spans: Span[] = [];
  const add = (range: readonly [number, number] | undefined, rule: string, key?: string): void => {
    if (range !== undefined && range[1] > range[0])
      spans.push({ start: range[0], end: range[1], rule, ...(key === undefined ? {} : { key }) });
  };
  const lines = asCommandLines(text);
  for (const pattern of PROGRAM_OPTIONS) {
    for (const match of [...text.matchAll(pattern), ...(lines === text ? [] : lines.matchAll(pattern))]) {
      const range = firstRange(match, 1);
      if (range !== undefined && isSecretValue(text.slice(...range), "secret", match[2] !== undefined))
        add(range, "option");
    }
  }
  for (const [pattern, keyAt, valueAt] of [
    [DIRECTIVE, 1, 2],
    [SEMICOLON, 1, 2],
    [OPTION, 1, 2],
    [NAME_VALUE, 1, 2],
    [CALL, 2, 3],
    [FALLBACK, 1, 2],
    [ELEMENT, 1, 2],
  ] as const) {
    for (const match of text.matchAll(pattern)) {
      const key = match[keyAt] ?? "";
      const kind = classify(key);
      if (kind === "plain" || kind === "kept") continue;
      if (pattern === CALL && !isLookup(match[1] ?? "") && /^[a-z_]+$|^[A-Z_]+$/.test(match[3] ?? match[4] ?? ""))
        continue;
      const range = firstRange(match, valueAt);
      if (range === undefined || !isSecretValue(text.slice(...range), kind)) continue;
      add(range, "key", key);
    }
  }
  for (const match of text.matchAll(HEADER)) {
    if (
      isSecretValue(match[1] ?? "", "secret") &&
      !/^(?:\$|realm|header|headers|code|server|required)/i.test(match[1] ?? "")
    ) {
      add(match.indices?.[1], "key", "Authorization");
    }
  }
  for (const match of text.matchAll(SENTENCE)) {
    if (looksLikePassword(match[2] ?? "")) add(match.indices?.[2], "sentence", match[1]);
  }
  for (const match of text.matchAll(NGINX_MAP)) {
    if (!["secret", "maybe", "named"].includes(classify(match[1] ?? ""))) continue;
    const from = match.indices?.[2]?.[0] ?? 0;
    for (const entry of (match[2] ?? "").matchAll(
      /(?:^|;)[ \t]*"?(?!default\b|include\b|hostnames\b|volatile\b|"|#)([^\s";]+(?:[ \t]+[^\s";]+)?)"?[ \t]+[^\s;]+[ \t]*(?=;)/dgm,
    )) {
      const range = entry.indices?.[1];
      if (range !== undefined) add([from + range[0], from + range[1]], "key", match[1]);
    }
  }
  for (const match of text.matchAll(SECURE_LINK)) {
    const from = match.indices?.[1]?.[0] ?? 0;
    for (const word of (match[1] ?? "").matchAll(/(?<![\w$])[^\s$"'{}]{4,}/g))
      add([from + word.index, from + word.index + word[0].length], "key", "secure_link");
  }
  return spans;
}

/** The first group from `first` on that took part in the match. */
function firstRange(match: RegExpExecArray, first: number): [number, number] | undefined {
  for (let group = first; group < match.length; group++) if (match[group] !== undefined) return match.indices?.[group];
  return undefined;
}

function isLookup(name: string): boolean {
  return /^(?:get|getenv|env|config|setdefault|define|set|setenv|putenv|setattr|getattr|str|var|secret|pop|put|add_header)$/i.test(
    name,
  );
}

function looksLikePassword(word: string): boolean {
  if (!isSecretValue(word, "secret") || word.length < 5) return false;
  return (
    (/\d/.test(word) && /[A-Za-z]/.test(word)) || /[!@#$%^&*+=~?]/.test(word.slice(0, -1)) || /[a-z][A-Z]/.test(word)
  );
}
