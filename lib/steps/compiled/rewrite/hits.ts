/** Finds the places of a document where a reference may stand, by cheap searches that never miss one. */
import type { UrlTemplate } from "./url-template.ts";

/** Finds the first place at or after another; -1 if there is none. */
type Find = (text: string, from: number) => number;

/** A letter or digit that is escaped in HTML, in a URL, in a script or in CSS: what each form begins with, and all of it. */
const ESCAPES: readonly Find[] = [
  escapeFinder(
    "&#",
    /&#(?:0*(?:4[89]|5[0-7]|6[5-9]|[78]\d|90|9[7-9]|1[01]\d|12[0-2])(?!\d)|[xX]0*[3-7][0-9a-fA-F](?![0-9a-fA-F]))/y,
  ),
  escapeFinder("%", /%[3-7][0-9a-fA-F]/y),
  escapeFinder("\\", /\\(?:u\{?0*[3-7][0-9a-fA-F]|x[3-7][0-9a-fA-F]|0{0,4}[3-7][0-9a-fA-F])/y),
];

/** Searches for what every reference holds: the word of its template, or an escaped letter. */
export class Hint {
  readonly #finds: readonly Find[];

  constructor(templates: readonly UrlTemplate[]) {
    const words = new RegExp([...new Set(templates.map(({ word }) => word))].join("|"), "g");
    this.#finds = templates.length === 0 ? [] : [(text, from) => indexOf(text, words, from), ...ESCAPES];
  }

  /** Returns false only for text without any reference. */
  mayRefer(text: string): boolean {
    return this.#finds.some((find) => find(text, 0) !== -1);
  }

  /** Returns the places in a text where a reference may stand. */
  places(text: string): Places {
    return new Places(text, this.#finds);
  }
}

/** The places in one text where something begins, asked for in ascending order. */
export class Places {
  readonly #text: string;
  readonly #finds: readonly Find[];
  readonly #found: number[];
  #next = -1;

  constructor(text: string, finds: readonly Find[]) {
    this.#text = text;
    this.#finds = finds;
    this.#found = finds.map(() => -1);
  }

  /** Returns the places where a global expression matches. */
  static of(text: string, pattern: RegExp): Places {
    return new Places(text, [(_text, from) => indexOf(text, pattern, from)]);
  }

  /** Returns the first place at or after `from`, which never decreases; Infinity if there is none. */
  next(from: number): number {
    if (this.#next >= from) return this.#next;
    this.#next = Infinity;
    for (let index = 0; index < this.#finds.length; index++) {
      let at = this.#found[index] ?? 0;
      if (at < from) {
        at = this.#finds[index]?.(this.#text, from) ?? -1;
        if (at === -1) at = Infinity;
        this.#found[index] = at;
      }
      this.#next = Math.min(this.#next, at);
    }
    return this.#next;
  }
}

/** Returns a search for the beginning first, which is several times as fast as one for the whole pattern. */
function escapeFinder(beginning: string, pattern: RegExp): Find {
  return (text, from) => {
    let at = text.indexOf(beginning, from);
    for (; at !== -1; at = text.indexOf(beginning, at + 1)) {
      pattern.lastIndex = at;
      if (pattern.test(text)) break;
    }
    return at;
  };
}

/** Returns the index of the first match of a global expression at or after `from`; -1 if there is none. */
export function indexOf(text: string, pattern: RegExp, from: number): number {
  pattern.lastIndex = from;
  return pattern.exec(text)?.index ?? -1;
}
