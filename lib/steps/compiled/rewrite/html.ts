/**
 * References in HTML, XHTML and SVG: in every attribute, in `<style>`, in `<script>` and in comments. Text that a
 * reader sees is left alone.
 */
import { styleReferences } from "./css.ts";
import { fromPieces, plain, unescapeScript, type Decoded } from "./decoded.ts";
import { decodeEntities } from "./entities.ts";
import type { Hint } from "./hits.ts";
import { scanMarkup } from "./markup.ts";
import { findReferences, type Findings, type Reference } from "./references.ts";
import { scriptReferences } from "./script.ts";
import type { UrlTemplate } from "./url-template.ts";

export interface HtmlFindings extends Findings {
  /**
   * The address that relative URLs of this page start from, where a `<base>` says so: as written, and where it stands.
   */
  readonly base?: { readonly href: string; readonly from: number; readonly to: number };
}

export interface HtmlOptions {
  /** Parse by the rules of XML: XHTML and SVG files. */
  readonly xml: boolean;
  readonly hint: Hint;
}

/** The references of one document (`latin1` text). Their ranges are ascending and do not overlap. */
export function htmlReferences(source: string, templates: readonly UrlTemplate[], options: HtmlOptions): HtmlFindings {
  const references: Reference[] = [];
  const unresolved: string[] = [];
  let base: HtmlFindings["base"];
  const add = (findings: Findings): void => {
    for (const one of findings.references) references.push(one); // push(...) has its limits, one script may hold any number
    for (const one of findings.unresolved) unresolved.push(one);
  };
  const { xml, hint } = options;
  const decode = (from: number, to: number): Decoded => fromPieces(source, decodeEntities(source, from, to, xml));
  scanMarkup(source, xml, hint, {
    attribute: (name, from, to) => add(attributeReferences(name, decode(from, to), templates)),
    base: (from, to) => {
      base = { href: decode(from, to).text.trim(), from, to };
    },
    raw(tag, pieces) {
      const text = fromPieces(
        source,
        pieces.flatMap((piece) =>
          xml && !piece.verbatim ? decodeEntities(source, piece.from, piece.to, true) : [piece],
        ),
      );
      add(tag === "style" ? styleReferences(text, templates) : scriptReferences(text, templates));
    },
    comment: (from, to) => add(scriptReferences(plain(source, from, to), templates)),
  });
  return { references, unresolved, ...(base === undefined ? {} : { base }) };
}

function attributeReferences(name: string, value: Decoded, templates: readonly UrlTemplate[]): Findings {
  if (name === "style") return styleReferences(value, templates);
  if (name.endsWith("srcset")) return findReferences(value, templates, "list");
  const isCode = name.startsWith("on") || name === "srcdoc" || /^\s*javascript:/i.test(value.text);
  return isCode ? scriptReferences(value, templates) : findReferences(unescapeScript(value), templates, "value");
}
