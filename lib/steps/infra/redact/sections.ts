/**
 * Values that are secret for the heading they stand under: YAML's `passwords:` with its entries, and the sections of an
 * ini file.
 */
import type { Classify } from "./assignments.ts";
import { inheritsSecrecy } from "./key-names.ts";
import type { Span } from "./token-patterns.ts";
import { isSecretValue } from "./value-parser.ts";

const HEADING = /^([ \t]*)(?:-[ \t]+)?["']?([A-Za-z_][\w.-]*)["']?[ \t]*:[ \t]*(?:#.*)?$/;
const SECTION = /^[ \t]*\[([\w.-]+)\][ \t]*(?:[#;].*)?$/;
const ENTRY = /^([ \t]*(?:-[ \t]+)?["']?([A-Za-z_][\w.@-]*)["']?[ \t]*[:=][ \t]*)(.*?)[ \t]*$/;
const ITEM = /^([ \t]*-[ \t]+)(.*?)[ \t]*$/;

/** Headings whose items are passwords; those of others, such as the secrets of a compose file, may be names. */
const PASSWORDS = /(?:pass(?:word|wd|phrase|code)s?|pwds?)$/i;

/** The entries of secret headings; what is nested deeper is judged by its own keys. */
export function findInSections(text: string, classify: Classify): Span[] {
  const spans: Span[] = [];
  const isSecret = (key: string): boolean => ["secret", "named"].includes(classify(key));
  let heading: { readonly key: string; readonly indent: number } | undefined;
  let section: string | undefined;
  let at = 0;
  for (const whole of text.split("\n")) {
    const line = whole.endsWith("\r") ? whole.slice(0, -1) : whole;
    const indent = line.length - line.trimStart().length;
    const start = at;
    at += whole.length + 1;
    if (line.trim() === "" || /^[ \t]*[#;]/.test(line)) continue;
    const item = ITEM.exec(line);
    if (heading !== undefined && (indent < heading.indent || (indent === heading.indent && item === null)))
      heading = undefined;
    const named = SECTION.exec(line)?.[1];
    if (named !== undefined) section = isSecret(named) ? named : undefined;
    const key = heading?.key ?? section;
    const entry = ENTRY.exec(line);
    const value = entry ?? item;
    if (key !== undefined && value !== null) {
      const last = value.length - 1;
      const inner = entry === null ? undefined : (entry[2] ?? "");
      const found = unquoted(value[last] ?? "");
      const goes =
        inner === undefined
          ? PASSWORDS.test(key) || !/^[a-z]+(?:[_-][a-z]+)*$/.test(found.text)
          : inheritsSecrecy(inner, "secret", classify);
      const from = start + (value[1] ?? "").length + found.from;
      if (goes && !/^[|>[{&!]/.test(found.text) && isSecretValue(found.text, "secret")) {
        spans.push({ start: from, end: from + found.text.length, rule: "key", key });
      }
    }
    const opened = HEADING.exec(line)?.[2];
    if (heading === undefined && opened !== undefined && isSecret(opened)) heading = { key: opened, indent };
  }
  return spans;
}

/** A value without its quotes, comma and comment. */
function unquoted(value: string): { readonly text: string; readonly from: number } {
  const literal = /^(["'])(.*?)\1/.exec(value);
  if (literal !== null) return { text: literal[2] ?? "", from: 1 };
  return { text: value.replace(/[ \t]+[#;].*$/, "").replace(/,$/, ""), from: 0 };
}
