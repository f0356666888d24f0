/**
 * Finds what may hold references in HTML and XML: attributes, styles, scripts and comments. It jumps from one delimiter
 * to the next and looks closely only where a reference may be. Tests compare it with a tokenizer.
 */
import { readDeclaration } from "./declaration.ts";
import { indexOf, Places, type Hint } from "./hits.ts";
import { BASE, localName, PLAIN_TAG, PLAINTEXT, RAW_ENDS } from "./names.ts";
import { endsName, EXCLAMATION, GREATER, isSpace, nameEnd, QUESTION, readAttributes, SLASH } from "./tag.ts";

/** A stretch of an element's text; verbatim in a CDATA section. */
export interface RawText {
  readonly from: number;
  readonly to: number;
  readonly verbatim: boolean;
}

/** Receives everything that may hold a reference, as ranges of the source. */
export interface MarkupVisitor {
  /** A value without its quotes. */
  attribute(name: string, from: number, to: number): void;
  /** The `href` of the first `<base>` that has one. */
  base(from: number, to: number): void;
  /** The text of a `<style>` or `<script>`. */
  raw(tag: "style" | "script", pieces: readonly RawText[]): void;
  comment(from: number, to: number): void;
}

/** Visits a document in the order of the source; a style or script is visited where it ends. */
export function scanMarkup(source: string, xml: boolean, hint: Hint, visitor: MarkupVisitor): void {
  new Scanner(source, xml, hint, visitor).scan();
}

/** Each method that reads a construct takes the place of its `<`, and returns where the text after it begins. */
class Scanner {
  readonly #source: string;
  readonly #xml: boolean;
  readonly #visitor: MarkupVisitor;
  readonly #hits: Places;
  readonly #bases: Places;
  #baseFound = false;
  /** The style or script that is open. */
  #raw: { readonly tag: "style" | "script"; readonly pieces: RawText[]; hit: boolean } | undefined;

  constructor(source: string, xml: boolean, hint: Hint, visitor: MarkupVisitor) {
    this.#source = source;
    this.#xml = xml;
    this.#visitor = visitor;
    this.#hits = hint.places(source);
    this.#bases = Places.of(source, BASE);
  }

  scan(): void {
    const source = this.#source;
    let text = 0;
    let search = 0;
    for (;;) {
      const at = source.indexOf("<", search);
      if (at === -1 || this.#isDone(at)) break;
      this.#text(text, at);
      const next = this.#plainTag(at) ?? this.#construct(at);
      text = next ?? at;
      search = next ?? at + 1;
    }
    this.#text(text, source.length);
    this.#finishRaw();
  }

  /** Checks that neither a reference nor a base follows. */
  #isDone(from: number): boolean {
    if (this.#raw !== undefined || this.#hits.next(from) !== Infinity) return false;
    return this.#baseFound || this.#bases.next(from) === Infinity;
  }

  /** Skips a tag without references; returns undefined if it needs a closer look. */
  #plainTag(at: number): number | undefined {
    if (this.#raw !== undefined) return undefined;
    PLAIN_TAG.lastIndex = at;
    return PLAIN_TAG.test(this.#source) && PLAIN_TAG.lastIndex <= this.#hits.next(at) ? PLAIN_TAG.lastIndex : undefined;
  }

  /** Returns undefined for a `<` that is text. */
  #construct(at: number): number | undefined {
    const code = this.#source.charCodeAt(at + 1);
    if (code === SLASH) return this.#closingTag(at);
    if (code === EXCLAMATION || code === QUESTION) return this.#declaration(at);
    return this.#beginsName(code) ? this.#openingTag(at) : undefined;
  }

  #beginsName(code: number): boolean {
    if (this.#xml) return !Number.isNaN(code) && !endsName(code);
    return (code | 0x20) >= 0x61 && (code | 0x20) <= 0x7a;
  }

  #declaration(at: number): number {
    const { kind, from, to, next } = readDeclaration(this.#source, at, this.#xml);
    if (kind === "comment") this.#comment(from, to);
    else if (kind !== "nothing") this.#text(from, to, kind === "cdata");
    return next;
  }

  #closingTag(at: number): number | undefined {
    const source = this.#source;
    let from = at + 2;
    if (this.#xml) while (isSpace(source.charCodeAt(from))) from++;
    const code = source.charCodeAt(from);
    if (Number.isNaN(code) || (code === GREATER && this.#xml)) return undefined;
    if (code === GREATER) return from + 1;
    const end = source.indexOf(">", from);
    const to = end === -1 ? source.length : end;
    if (this.#beginsName(code)) this.#closed(from);
    else if (end === -1 && this.#xml) this.#text(from, to);
    else this.#comment(from, to);
    return end === -1 ? source.length : end + 1;
  }

  #closed(from: number): void {
    if (this.#raw === undefined) return;
    const to = nameEnd(this.#source, from);
    if (localName(this.#source.slice(from, to).toLowerCase()) === this.#raw.tag) this.#finishRaw();
  }

  #openingTag(at: number): number {
    const source = this.#source;
    const nameTo = nameEnd(source, at + 1);
    const name = source.slice(at + 1, nameTo).toLowerCase();
    const tag = localName(name);
    const isBase = tag === "base" && !this.#baseFound;
    const end = readAttributes(source, nameTo, isBase ? at : this.#hits.next(at), (nameFrom, to, valueFrom, valueTo) =>
      this.#attribute(isBase, source.slice(nameFrom, to).toLowerCase(), valueFrom, valueTo),
    );
    if (end === undefined) return source.length;
    const next = end.at + 1;
    if ((tag === "style" || tag === "script") && !(this.#xml && end.selfClosing))
      this.#raw ??= { tag, pieces: [], hit: false };
    return this.#xml ? next : this.#rawElement(name, next);
  }

  #attribute(ofBase: boolean, name: string, from: number, to: number): void {
    if (ofBase && !this.#baseFound && name === "href") {
      this.#baseFound = true;
      this.#visitor.base(from, to);
    } else if (this.#hits.next(from) < to) this.#visitor.attribute(name, from, to);
  }

  /** Reads the text of an element that has no tags in it, and its closing tag. */
  #rawElement(name: string, from: number): number {
    const end = RAW_ENDS.get(name);
    if (end === undefined && name !== PLAINTEXT) return from;
    const to = end === undefined ? -1 : indexOf(this.#source, end, from);
    this.#text(from, to === -1 ? this.#source.length : to);
    return to === -1 ? this.#source.length : (this.#closingTag(to) ?? to);
  }

  #text(from: number, to: number, verbatim = false): void {
    if (this.#raw === undefined || from >= to) return;
    this.#raw.pieces.push({ from, to, verbatim });
    this.#raw.hit ||= this.#hits.next(from) < to;
  }

  #finishRaw(): void {
    if (this.#raw?.hit === true) this.#visitor.raw(this.#raw.tag, this.#raw.pieces);
    this.#raw = undefined;
  }

  #comment(from: number, to: number): void {
    if (this.#hits.next(from) < to) this.#visitor.comment(from, to);
  }
}
