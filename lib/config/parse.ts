/** Parses the text of a config, and finds each fault with its key and its line. */
import { distance } from "fastest-levenshtein";
import { isAlias, isMap, LineCounter, parseDocument, visit, type Document } from "yaml";
import type * as z from "zod";
import { asHoldfastError } from "../errors.ts";
import { lineFinder } from "./lines.ts";
import { siteJsonSchema, siteSchema, type SiteSettings } from "./schema.ts";
import { fillVariables } from "./variables.ts";

/** Something that is wrong with a config. */
export interface ConfigFault {
  /** The key, such as `trees.0.path`; empty for the file as a whole. */
  readonly key: string;
  readonly line: number;
  /** Names the key. */
  readonly message: string;
  readonly hint?: string;
}

interface ParsedConfig {
  /** Undefined if there are faults. */
  readonly settings: SiteSettings | undefined;
  readonly faults: readonly ConfigFault[];
  readonly lineOf: (key: string) => number;
}

export function parseConfig(text: string, environment: NodeJS.ProcessEnv): ParsedConfig {
  const lines = new LineCounter();
  const document = parseDocument(text, { prettyErrors: true, lineCounter: lines });
  const lineOf = lineFinder(document, lines);
  const faults = [...syntaxFaults(document, lines), ...variableFaults(document, lines, environment)];
  if (faults.length > 0) return { settings: undefined, faults, lineOf };
  const result = siteSchema.safeParse(fillVariables(document.toJS(), environment));
  if (result.success) return { settings: result.data, faults: [], lineOf };
  const issues = result.error.issues.flatMap(describeIssue);
  return { settings: undefined, faults: issues.map((issue) => ({ ...issue, line: lineOf(issue.key) })), lineOf };
}

/** Finds the first fault of the YAML, aliases among them. */
function syntaxFaults(document: Document.Parsed, lines: LineCounter): ConfigFault[] {
  const [fault] = document.errors;
  if (fault !== undefined) {
    const message = (fault.message.split("\n")[0] ?? "not YAML").replace(/ at line \d+, column \d+:$/, "");
    return [{ key: "", line: lines.linePos(fault.pos[0]).line, message }];
  }
  const aliases: ConfigFault[] = [];
  visit(document, (_key, node) => {
    if (!isAlias(node)) return;
    const line = lines.linePos(node.range?.[0] ?? 0).line;
    aliases.push({ key: "", line, message: "aliases are not supported; write the value out" });
  });
  if (aliases.length > 0) return aliases;
  return isMap(document.contents) ? [] : [{ key: "", line: 1, message: "is empty or not a mapping of keys" }];
}

/** Finds the values with variables that are not set. */
function variableFaults(document: Document.Parsed, lines: LineCounter, environment: NodeJS.ProcessEnv): ConfigFault[] {
  const faults: ConfigFault[] = [];
  visit(document, {
    Scalar(position, node) {
      if (position === "key") return;
      try {
        fillVariables(node.value, environment);
      } catch (error) {
        const { message, hint } = asHoldfastError(error);
        faults.push({ key: "", line: lines.linePos(node.range?.[0] ?? 0).line, message, hint });
      }
    },
  });
  return faults;
}

type Issue = z.core.$ZodIssue;

/** A key and what is wrong with it. */
interface DescribedIssue {
  readonly key: string;
  readonly message: string;
}

function describeIssue(issue: Issue): DescribedIssue[] {
  // Of a union, the alternative that came nearest is the one that was meant.
  if (issue.code === "invalid_union" && issue.errors.length > 0) {
    const nearest = issue.errors.toSorted((a, b) => weight(b) - weight(a))[0] ?? [];
    return nearest.flatMap((inner) => describeIssue({ ...inner, path: [...issue.path, ...inner.path] }));
  }
  const where = issue.path.join(".");
  if (issue.code === "unrecognized_keys") {
    return issue.keys.map((key) => {
      const near = nearestKey(key, knownKeys(issue.path));
      const whole = where === "" ? key : `${where}.${key}`;
      return {
        key: whole,
        message: `${whole} is not a known key${near === undefined ? "" : `; did you mean ${near}?`}`,
      };
    });
  }
  return [{ key: where, message: `${where === "" ? "the config" : where}: ${issue.message}` }];
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
