/** Shows a config as the commands use it: defaults, variables, root and store resolved, without its secrets. */
import { stringify } from "yaml";
import type { SiteConfig } from "../../config/load.ts";
import { classifyKey } from "../../steps/infra/redact/key-names.ts";
import { sanitiseConfig } from "../../steps/infra/redact/site-config.ts";
import { PLACEHOLDER } from "../../steps/infra/redact/text.ts";

/** `${NAME}` and `${NAME:-default}`. */
const VARIABLE = /\$\{(\w+)(?::-([^}]*))?\}/g;

/** Returns the resolved config as YAML that parses; secrets are `***REDACTED***`. */
export function resolvedConfig(config: SiteConfig, environment: NodeJS.ProcessEnv): string {
  const { file: _file, text, warnings: _warnings, ...settings } = config;
  const secrets = secretVariables(text, environment);
  const { directory_mode, file_mode, ...permissions } = settings.permissions;
  const shown = shownValue({
    ...settings,
    permissions: { ...permissions, directory_mode: octal(directory_mode), file_mode: octal(file_mode) },
  });
  return sanitiseConfig(stringify(withoutSecrets(shown, secrets), { lineWidth: 0 }));
}

const octal = (mode: number): string => mode.toString(8).padStart(4, "0");

/** Returns a value as the config file would write it. */
function shownValue(value: unknown): unknown {
  if (value === Number.POSITIVE_INFINITY) return "unlimited";
  if (Array.isArray(value)) return value.map(shownValue);
  if (typeof value !== "object" || value === null) return value;
  if ("text" in value && "years" in value) return value.text; // a duration
  return Object.fromEntries(
    Object.entries(value).flatMap(([key, item]) => (item === undefined ? [] : [[key, shownValue(item)]])),
  );
}

/**
 * Returns the values of variables whose names are those of secrets. They may stand where nothing else marks them, such
 * as in an argument of a command.
 */
function secretVariables(text: string, environment: NodeJS.ProcessEnv): string[] {
  const values = [...text.matchAll(VARIABLE)]
    .filter(([, name = ""]) => ["secret", "maybe"].includes(classifyKey(name)))
    .flatMap(([, name = "", fallback = ""]) => [environment[name] ?? "", fallback]);
  // The longest first: one may be a part of another.
  return values.filter((value) => value !== "").toSorted((a, b) => b.length - a.length);
}

function withoutSecrets(value: unknown, secrets: readonly string[]): unknown {
  if (typeof value === "string")
    return secrets.reduce((result, secret) => result.replaceAll(secret, PLACEHOLDER), value);
  if (Array.isArray(value)) return value.map((item: unknown) => withoutSecrets(item, secrets));
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, withoutSecrets(item, secrets)]));
}
