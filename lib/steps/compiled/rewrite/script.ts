/** References in scripts: in any string, JSON in strings and markup in strings included. */
import { plain, unescapeScript, type Decoded } from "./decoded.ts";
import { findReferences, type Findings } from "./references.ts";
import type { UrlTemplate } from "./url-template.ts";

/** The references of a script or of JSON, wherever it stands. */
export function scriptReferences(script: Decoded, templates: readonly UrlTemplate[]): Findings {
  return findReferences(unescapeScript(script), templates, "code");
}

/** The references of a whole script file. */
export function scriptFileReferences(source: string, templates: readonly UrlTemplate[]): Findings {
  return scriptReferences(plain(source, 0, source.length), templates);
}
