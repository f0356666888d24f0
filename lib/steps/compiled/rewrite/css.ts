/** References in style sheets: `url()` with quotes or without, `@import`, `image-set()` and any other string. */
import { plain, unescapeCss, type Decoded } from "./decoded.ts";
import { findReferences, type Findings } from "./references.ts";
import type { UrlTemplate } from "./url-template.ts";

/** The references of a whole style sheet. */
export function cssReferences(source: string, templates: readonly UrlTemplate[]): Findings {
  return styleReferences(plain(source, 0, source.length), templates);
}

/** The references of CSS that stands in something else: an attribute, an element. */
export function styleReferences(css: Decoded, templates: readonly UrlTemplate[]): Findings {
  return findReferences(unescapeCss(css), templates, "code");
}
