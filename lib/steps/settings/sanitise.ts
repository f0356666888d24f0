/** Removes secrets from settings, and keeps whether each is set. */
import { matcher } from "../../portable/compare/settings-diff.ts";
import type { Setting } from "../../portable/format/settings.ts";
import { worthSearching } from "../infra/redact/env-sample.ts";
import { classifyKey, inheritsSecrecy, type KeyClass } from "../infra/redact/key-names.ts";
import { redactText, type RedactOptions } from "../infra/redact/text.ts";
import { isSecretValue } from "../infra/redact/value-parser.ts";
import type { Json, RawSetting } from "./parse.ts";
import { databaseScheme } from "./scheme.ts";

/**
 * The settings by their dotted names. A value goes where its name, the names above it, one of `secret` (globs) or its
 * look say that it is a secret, and where another secret stands in it; passwords in URLs are blanked out. A URL of a
 * database says its engine in a setting of its own, `NAME.scheme`.
 */
export function sanitiseSettings(
  raw: readonly RawSetting[],
  secret: readonly string[],
  source: string,
): Record<string, Setting> {
  const isNamed = matcher(secret);
  const classed = raw.map((setting) => {
    const name = setting.path.join(".");
    return { ...setting, name, kind: isNamed(name) ? ("named" as const) : classOf(setting.path) };
  });
  const hidden = new Set(classed.filter(({ value, kind }) => isSecret(value, kind)));
  const knownSecrets = [...hidden].flatMap(({ value }) => textsOf(value)).filter(worthSearching);
  const clean = cleaner(knownSecrets);
  const found = new Map<string, Setting>();
  for (const setting of classed) {
    const { name, kind, value } = setting;
    const about = {
      type: setting.type ?? typeOf(value),
      source: clean(setting.source ?? source),
      description: setting.description === undefined ? null : clean(setting.description),
    };
    const isHidden = hidden.has(setting) || ((kind === "secret" || kind === "named") && isEmpty(value));
    found.set(clean(name), isHidden ? hide(about, !isEmpty(value)) : { value: cleanValue(value, clean), ...about });
    const scheme = databaseScheme(value);
    if (scheme !== undefined)
      found.set(`${clean(name)}.scheme`, {
        value: scheme,
        type: "string",
        source: about.source,
        description: `the engine that ${clean(name)} names`,
      });
  }
  return Object.fromEntries(found);
}

type About = Omit<Setting, "value" | "present">;
type Class = KeyClass | "named";

const hide = (about: About, present: boolean): Setting => ({ value: null, ...about, present });

/** Returns the class of the innermost name, or of a name above it that makes everything below a secret. */
function classOf(path: readonly string[]): Class {
  let outer: KeyClass = "plain";
  for (const name of path) {
    const own = classifyKey(name);
    if (outer === "secret" && inheritsSecrecy(name, outer, classifyKey)) continue;
    outer = own;
  }
  return outer;
}

function isSecret(value: Json, kind: Class): boolean {
  if (kind === "named") return !isEmpty(value);
  // A name that says nothing is no reason to keep what looks as if it had been generated.
  return textsOf(value).some((text) => isSecretValue(text, kind === "plain" ? "described" : kind));
}

const isEmpty = (value: Json): boolean =>
  value === null || value === "" || (typeof value === "object" && Object.keys(value).length === 0);

const textsOf = (value: Json): string[] =>
  Array.isArray(value) ? value.flatMap(textsOf) : value === null || typeof value === "object" ? [] : [String(value)];

function cleanValue(value: Json, clean: (text: string) => string): Json {
  if (typeof value === "string") return clean(value);
  return Array.isArray(value) ? value.map((item) => cleanValue(item, clean)) : value;
}

function cleaner(knownSecrets: readonly string[]): (text: string) => string {
  const rules: RedactOptions = { keepValues: [], knownSecrets };
  return (text) => redactText(text, rules).text;
}

function typeOf(value: Json): string {
  if (value === null) return "null";
  return Array.isArray(value) ? "list" : typeof value;
}
