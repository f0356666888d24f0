/** Implements `canonicalJson` for JSON as databases print it, in one pass. Unusual JSON takes the slow path. */
import { canonicalJson, canonicalNumber } from "../../database/digest/canonical.ts";
import { fromBytes, toBytes } from "./binary-string.ts";

/** Matches control characters, and escapes that may represent more than a byte. */
// oxlint-disable-next-line no-control-regex -- JSON has none in strings
const UNUSUAL = /[\0-\x1f]|\\u/;
const NUMBER = /-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?/y;
const SHORTEST = /^(?:0|-?[1-9]\d*|-?(?:0|[1-9]\d*)\.\d*[1-9])$/;
// oxlint-disable-next-line no-control-regex -- keys are sorted by their characters, not their bytes
const BEYOND_ASCII = /[^\0-\x7f]/;
const DEEPEST = 200;

/** Returns the canonical form of JSON; both are bytes. */
export function jsonForm(bytes: string): string {
  if (!UNUSUAL.test(bytes)) {
    const form = new Reader(bytes).read();
    if (form !== undefined) return form;
  }
  return toBytes(canonicalJson(fromBytes(bytes)));
}

interface Pair {
  /** The key with its quotes. */
  readonly key: string;
  readonly value: string;
}

/** Compares keys without their quotes, because the closing quote sorts after a blank. */
const byKey = (a: Pair, b: Pair): number => (a.key.slice(1, -1) < b.key.slice(1, -1) ? -1 : 1);

/** Reads JSON into its canonical form. Every method returns undefined for input that it does not support. */
class Reader {
  readonly #text: string;
  #at = 0;

  constructor(text: string) {
    this.#text = text;
  }

  read(): string | undefined {
    const form = this.#value(0);
    this.#blanks();
    return this.#at === this.#text.length ? form : undefined;
  }

  #blanks(): void {
    while (this.#text.charCodeAt(this.#at) === 0x20) this.#at++;
  }

  /** Consumes the next character if it is this one, and returns whether it was. */
  #take(code: number): boolean {
    this.#blanks();
    if (this.#text.charCodeAt(this.#at) !== code) return false;
    this.#at++;
    return true;
  }

  #value(depth: number): string | undefined {
    this.#blanks();
    switch (this.#text.charCodeAt(this.#at)) {
      case 0x22:
        return this.#string();
      case 0x7b:
        return depth > DEEPEST ? undefined : this.#object(depth);
      case 0x5b:
        return depth > DEEPEST ? undefined : this.#array(depth);
      case 0x74:
        return this.#word("true");
      case 0x66:
        return this.#word("false");
      case 0x6e:
        return this.#word("null");
      default:
        return this.#number();
    }
  }

  #word(word: string): string | undefined {
    if (!this.#text.startsWith(word, this.#at)) return undefined;
    this.#at += word.length;
    return word;
  }

  #number(): string | undefined {
    NUMBER.lastIndex = this.#at;
    if (!NUMBER.test(this.#text)) return undefined;
    const number = this.#text.slice(this.#at, NUMBER.lastIndex);
    this.#at = NUMBER.lastIndex;
    return SHORTEST.test(number) ? number : canonicalNumber(number);
  }

  #string(): string | undefined {
    const start = this.#at;
    let end = this.#text.indexOf('"', start + 1);
    while (end > 0 && this.#isEscaped(end)) end = this.#text.indexOf('"', end + 1);
    if (end < 0) return undefined;
    this.#at = end + 1;
    const string = this.#text.slice(start, this.#at);
    if (!string.includes("\\")) return string;
    try {
      return JSON.stringify(JSON.parse(string));
    } catch {
      return undefined;
    }
  }

  #isEscaped(quote: number): boolean {
    let before = quote;
    while (this.#text.charCodeAt(before - 1) === 0x5c) before--;
    return (quote - before) % 2 === 1;
  }

  #array(depth: number): string | undefined {
    this.#at++;
    if (this.#take(0x5d)) return "[]";
    let form = "[";
    for (;;) {
      const value = this.#value(depth + 1);
      if (value === undefined) return undefined;
      form += value;
      if (this.#take(0x5d)) return `${form}]`;
      if (!this.#take(0x2c)) return undefined;
      form += ",";
    }
  }

  #object(depth: number): string | undefined {
    this.#at++;
    if (this.#take(0x7d)) return "{}";
    const pairs: Pair[] = [];
    for (;;) {
      this.#blanks();
      if (this.#text.charCodeAt(this.#at) !== 0x22) return undefined;
      const key = this.#string();
      if (key === undefined || key.includes("\\") || BEYOND_ASCII.test(key) || !this.#take(0x3a)) return undefined;
      const value = this.#value(depth + 1);
      if (value === undefined) return undefined;
      pairs.push({ key, value });
      if (this.#take(0x7d)) break;
      if (!this.#take(0x2c)) return undefined;
    }
    pairs.sort(byKey);
    let form = "";
    let last = "";
    for (const { key, value } of pairs) {
      if (key === last) return undefined;
      form += last === "" ? `{${key}:${value}` : `,${key}:${value}`;
      last = key;
    }
    return `${form}}`;
  }
}
