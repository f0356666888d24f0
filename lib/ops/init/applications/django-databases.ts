/** Reads the setting DATABASES of Django. */
import type { Found, FoundDatabase, FoundPassword } from "../sources/application.ts";
import { serverUrl, sqliteUrl } from "../sources/database-url.ts";
import type { EnvFile } from "../sources/env-file.ts";
import { relativeTo } from "../sources/files.ts";
import type { PythonSettings } from "./python-settings.ts";
import { literalExpression, secretCommands } from "../sources/secret-command.ts";
import { bracketed, EXPRESSION } from "../sources/source-text.ts";

/** Functions that read a whole URL from a variable: django-environ, dj-database-url. */
const BY_URL = /\b(?:env\.(?:db|db_url|dj_db_url)|dj_database_url\.(?:config|parse))\s*\(\s*(?:["'](\w+)["'])?/;

/** Returns the databases of the settings, and a sentence for each value that cannot be determined. */
export function djangoDatabases(
  directory: string,
  settings: PythonSettings,
  env: EnvFile,
): Pick<Found, "databases" | "unknown"> {
  const text = settings.dictionary("DATABASES");
  const byUrl = (alias: string, variable = "DATABASE_URL"): Pick<Found, "databases" | "unknown"> => {
    const found = env.database(directory, variable);
    return found === undefined
      ? { databases: [], unknown: [`the database ${alias}: ${variable} is not in ${env.file}`] }
      : { databases: [found], unknown: [] };
  };
  if (text === undefined) return byUrl("default");
  const results = aliasesOf(text).map(([alias, value]) => {
    const [match, variable] = BY_URL.exec(value) ?? [];
    if (match !== undefined) return byUrl(alias, variable);
    return databaseOf(directory, settings, env, alias, value);
  });
  if (results.length === 0) return byUrl("default");
  return {
    databases: results.flatMap(({ databases }) => databases),
    unknown: results.flatMap(({ unknown }) => unknown),
  };
}

/** Returns the entries of a dictionary by alias: the inside of a nested dictionary, or an expression. */
function aliasesOf(text: string): [string, string][] {
  const aliases: [string, string][] = [];
  let rest = text;
  for (;;) {
    const found = /^[\s,]*["']([\w-]+)["']\s*:\s*/.exec(rest);
    if (found === null) return aliases;
    const value = rest.slice(found[0].length);
    const inner = value.startsWith("{") ? bracketed(value, 0) : undefined;
    const open = value.indexOf("(");
    const call = inner === undefined && open >= 0 ? bracketed(value, open) : undefined;
    const length =
      inner === undefined ? (call === undefined ? value.length : open + call.length + 2) : inner.length + 2;
    aliases.push([found[1] ?? "", inner ?? value.slice(0, length)]);
    rest = value.slice(length);
  }
}

function databaseOf(
  directory: string,
  settings: PythonSettings,
  env: EnvFile,
  alias: string,
  text: string,
): Pick<Found, "databases" | "unknown"> {
  const where = `${settings.files[0]}`;
  const expressionOf = (key: string): string | undefined =>
    new RegExp(String.raw`["']${key}["']\s*:\s*${EXPRESSION}`).exec(text)?.[1]?.trim();
  const valueOf = (key: string) => settings.valueOf(expressionOf(key) ?? "");
  const backend = valueOf("ENGINE")?.text ?? "";
  if (/sqlite|spatialite/.test(backend)) {
    const file = settings.pathOf(expressionOf("NAME") ?? "");
    return file === undefined || file === ""
      ? { databases: [], unknown: [`the database ${alias}: ${where} computes its NAME`] }
      : { databases: [{ url: sqliteUrl(relativeTo(directory, file)) }], unknown: [] };
  }
  const engine = /postg/.test(backend) ? "postgresql" : /mysql|mariadb/.test(backend) ? "mysql" : undefined;
  const name = valueOf("NAME")?.text;
  const computed = ["USER", "HOST", "PORT"].filter(
    (key) => expressionOf(key) !== undefined && valueOf(key) === undefined,
  );
  if (engine === undefined || name === undefined)
    return { databases: [], unknown: [`the database ${alias}: ${where} does not set its ENGINE and NAME literally`] };
  const [user, host, port] = ["USER", "HOST", "PORT"].map((key) => valueOf(key)?.text);
  const password = passwordOf(settings, env, alias, expressionOf("PASSWORD"));
  const found: FoundDatabase = {
    url: serverUrl({ engine, name, user, host, port }),
    ...(password === undefined || password === "computed" ? {} : { password }),
  };
  const missing = [...computed, ...(password === "computed" ? ["PASSWORD"] : [])];
  const unknown = missing.length === 0 ? [] : [`of the database ${alias}: ${where} computes ${missing.join(", ")}`];
  return { databases: [found], unknown };
}

function passwordOf(
  settings: PythonSettings,
  env: EnvFile,
  alias: string,
  expression: string | undefined,
): FoundPassword | "computed" | undefined {
  if (expression === undefined) return undefined;
  const value = settings.valueOf(expression);
  if (value === undefined) return "computed";
  if (value.text === "") return undefined;
  if (value.variable !== undefined) return env.password(value.variable);
  const commands = settings.files.flatMap((file) =>
    secretCommands({
      file,
      form: "python",
      from: `['"]${literalExpression(alias)}['"][[:space:]]*:`,
      before: "^[^#]*['\"]PASSWORD['\"][[:space:]]*:[[:space:]]*",
    }),
  );
  return { value: value.text, file: settings.files[0] ?? "", commands };
}
