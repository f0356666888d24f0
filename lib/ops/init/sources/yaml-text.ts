/** Parses the YAML of applications: follows merge keys, limits aliases, and treats an error as missing. */
import { parseDocument } from "yaml";

/** Returns the value of a YAML text; undefined if it is invalid. */
export function parseYaml(text: string): unknown {
  try {
    const document = parseDocument(text, { merge: true, logLevel: "silent" });
    return document.errors.length > 0 ? undefined : document.toJS({ maxAliasCount: 100 });
  } catch {
    return undefined;
  }
}
