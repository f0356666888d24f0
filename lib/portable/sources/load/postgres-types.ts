/** Converts PostgreSQL's own types from the notation of `django.contrib.postgres`: JSON within a text. */
import { isObject, NumberLiteral, parseJson, type Json, type JsonObject } from "../json/lossless.ts";

/**
 * Converts a range (`{"lower": "1", "upper": null, "bounds": "[)"}`, `{"empty": true}`) or an hstore to PostgreSQL's
 * notation; undefined for anything else.
 */
export function postgresText(native: string, value: Json): string | undefined {
  const type = native.toLowerCase().replace(/^.*\./, "");
  if (type !== "hstore" && !/^\w+range$/.test(type)) return undefined;
  const object = objectOf(value);
  if (object === undefined) return undefined;
  return type === "hstore" ? hstoreText(object) : rangeText(object);
}

function objectOf(value: Json): JsonObject | undefined {
  if (isObject(value)) return value;
  if (typeof value !== "string" || !value.startsWith("{")) return undefined;
  try {
    const found = parseJson(value);
    return isObject(found) ? found : undefined;
  } catch {
    return undefined;
  }
}

function rangeText(range: JsonObject): string | undefined {
  if (range.get("empty") === true) return "empty";
  const [from, to] = [boundText(range.get("lower")), boundText(range.get("upper"))];
  const bounds = range.get("bounds") ?? "[)";
  if (from === undefined || to === undefined || typeof bounds !== "string" || !/^[[(][\])]$/.test(bounds))
    return undefined;
  return `${bounds.slice(0, 1)}${from},${to}${bounds.slice(1)}`;
}

function boundText(bound: Json | undefined): string | undefined {
  if (bound === undefined || bound === null) return "";
  const word = wordOf(bound);
  return word === undefined ? undefined : quoted(word);
}

function hstoreText(pairs: JsonObject): string | undefined {
  const words = [...pairs].map(([name, value]) => {
    const word = value === null ? "NULL" : wordOf(value);
    return word === undefined ? undefined : `${quoted(name)}=>${value === null ? word : quoted(word)}`;
  });
  return words.includes(undefined) ? undefined : words.join(", ");
}

function wordOf(value: Json): string | undefined {
  if (value instanceof NumberLiteral) return value.source;
  return value === null || typeof value === "object" ? undefined : String(value);
}

const quoted = (word: string): string => `"${word.replaceAll(/["\\]/g, String.raw`\$&`)}"`;
