/** Finds, reads and checks the config file of a site. */
import { existsSync, readFileSync } from "node:fs";
import path from "node:path";
import { distance } from "fastest-levenshtein";
import { isAlias, isMap, parseDocument, visit } from "yaml";
import type * as z from "zod";
import { HoldfastError } from "../errors.ts";
import { checkClaims } from "./claims.ts";
import { siteJsonSchema, siteSchema, type SiteSettings } from "./schema.ts";
import { fillVariables } from "./variables.ts";

/** A checked config: absolute paths where the site says them, and the text it came from. */
export interface SiteConfig extends SiteSettings {
  readonly file: string;
  readonly text: string;
  readonly warnings: readonly string[];
}

/**
 * Returns the config file to use: `--config`, else `$HOLDFAST_CONFIG`, else `config/site.yaml`, else `config/clara.yaml`
 * when `$CLARA` is set; undefined when there is none.
 */
export function lookForConfig(
  flag: string | undefined,
  environment: NodeJS.ProcessEnv,
  home: string,
): string | undefined {
  const named = flag ?? environment["HOLDFAST_CONFIG"];
  if (named !== undefined && named !== "") return path.resolve(named);
  const candidates = ["config/site.yaml", ...(environment["CLARA"] === undefined ? [] : ["config/clara.yaml"])];
  return candidates.map((candidate) => path.join(home, candidate)).find((file) => existsSync(file));
}

/** Returns the config file to use. Throws `E_CONFIG` when there is none: a backup of something else would be worse. */
export function findConfig(flag: string | undefined, environment: NodeJS.ProcessEnv, home: string): string {
  const file = lookForConfig(flag, environment, home);
  if (file !== undefined) return file;
  throw new HoldfastError(
    "E_CONFIG",
    "there is no config: neither --config nor $HOLDFAST_CONFIG, and no config/site.yaml",
    {
      hint: "npx tsx scripts/init.ts DIR writes one for the site in DIR; or try --demo",
    },
  );
}

/**
 * Reads and checks a config. Every fault is one `E_CONFIG` that names the key and, for a misspelt one, the nearest
 * known.
 */
export function loadConfig(file: string, environment: NodeJS.ProcessEnv): SiteConfig {
  const text = readText(file);
  const settings = checkConfig(text, file, environment);
  const root = path.resolve(path.dirname(file), settings.root);
  const dest = settings.dest === undefined ? undefined : path.resolve(path.dirname(file), settings.dest);
  checkClaims({ ...settings, root }, dest);
  return {
    ...settings,
    root,
    ...(dest === undefined ? {} : { dest }),
    file,
    text,
    warnings: inlineSecrets(settings),
  };
}

function checkConfig(text: string, file: string, environment: NodeJS.ProcessEnv): SiteSettings {
  const document = parseDocument(text, { prettyErrors: true });
  const [fault] = document.errors;
  if (fault !== undefined)
    throw new HoldfastError("E_CONFIG", `${file}: ${fault.message.split("\n")[0] ?? "not YAML"}`);
  visit(document, (_key, node) => {
    if (isAlias(node)) throw new HoldfastError("E_CONFIG", `${file}: aliases are not supported; write the value out`);
  });
  if (!isMap(document.contents)) throw new HoldfastError("E_CONFIG", `${file} is empty or not a mapping of keys`);
  const result = siteSchema.safeParse(fillVariables(document.toJS(), environment));
  if (result.success) return result.data;
  const said = result.error.issues.flatMap(describeIssue);
  throw new HoldfastError(
    "E_CONFIG",
    `${file}: ${said.slice(0, 3).join("; ")}${said.length > 3 ? `; and ${said.length - 3} more` : ""}`,
  );
}

type Issue = z.core.$ZodIssue;

function describeIssue(issue: Issue): string[] {
  // Of a union, the alternative that came nearest is the one that was meant.
  if (issue.code === "invalid_union" && issue.errors.length > 0) {
    const nearest = issue.errors.toSorted((a, b) => weight(b) - weight(a))[0] ?? [];
    return nearest.flatMap((inner) => describeIssue({ ...inner, path: [...issue.path, ...inner.path] }));
  }
  const where = issue.path.join(".");
  if (issue.code === "unrecognized_keys") {
    return issue.keys.map((key) => {
      const near = nearestKey(key, knownKeys(issue.path));
      return `${where === "" ? key : `${where}.${key}`} is not a known key${near === undefined ? "" : `; did you mean ${near}?`}`;
    });
  }
  return [`${where === "" ? "the config" : where}: ${issue.message}`];
}

const weight = (issues: readonly Issue[]): number =>
  Math.max(0, ...issues.map((issue) => issue.path.length * 2 + (issue.code === "unrecognized_keys" ? 1 : 0)));

function nearestKey(key: string, known: readonly string[]): string | undefined {
  const [best] = known.map((name) => ({ name, away: distance(key, name) })).toSorted((a, b) => a.away - b.away);
  return best !== undefined && best.away <= Math.max(2, key.length / 2) ? best.name : undefined;
}

interface SchemaNode {
  readonly properties?: Readonly<Record<string, SchemaNode>>;
  readonly additionalProperties?: SchemaNode | boolean;
  readonly items?: SchemaNode;
  readonly anyOf?: readonly SchemaNode[];
}

function knownKeys(place: readonly PropertyKey[]): string[] {
  let nodes: SchemaNode[] = [siteJsonSchema()];
  for (const key of place) {
    nodes = alternatives(nodes).flatMap((node) => {
      const next = typeof key === "number" ? node.items : (node.properties?.[String(key)] ?? node.additionalProperties);
      return typeof next === "object" ? [next] : [];
    });
  }
  return alternatives(nodes).flatMap((node) => Object.keys(node.properties ?? {}));
}

const alternatives = (nodes: readonly SchemaNode[]): SchemaNode[] =>
  nodes.flatMap((node) => (node.anyOf === undefined ? [node] : alternatives(node.anyOf)));

function inlineSecrets(settings: SiteSettings): string[] {
  return (settings.database ?? [])
    .filter((database) => /^[a-z]+:\/\/[^/@]*:[^/@]+@/.test(database.url))
    .map(() => "database.url holds a password; use password_file or password_command");
}

function readText(file: string): string {
  try {
    return readFileSync(file, "utf8");
  } catch (error) {
    throw new HoldfastError("E_CONFIG", `the config ${file} cannot be read`, {
      hint: "check --config and $HOLDFAST_CONFIG",
      cause: error,
    });
  }
}
