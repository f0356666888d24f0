/**
 * References in HTML, XHTML and SVG: in every attribute, in `<style>`, in `<script>` and in comments. Text that a
 * reader sees is left alone.
 */
import { QuoteType, Tokenizer, type TokenizerCallbacks } from "htmlparser2";
import { fromPieces, plain, unescapeScript, type Decoded, type Piece } from "./decoded.ts";
import { findReferences, type Findings, type Reference } from "./references.ts";
import { styleReferences } from "./css.ts";
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
  /** False only for text without any reference; see `hint`. */
  readonly mayRefer: (text: string) => boolean;
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
  tokenize(source, options.xml, {
    attribute(tag, name, from, to) {
      const isBase = base === undefined && tag === "base" && name === "href";
      if (!isBase && !options.mayRefer(source.slice(from, to))) return;
      const value = fromPieces(source, decodeEntities(source, from, to, options.xml));
      if (isBase) base = { href: value.text.trim(), from, to };
      else add(attributeReferences(name, value, templates));
    },
    raw(tag, pieces) {
      if (!pieces.some(({ from, to }) => options.mayRefer(source.slice(from, to)))) return;
      const text = fromPieces(
        source,
        pieces.flatMap((piece) =>
          options.xml && !piece.verbatim ? decodeEntities(source, piece.from, piece.to, true) : [piece],
        ),
      );
      add(tag === "style" ? styleReferences(text, templates) : scriptReferences(text, templates));
    },
    comment(from, to) {
      if (options.mayRefer(source.slice(from, to))) add(scriptReferences(plain(source, from, to), templates));
    },
  });
  return { references, unresolved, ...(base === undefined ? {} : { base }) };
}

function attributeReferences(name: string, value: Decoded, templates: readonly UrlTemplate[]): Findings {
  if (name === "style") return styleReferences(value, templates);
  if (name.endsWith("srcset")) return findReferences(value, templates, "list");
  const isCode = name.startsWith("on") || name === "srcdoc" || /^\s*javascript:/i.test(value.text);
  return isCode ? scriptReferences(value, templates) : findReferences(unescapeScript(value), templates, "value");
}

/** A stretch of an element's text; verbatim in a CDATA section. */
interface RawText extends Piece {
  readonly verbatim: boolean;
}

interface Visitor {
  /** A value without its quotes: `source[from, to)`. */
  attribute(tag: string, name: string, from: number, to: number): void;
  /** The text of a `<style>` or `<script>`. */
  raw(tag: "style" | "script", pieces: readonly RawText[]): void;
  comment(from: number, to: number): void;
}

/** Walks the document once, without decoding entities: that is done only where a reference may be. */
function tokenize(source: string, xml: boolean, visitor: Visitor): void {
  let tag = "";
  let name = "";
  let valueStart = -1;
  let raw: { tag: "style" | "script"; pieces: RawText[] } | undefined;
  const finishRaw = (): void => {
    if (raw !== undefined) visitor.raw(raw.tag, raw.pieces);
    raw = undefined;
  };
  const callbacks: TokenizerCallbacks = {
    ...NOTHING,
    onopentagname: (from, to) => {
      tag = localName(source.slice(from, to));
    },
    onattribname: (from, to) => {
      name = source.slice(from, to).toLowerCase();
      valueStart = -1;
    },
    onattribdata: (from) => {
      if (valueStart === -1) valueStart = from;
    },
    onattribend: (quote, end) => {
      if (quote === QuoteType.NoValue || valueStart === -1) return;
      visitor.attribute(tag, name, valueStart, quote === QuoteType.Unquoted ? end : end - 1);
    },
    onopentagend: () => {
      if (tag === "style" || tag === "script") raw ??= { tag, pieces: [] };
    },
    onselfclosingtag: () => {
      if (!xml && (tag === "style" || tag === "script")) raw ??= { tag, pieces: [] };
    },
    onclosetag: (from, to) => {
      if (localName(source.slice(from, to)) === raw?.tag) finishRaw();
    },
    ontext: (from, to) => raw?.pieces.push({ from, to, verbatim: false }),
    oncdata: (from, to, offset) => raw?.pieces.push({ from, to: to - offset, verbatim: true }),
    oncomment: (from, to, offset) => visitor.comment(from, to - offset),
  };
  const tokenizer = new Tokenizer({ xmlMode: xml, decodeEntities: false }, callbacks);
  tokenizer.write(source);
  tokenizer.end();
  finishRaw();
}

const NOTHING: TokenizerCallbacks = {
  onattribdata() {},
  onattribentity() {},
  onattribend() {},
  onattribname() {},
  oncdata() {},
  onclosetag() {},
  oncomment() {},
  ondeclaration() {},
  onend() {},
  onopentagend() {},
  onopentagname() {},
  onprocessinginstruction() {},
  onselfclosingtag() {},
  ontext() {},
  ontextentity() {},
};

/** `svg:style` is a style, too. */
const localName = (tag: string): string => tag.slice(tag.indexOf(":") + 1).toLowerCase();

const ENTITY = /&(?:#x[0-9a-f]+|#\d+|[a-z][a-z0-9]*);?=?/gi;

/**
 * `source[from, to)` with its entities decoded, by the rules of attributes; the text of elements in XML has the same
 * ones.
 */
function decodeEntities(source: string, from: number, to: number, xml: boolean): Piece[] {
  const pieces: Piece[] = [];
  let done = from;
  for (const match of source.slice(from, to).matchAll(ENTITY)) {
    const codePoints = decodeEntity(match[0], xml);
    const start = from + match.index;
    const end = start + match[0].replace(/=$/, "").length;
    if (codePoints.length === 0) continue;
    pieces.push({ from: done, to: start }, ...codePoints.map((codePoint) => ({ from: start, to: end, codePoint })));
    done = end;
  }
  return [...pieces, { from: done, to }];
}

/** Returns the code points of an entity; none for an invalid one. The tokenizer knows names and exceptions. */
function decodeEntity(entity: string, xml: boolean): number[] {
  const codePoints: number[] = [];
  const callbacks = { ...NOTHING, onattribentity: (codePoint: number) => void codePoints.push(codePoint) };
  const tokenizer = new Tokenizer({ xmlMode: xml, decodeEntities: true }, callbacks);
  tokenizer.write(`<x y="${entity}">`);
  tokenizer.end();
  return codePoints;
}
