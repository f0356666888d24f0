/**
 * Secrets that show themselves whatever they are called: tokens with a maker's prefix, private keys, password hashes,
 * credentials in URLs.
 */

export const PLACEHOLDER = "***REDACTED***";

/** A part of a text that is, or may be, a secret. `start` and `end` count UTF-16 units. */
export interface Span {
  readonly start: number;
  readonly end: number;
  /** The name of the pattern that found it, or `key`. */
  readonly rule: string;
  /** The key that holds it, where there is one. */
  readonly key?: string;
}

/**
 * Each pattern's group 1 is the secret; the whole match where it has none. Prefixes are those their makers document.
 */
const SHAPES: readonly (readonly [rule: string, pattern: RegExp])[] = [
  [
    "private-key",
    /-----BEGIN ([A-Z0-9 ]*PRIVATE KEY(?: BLOCK)?|OpenVPN Static key V1)-----[\s\S]{0,65536}?-----END \1-----/dg,
  ],
  [
    "private-key",
    /-----BEGIN ([A-Z0-9 ]*PRIVATE KEY(?: BLOCK)?|OpenVPN Static key V1)-----(?![\s\S]{0,65536}?-----END \1-----)(?:[^\n]*(?:\n[#;\s]*[A-Za-z0-9+/=:,-]{16,}[^\n]*)*)/dg,
  ],
  ["age-key", /AGE-SECRET-KEY-(?:PQ-)?1[0-9A-Z]{20,}/dgi],
  ["aws-access-key", /(?<![A-Za-z0-9])(?:AKIA|ASIA|ABIA|ACCA)[A-Z0-9]{12,20}(?![A-Za-z0-9])/dg],
  ["github-token", /(?<![A-Za-z0-9])(?:gh[pousr]_[A-Za-z0-9]{10,}|github_pat_\w{10,})/dg],
  ["gitlab-token", /(?<![A-Za-z0-9])gl(?:pat|dt|rt|ft|ptt|cbt|soat|agent|imt|oas)-[\w.-]{10,}/dg],
  ["slack-token", /(?<![A-Za-z0-9])(?:xox[a-z](?:\.[a-z]+)?|xapp)-[A-Za-z0-9-]{10,}/dg],
  ["slack-webhook", /hooks\.slack\.com\/(?:services|workflows|triggers)\/([\w/+-]{8,})/dg],
  ["discord-webhook", /discord(?:app)?\.com\/api\/webhooks\/(\d+\/[\w-]+)/dg],
  ["teams-webhook", /\.webhook\.office\.com\/(\w[^\s"'<>]+)/dg],
  ["stripe-key", /(?<![A-Za-z0-9])(?:[sr]k_(?:live|test)_[A-Za-z0-9]{8,}|whsec_[A-Za-z0-9+/=]{12,})/dg],
  ["openai-key", /(?<![\w-])sk-(?=[\w-]*[0-9A-Z])[\w-]{16,}/dg],
  ["google-key", /(?<![\w-])(?:AIza[\w-]{20,}|GOCSPX-[\w-]{16,}|ya29\.[\w-]{16,}|1\/\/0[\w-]{20,})/dg],
  ["jwt", /(?<![\w-])eyJ[\w-]{8,}\.[\w-]{8,}\.[\w-]*/dg],
  ["npm-token", /(?<![A-Za-z0-9])npm_[A-Za-z0-9]{20,}/dg],
  ["pypi-token", /(?<![A-Za-z0-9])pypi-[\w-]{30,}/dg],
  ["docker-token", /(?<![A-Za-z0-9])dckr_(?:pat|oat)_[\w-]{16,}/dg],
  ["huggingface-token", /(?<![A-Za-z0-9])hf_[A-Za-z0-9]{20,}/dg],
  ["sendgrid-key", /(?<![A-Za-z0-9])SG\.[\w-]{8,}\.[\w-]{8,}/dg],
  ["mailgun-key", /(?<![\w-])key-[0-9a-f]{32}(?![0-9a-z])/dg],
  ["mailchimp-key", /(?<![0-9a-z])[0-9a-f]{32}-us\d{1,2}(?!\d)/dg],
  ["twilio-key", /(?<![A-Za-z0-9])(?:SK|AC)[0-9a-f]{32}(?![A-Za-z0-9])/dg],
  ["telegram-token", /(?<![\w-])\d{6,12}:[\w-]{32,40}(?![\w-])/dg],
  ["digitalocean-token", /(?<![A-Za-z0-9])do[opr]_v1_[0-9a-f]{32,}/dg],
  ["shopify-token", /(?<![A-Za-z0-9])shp(?:at|ca|pa|ss)_[0-9a-fA-F]{24,}/dg],
  ["databricks-token", /(?<![A-Za-z0-9])dapi[0-9a-f]{32}/dg],
  ["vault-token", /(?<![A-Za-z0-9])hv[sbr]\.[\w-]{20,}/dg],
  ["atlassian-token", /(?<![A-Za-z0-9])AT(?:ATT|CTT|BBT)3[\w-]{20,}/dg],
  [
    "prefixed-token",
    /(?<![A-Za-z0-9])(?:glsa|glc|figd|sntr[ysu]|lin_api|ntn|pscale_\w+|tskey-\w+|dop|pul|NRAK|HRKU|sq0[a-z]{3})[_-](?=[\w-]*\d)[\w-]{20,}/dg,
  ],
  ["1password-token", /(?<![A-Za-z0-9])ops_ey[A-Za-z0-9+/=]{40,}/dg],
  ["django-secret-key", /django-insecure-[^\s"'`]{8,}/dg],
  ["password-hash", /\$(?:apr1|1|2[aby]|5|6|7|y|argon2(?:id|i|d))\$[\w./$,=+-]{12,}/dg],
  ["password-hash", /(?<![\w-])(?:pbkdf2_sha(?:1|256|512)|bcrypt_sha256|scrypt|argon2)\$[\w./$,=+-]{20,}/dg],
  ["password-hash", /(?<!\w)\{(?:S?SHA(?:256|512)?|S?MD5|CRYPT|PLAIN)\}[\w./+=$-]{8,}/dg],
  ["pgpass", /(?<![\w:.-])[\w.-]{1,255}:(?:\d{4,5}|\*):[\w*-]+:[\w*-]+:([^\s"'`:]{3,})/dg],
  ["bearer", /\b(?:bearer|token)[ \t]+(?=[\w.~+/-]*\d)(?=[\w.~+/-]*[A-Za-z])([\w.~+/=-]{16,})/dgi],
  ["basic-auth", /\bbasic[ \t]+([A-Za-z0-9+/]{8,}={0,2})(?![\w+/])/dgi],
];

/** A user and a password, with whatever unescaped characters people put there; never a port. */
const URL_PASSWORD =
  /(?<=[a-z][a-z0-9+.-]*:\/\/)([^\s:/?#"'`<>[\]]{0,256}):(?!\d+[/?#])([^\s"'`<>]{1,1024})@(?=[\w[$%{.-])/dgi;
const URL_PASSWORD_STRICT = /(?<=[a-z][a-z0-9+.-]*:\/\/)([^\s:/?#"'`<>[\]]{0,256}):([^\s/?#"'`<>]{1,1024})@/dgi;
/** A user alone: a token where it looks like one. */
const URL_USER = /(?<=[a-z][a-z0-9+.-]*:\/\/)([^\s:/?#@"'`<>[\]]{1,1024}):?@/dgi;
const QUERY = /[?&;](?:sig|signature|key|code|hmac|st|ticket|k|t|auth|pw|pass|x-amz-\w+)=([^\s"'`<>&;#]+)/dgi;

/** Everything in `text` that has a known shape. */
export function findTokens(text: string): Span[] {
  const spans: Span[] = [];
  const add = (rule: string, range: [number, number] | undefined): void => {
    if (range !== undefined) spans.push({ start: range[0], end: range[1], rule });
  };
  for (const [rule, pattern] of SHAPES) {
    for (const match of text.matchAll(pattern)) {
      const whole = rule === "private-key";
      const range = whole ? match.indices?.[0] : (match.indices?.[1] ?? match.indices?.[0]);
      if (rule === "basic-auth" && !isBasicCredential(match[1] ?? "")) continue;
      add(rule, range);
    }
  }
  for (const pattern of [URL_PASSWORD, URL_PASSWORD_STRICT]) {
    for (const match of text.matchAll(pattern)) {
      if (isReference(match[2] ?? "")) continue;
      add("url-password", match.indices?.[2]);
      if (looksRandom(match[1] ?? "") || match[2] === "x-oauth-basic") add("url-user", match.indices?.[1]);
    }
  }
  for (const match of text.matchAll(URL_USER)) if (looksRandom(match[1] ?? "")) add("url-user", match.indices?.[1]);
  for (const match of text.matchAll(QUERY))
    if (looksRandom(match[1] ?? "", 12)) add("url-parameter", match.indices?.[1]);
  return spans;
}

function isBasicCredential(value: string): boolean {
  const decoded = Buffer.from(value, "base64").toString("latin1");
  return /^[\x20-\x7e\xa0-\xff]*:[\x20-\x7e\xa0-\xff]*$/.test(decoded);
}

/**
 * Names something that is looked up when it is used, and so holds nothing itself: `${VAR}`, `$VAR`, `{{ var }}`,
 * `%(var)s`, `<var>`.
 */
export function isReference(value: string): boolean {
  return /^(?:\$[A-Z_][A-Z0-9_]*|\$[a-z_]+|\$\{[\w.]+\}|\$\d|\$\(.*\)|\$?\{\{.*\}\}|\{%.*%\}|\{[a-z_][\w.]*\}|%\(\w+\)[sd]|%\{\w+\}|%[a-zA-Z]|<[\w -]+>|\*+|x{3,}|\.{3}|…)$/s.test(
    value,
  );
}

/** Checks whether a value looks generated: long, of mixed characters, not a word, path, address, version or UUID. */
export function looksRandom(value: string, minimum = 16): boolean {
  if (value.length < minimum || !/^[\w+/=.~!@#$%^&*()-]+$/.test(value)) return false;
  if (/^[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}$/i.test(value) || /^[\d.:,-]+$/.test(value)) return false;
  if (isPath(value) || /^[\w.+-]+@[\w-]+(?:\.[\w-]+)+$/.test(value) || /^sha(?:1|256|512)[:-]/.test(value))
    return false;
  if (!/\d/.test(value) && !(/[a-z]/.test(value) && /[A-Z]/.test(value))) return false;
  const words = value.match(/[A-Z]?[a-z]{4,}|[A-Z]{4,}(?![a-z])|[-_./:=+]/g) ?? [];
  if (words.join("").length > value.length * 0.6) return false;
  return entropy(value) >= (/^[0-9a-f]+$/i.test(value) ? 2.8 : 3.4);
}

/** Bits a character, after Shannon. */
function entropy(value: string): number {
  const counts = new Map<string, number>();
  for (const character of value) counts.set(character, (counts.get(character) ?? 0) + 1);
  let bits = 0;
  for (const count of counts.values()) bits -= (count / value.length) * Math.log2(count / value.length);
  return bits;
}

/**
 * An absolute path under a usual directory, or one relative to here or home; never base64 that happens to begin with a
 * slash.
 */
export function isPath(value: string): boolean {
  if (/[\s+=]/.test(value)) return false;
  if (/^(?:~|\.{1,2})\/[\w./@%-]*$/.test(value)) return true;
  return /^\/(?:etc|var|run|home|srv|opt|usr|root|tmp|mnt|media|dev|proc|sys|data|app|apps|config|secrets|www|lib|bin|sbin|private|code|work|workspace|Users|Volumes|nix|snap|boot|static|vagrant|docker)(?:\/[\w.@%:-]+)*\/?$/.test(
    value,
  );
}
