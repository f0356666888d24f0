/** Describes what a schema finds wrong with a config: the key and, for a misspelt one, the nearest known. */
import { distance } from "fastest-levenshtein";
import type * as z from "zod";

type Issue = z.core.$ZodIssue;

/** A key and what is wrong with it. */
interface DescribedIssue {
  readonly key: string;
  readonly path: readonly PropertyKey[];
  readonly message: string;
}

/** Describes an issue of a schema, whose JSON Schema names the known keys. */
export function describeIssue(issue: Issue, schema: SchemaNode): DescribedIssue[] {
  // Of a union, the alternative that came nearest is the one that was meant.
  if (issue.code === "invalid_union" && issue.errors.length > 0) {
    const nearest = issue.errors.toSorted((a, b) => weight(b) - weight(a))[0] ?? [];
    return nearest.flatMap((inner) => describeIssue({ ...inner, path: [...issue.path, ...inner.path] }, schema));
  }
  const where = issue.path.join(".");
  if (issue.code === "unrecognized_keys") {
    return issue.keys.map((key) => {
      const near = nearestKey(key, knownKeys(schema, issue.path));
      const whole = where === "" ? key : `${where}.${key}`;
      return {
        key: whole,
        path: [...issue.path, key],
        message: `${whole} is not a known key${near === undefined ? "" : `; did you mean ${near}?`}`,
      };
    });
  }
  return [{ key: where, path: issue.path, message: `${where === "" ? "the config" : where}: ${issue.message}` }];
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

function knownKeys(schema: SchemaNode, place: readonly PropertyKey[]): string[] {
  let nodes: SchemaNode[] = [schema];
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
