/** YAML of applications: merge keys are followed, aliases are limited, faults are no errors of ours. */
import { parseDocument } from "yaml";

/** Returns the value of a YAML text; undefined where it is not valid. */
export function parseYaml(text: string): unknown {
  try {
    const document = parseDocument(text, { merge: true, logLevel: "silent" });
    return document.errors.length > 0 ? undefined : document.toJS({ maxAliasCount: 100 });
  } catch {
    return undefined;
  }
}
