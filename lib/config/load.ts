/** Finds, reads and checks the config file of a site. */
import { existsSync, readFileSync } from "node:fs";
import path from "node:path";
import { LineCounter, parseDocument } from "yaml";
import { HoldfastError } from "../errors.ts";
import { claimFaults, signingFaults } from "./claims.ts";
import { siteJsonSchema, siteSchema, type SiteSettings } from "./schema.ts";
import type { SigningSettings } from "./settings/signing.ts";
import type { ConfigFault } from "./text/fault.ts";
import { describeIssue } from "./text/issues.ts";
import { lineFinder, type LineFinder } from "./text/lines.ts";
import { syntaxFaults, variableFaults } from "./text/syntax.ts";
import { fillVariables } from "./text/variables.ts";

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

/** A config as it was read: checked, or with what is wrong with it. */
export interface ExaminedConfig {
  /** Undefined if the file does not have the form of a config. */
  readonly config: SiteConfig | undefined;
  readonly faults: readonly ConfigFault[];
  readonly lineOf: LineFinder;
}

/** Reads a config and finds all its faults. Throws `E_CONFIG` if the file cannot be read. */
export function examineConfig(file: string, environment: NodeJS.ProcessEnv): ExaminedConfig {
  const text = readText(file);
  const { settings, faults, lineOf } = parseConfig(text, environment);
  if (settings === undefined) return { config: undefined, faults, lineOf };
  const root = path.resolve(path.dirname(file), settings.root);
  const dest = settings.dest === undefined ? undefined : path.resolve(path.dirname(file), settings.dest);
  const signing = settings.signing === undefined ? {} : { signing: resolved(settings.signing, path.dirname(file)) };
  const warnings = inlineSecrets(settings);
  const config = { ...settings, ...signing, root, ...(dest === undefined ? {} : { dest }), file, text, warnings };
  const claimed = [...claimFaults({ ...settings, root }, dest), ...signingFaults({ ...config, root }, dest)];
  return { config, faults: claimed.map((fault) => ({ ...fault, line: lineOf(fault.key) })), lineOf };
}

/**
 * Reads and checks a config. All faults are one `E_CONFIG` that names the keys and, for a misspelt one, the nearest
 * known.
 */
export function loadConfig(file: string, environment: NodeJS.ProcessEnv): SiteConfig {
  const { config, faults } = examineConfig(file, environment);
  const [first] = faults;
  if (config !== undefined && first === undefined) return config;
  const said = faults.map(({ message }) => message);
  const more = said.length > 3 ? `; and ${said.length - 3} more` : "";
  throw new HoldfastError(
    "E_CONFIG",
    `${file}: ${said.slice(0, 3).join("; ")}${more}`,
    first?.hint === undefined ? {} : { hint: first.hint },
  );
}

/** Returns the section `signing` with absolute paths: like `root` and `dest`, relative to the config's directory. */
const resolved = (signing: SigningSettings, directory: string): SigningSettings => ({
  ...signing,
  key: path.resolve(directory, signing.key),
  allowed_signers: path.resolve(directory, signing.allowed_signers),
});

interface ParsedConfig extends Pick<ExaminedConfig, "faults" | "lineOf"> {
  /** Undefined if there are faults. */
  readonly settings: SiteSettings | undefined;
}

function parseConfig(text: string, environment: NodeJS.ProcessEnv): ParsedConfig {
  const lines = new LineCounter();
  const document = parseDocument(text, { prettyErrors: true, lineCounter: lines });
  const lineOf = lineFinder(document, lines);
  const faults = [...syntaxFaults(document, lines), ...variableFaults(document, lines, environment)];
  if (faults.length > 0) return { settings: undefined, faults, lineOf };
  const result = siteSchema.safeParse(fillVariables(document.toJS(), environment));
  if (result.success) return { settings: result.data, faults: [], lineOf };
  const issues = result.error.issues.flatMap((issue) => describeIssue(issue, siteJsonSchema()));
  return {
    settings: undefined,
    faults: issues.map(({ path: place, ...issue }) => ({ ...issue, line: lineOf(place) })),
    lineOf,
  };
}

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
