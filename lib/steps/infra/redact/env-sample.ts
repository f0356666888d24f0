/** `.env` → `.env.sample`: every key, no value but those that the config names. */
import { classifyKey, type KeyRules } from "./key-names.ts";
import { redactText, type RedactOptions } from "./text.ts";
import { scanForSecrets } from "./scan.ts";
import { looksRandom, findTokens } from "./token-patterns.ts";
import { isSecretValue } from "./value-parser.ts";

export interface EnvSample {
  readonly text: string;
  /**
   * Values that were left out and are worth finding in other files: secrets, and no word that means something
   * elsewhere.
   */
  readonly knownSecrets: string[];
}

/** `raw` is what stood in the file, without the line's end. */
interface EnvPair {
  readonly kind: "pair";
  /** Everything up to and with the `=`. */
  readonly head: string;
  readonly key: string;
  readonly value: string;
  readonly raw: string;
}

export type EnvLine = EnvPair | { readonly kind: "comment" | "blank" | "other"; readonly raw: string };

const PAIR = /^(\s*(?:export\s+|set\s+)?([A-Za-z_][\w.-]*)\s*=)[ \t]*/;

/**
 * The sample of an environment file. Values of `rules.keepValues` stay unless they are, or hold, a secret; comments
 * stay unless one is in them; commented-out assignments lose their values too. Lines that are no assignment are left
 * out, as they may be anything.
 */
export async function envSample(text: string, rules: KeyRules): Promise<EnvSample> {
  const eol = text.includes("\r\n") ? "\r\n" : "\n";
  const lines = parseEnv(text.replace(/^\uFEFF/, ""));
  const pairs = lines.filter((line) => line.kind === "pair");
  const commented = lines.flatMap((line) =>
    line.kind === "comment" ? parseEnv(line.raw.replace(/^\s*#+\s*/, "")) : [],
  );
  const knownSecrets = secretsOf([...pairs, ...commented.filter((line) => line.kind === "pair")]);
  const kept = new Set(rules.keepValues);
  const redact = { ...rules, knownSecrets };
  const out: string[] = [];
  for (const line of lines) {
    if (line.kind === "pair") out.push(kept.has(line.key) ? await keptPair(line, redact) : line.head);
    else if (line.kind === "comment") out.push(...sampleComment(line.raw, redact));
    else out.push(line.kind === "blank" ? "" : "# (a line that is no assignment was left out)");
  }
  return { text: out.join("\n").replaceAll("\n", eol), knownSecrets };
}

/** A pair with its value, as far as that holds no secret. */
async function keptPair({ raw, head, key }: EnvPair, rules: RedactOptions): Promise<string> {
  const { text } = redactText(raw, rules);
  const findings = await scanForSecrets([{ path: key, text }]);
  return findings.length === 0 ? text : head;
}

function sampleComment(raw: string, rules: RedactOptions): string[] {
  const assignment = /^(\s*#+\s*(?:export\s+)?[A-Za-z_][\w.-]*=)\S/.exec(raw);
  if (assignment !== null) return [assignment[1] ?? ""];
  return redactText(raw, rules).redacted === 0 ? [raw] : [];
}

/** The lines of an environment file as shells, docker and dotenv read them: quoted values may take several lines. */
export function parseEnv(text: string): EnvLine[] {
  const lines: EnvLine[] = [];
  const source = text.replaceAll("\r\n", "\n");
  let at = 0;
  while (at <= source.length) {
    const newline = source.indexOf("\n", at);
    let end = newline === -1 ? source.length : newline;
    const line = source.slice(at, end);
    const pair = PAIR.exec(line);
    if (line.trim() === "") lines.push({ kind: "blank", raw: line });
    else if (/^\s*#/.test(line)) lines.push({ kind: "comment", raw: line });
    else if (pair === null) lines.push({ kind: "other", raw: line });
    else {
      const { value, after } = readEnvValue(source, at + pair[0].length, end);
      end = after;
      lines.push({ kind: "pair", head: pair[1] ?? "", key: pair[2] ?? "", value, raw: source.slice(at, end) });
    }
    at = end + 1;
  }
  return lines;
}

function readEnvValue(text: string, at: number, lineEnd: number): { value: string; after: number } {
  const quote = text[at] ?? "";
  if (`"'\``.includes(quote) && quote !== "") {
    for (let close = at + 1; close < text.length; close++) {
      if (text[close] === "\\" && quote !== "'") close++;
      else if (text[close] === quote) {
        const newline = text.indexOf("\n", close);
        return { value: text.slice(at + 1, close), after: newline === -1 ? text.length : newline };
      }
    }
  }
  let end = lineEnd;
  while (text[end - 1] === "\\" && end < text.length) {
    const newline = text.indexOf("\n", end + 1);
    end = newline === -1 ? text.length : newline;
  }
  return {
    value: text
      .slice(at, end)
      .replace(/\s+#.*$/s, "")
      .trim(),
    after: end,
  };
}

function secretsOf(pairs: readonly { readonly key: string; readonly value: string }[]): string[] {
  const open = new Set(
    pairs
      .filter(({ key, value }) => classifyKey(key) === "plain" && findTokens(value).length === 0)
      .map(({ value }) => value),
  );
  const found = new Set<string>();
  for (const { key, value } of pairs) {
    const kind = classifyKey(key);
    const parts = findTokens(value).flatMap(({ start, end }) => value.slice(start, end).split("\n"));
    if (isSecretValue(value, kind) || looksRandom(value)) parts.push(...value.split("\n"));
    for (const part of parts)
      if (worthSearching(part.trim()) && !(open.has(part) && !looksRandom(part))) found.add(part.trim());
  }
  return [...found].toSorted((a, b) => b.length - a.length || (a < b ? -1 : 1));
}

const COMMON =
  /^(?:password|passw0rd|changeme|change-me|secret|default|example|postgres(?:ql)?|mysql|mariadb|redis|django|admin(?:istrator)?|localhost|production|staging|development|testing|disabled|enabled|required|optional|prefer|verify-full|\d{1,7}|-----.*)$/i;

/** Checks whether a value is distinctive enough to be searched for in other files. */
export function worthSearching(value: string): boolean {
  if (value.length < 6 || COMMON.test(value) || /^[\s\W_]+$/.test(value)) return false;
  return (
    value.length >= 10 || /\d/.test(value) || /[^\w\s.-]/.test(value) || (/[a-z]/.test(value) && /[A-Z]/.test(value))
  );
}
