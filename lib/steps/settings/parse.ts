/** Reads settings from JSON or from lines `KEY=value`. */
import * as z from "zod";
import { HoldfastError } from "../../errors.ts";
import { parseEnv } from "../infra/redact/env-sample.ts";

export type Json = z.core.util.JSONType;

/** A setting as written, including secrets. */
export interface RawSetting {
  /** The path of keys: `["DATABASES", "default", "ENGINE"]`. */
  readonly path: readonly string[];
  readonly value: Json;
  readonly type?: string | undefined;
  readonly source?: string | undefined;
  readonly description?: string | undefined;
}

/** An application can say more of a setting than its value. */
const describedSchema = z.strictObject({
  value: z.json(),
  type: z.string().optional(),
  source: z.string().optional(),
  description: z.string().nullish(),
});

/**
 * Parses settings; without `format` the text decides. Throws `E_CONFIG` with `where` for a text of another format or
 * without settings; no message repeats any of the text.
 */
export function parseSettings(text: string, format: "json" | "env" | undefined, where: string): RawSetting[] {
  const source = text.replace(/^\uFEFF/, "");
  const isJson = format === "json" || (format === undefined && /^\s*\{/.test(source));
  const found = isJson ? ofJson(source, where) : ofEnv(source);
  if (found.length === 0)
    throw new HoldfastError("E_CONFIG", `${where} has no settings`, {
      hint: "portable.settings expects a JSON object, or lines KEY=value",
    });
  return found;
}

function ofJson(text: string, where: string): RawSetting[] {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    throw new HoldfastError("E_CONFIG", `${where} is not valid JSON`, { hint: "check portable.settings" });
  }
  const found = z.record(z.string(), z.json()).safeParse(value);
  if (!found.success) throw new HoldfastError("E_CONFIG", `${where} is not a JSON object`);
  return Object.entries(found.data).flatMap(([name, inner]) => {
    const described = describedSchema.safeParse(inner);
    if (!described.success) return flatten([name], inner);
    const { value: own, type, source, description } = described.data;
    return flatten([name], own).map((setting) => ({
      ...setting,
      ...(setting.path.length === 1 ? { type } : {}),
      source,
      description: description ?? undefined,
    }));
  });
}

/** Objects and lists that hold objects become settings of their own; a list of plain values is one. */
function flatten(path: readonly string[], value: Json): RawSetting[] {
  if (typeof value !== "object" || value === null) return [{ path, value }];
  const entries = Object.entries(value);
  const whole = Array.isArray(value) && value.every((item) => typeof item !== "object" || item === null);
  if (whole || entries.length === 0) return [{ path, value }];
  return entries.flatMap(([name, inner]) => flatten([...path, name], inner));
}

/** A comment right above a key describes it. Of a key that stands there twice the last one counts, as in a shell. */
function ofEnv(text: string): RawSetting[] {
  const found = new Map<string, RawSetting>();
  let comment: string[] = [];
  for (const line of parseEnv(text)) {
    if (line.kind === "comment") comment.push(line.raw.replace(/^[\s#]+/, "").trim());
    else {
      if (line.kind === "pair")
        found.set(line.key, {
          path: [line.key],
          value: line.value,
          ...(comment.length === 0 ? {} : { description: comment.join(" ") }),
        });
      comment = [];
    }
  }
  return [...found.values()];
}
