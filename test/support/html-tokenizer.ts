/** What `scanMarkup` finds, found by a tokenizer of others (htmlparser2), byte by byte. */
import { QuoteType, Tokenizer, type TokenizerCallbacks } from "htmlparser2";
import type { RawText } from "../../lib/steps/compiled/rewrite/markup.ts";

/** One thing that may hold references, as ranges of the source. */
export type Found =
  | { readonly kind: "attribute"; readonly name: string; readonly from: number; readonly to: number }
  | { readonly kind: "base" | "comment"; readonly from: number; readonly to: number }
  | { readonly kind: "raw"; readonly tag: "style" | "script"; readonly pieces: readonly RawText[] };

/** Everything in a document, whether or not it holds a reference. */
export function tokenize(source: string, xml: boolean): Found[] {
  const found: Found[] = [];
  let tag = "";
  let name = "";
  let valueStart = -1;
  let hasBase = false;
  let raw: { tag: "style" | "script"; pieces: RawText[] } | undefined;
  const finishRaw = (): void => {
    if (raw !== undefined) found.push({ kind: "raw", ...raw });
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
      const range = { from: valueStart, to: quote === QuoteType.Unquoted ? end : end - 1 };
      const isBase = !hasBase && tag === "base" && name === "href";
      hasBase ||= isBase;
      found.push(isBase ? { kind: "base", ...range } : { kind: "attribute", name, ...range });
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
    ontext: (from, to) => {
      // At the end of the source it gives parts of an unfinished tag as text: HTML has none there.
      if (from >= 0 && (source[from] === "<" || source[from - 1] !== "<"))
        raw?.pieces.push({ from, to, verbatim: false });
    },
    oncdata: (from, to, offset) => {
      if (from < to - offset) raw?.pieces.push({ from, to: to - offset, verbatim: true });
    },
    oncomment: (from, to, offset) => found.push({ kind: "comment", from, to: to - offset }),
  };
  const tokenizer = new Tokenizer({ xmlMode: xml, decodeEntities: false }, callbacks);
  tokenizer.write(source);
  tokenizer.end();
  finishRaw();
  return found;
}

/** The code points of an entity as it stands in an attribute; none for an invalid one. */
export function decodeEntity(entity: string, xml: boolean): number[] {
  const codePoints: number[] = [];
  const callbacks = { ...NOTHING, onattribentity: (codePoint: number) => void codePoints.push(codePoint) };
  const tokenizer = new Tokenizer({ xmlMode: xml, decodeEntities: true }, callbacks);
  tokenizer.write(`<x y="${entity}">`);
  tokenizer.end();
  return codePoints;
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

const localName = (tag: string): string => tag.slice(tag.indexOf(":") + 1).toLowerCase();
