/** Takes the secrets out of any text file and leaves every other byte as it was. */
import { assignmentSpans, isProgram } from "./assignments.ts";
import { findInSections } from "./sections.ts";
import { type KeyRules, keyClassifier } from "./key-names.ts";
import { findContextualSecrets } from "./contextual-secrets.ts";
import { PLACEHOLDER, findTokens, type Span } from "./token-patterns.ts";

export { PLACEHOLDER } from "./token-patterns.ts";

export interface RedactOptions extends KeyRules {
  /** Values known to be secret, to be taken out wherever they stand. */
  readonly knownSecrets?: readonly string[];
  /** Path of the text; its extension distinguishes a program from a configuration. */
  readonly file?: string;
}

export interface Redacted {
  readonly text: string;
  /** Number of removed values. */
  readonly redacted: number;
  /** The keys that held them, sorted. */
  readonly keys: string[];
}

/**
 * A pass can reveal what a longer secret hid. Each leaves less text outside of placeholders, so the loop ends.
 */
const MAX_PASSES = 20;

/**
 * `text` with `***REDACTED***` in place of every value that a key, a known shape, a URL, an option or `knownSecrets`
 * marks as secret. Redacting the result again changes nothing.
 */
export function redactText(text: string, options: RedactOptions): Redacted {
  const keys = new Set<string>();
  let redacted = 0;
  let current = text;
  for (let pass = 0; pass < MAX_PASSES; pass++) {
    const spans = findSecrets(current, options);
    if (spans.length === 0) break;
    redacted += spans.length;
    for (const { key } of spans) if (key !== undefined) keys.add(key);
    current = replaceSpans(current, spans);
  }
  return { text: current, redacted, keys: [...keys].toSorted() };
}

/** Returns the positions of secrets in `text`: in order, without overlaps and placeholders. */
export function findSecrets(text: string, options: RedactOptions): Span[] {
  const classify = keyClassifier(options);
  const found = [
    ...findTokens(text),
    ...assignmentSpans(text, classify, isProgram(text, options.file)),
    ...(isProgram(text, options.file) ? [] : findInSections(text, classify)),
    ...findContextualSecrets(text, classify),
    ...(options.knownSecrets ?? []).flatMap((secret) => occurrences(text, secret)),
  ];
  return merge(found.filter(({ start, end }) => end > start && text.slice(start, end).trim() !== PLACEHOLDER));
}

/** `text` with the placeholder in place of each span; spans are in order and do not overlap. */
export function replaceSpans(text: string, spans: readonly Span[]): string {
  let result = "";
  let done = 0;
  for (const { start, end } of spans) {
    result += text.slice(done, start) + PLACEHOLDER;
    done = end;
  }
  return result + text.slice(done);
}

/** Overlapping spans become one; the longest gives its name. */
function merge(spans: readonly Span[]): Span[] {
  const merged: Span[] = [];
  for (const span of spans.toSorted((a, b) => a.start - b.start || b.end - a.end)) {
    const last = merged.at(-1);
    if (last === undefined || span.start >= last.end) merged.push(span);
    else if (span.end > last.end) merged[merged.length - 1] = { ...last, end: span.end };
  }
  return merged;
}

/**
 * A known secret as it is, percent-encoded and in base64. Short ones count only where no letter or digit goes on at
 * either side.
 */
function occurrences(text: string, secret: string): Span[] {
  const spans: Span[] = [];
  const forms = new Set([
    secret,
    encodeURIComponent(secret),
    secret.replaceAll("%", "%%"),
    secret.replaceAll("$", "\\$"),
    JSON.stringify(secret).slice(1, -1),
  ]);
  if (secret.length >= 9) forms.add(Buffer.from(secret).toString("base64").replace(/=+$/, ""));
  for (const form of forms) {
    if (form === "") continue;
    for (let at = text.indexOf(form); at !== -1; at = text.indexOf(form, at + form.length)) {
      const end = at + form.length;
      const alone = !/\w/.test(text[at - 1] ?? "") && !/\w/.test(text[end] ?? "");
      if (alone || form.length >= 12) spans.push({ start: at, end, rule: "known-secret" });
    }
  }
  return spans;
}
