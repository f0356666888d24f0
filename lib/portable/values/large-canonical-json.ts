/** Implements `canonicalJson` for JSON of any length, from bytes to bytes, without building any values. */
import { canonicalNumber } from "../../database/digest/canonical.ts";

const SHORTEST = /^(?:0|-?[1-9]\d*|-?(?:0|[1-9]\d*)\.\d*[1-9])$/;
const NUMBER = /^-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?$/;
const DEEPEST = 200;
const [QUOTE, BACKSLASH, COMMA, COLON] = [0x22, 0x5c, 0x2c, 0x3a];
const [OPEN_LIST, CLOSE_LIST, OPEN_OBJECT, CLOSE_OBJECT] = [0x5b, 0x5d, 0x7b, 0x7d];
const WORDS = new Map(["true", "false", "null"].map((word) => [word.charCodeAt(0), Buffer.from(word)]));

/** Returns the canonical form; undefined for invalid JSON, or JSON nested too deeply. */
export function jsonBytes(text: Buffer): Buffer | undefined {
  return new Canonical(text).read();
}

/** The position of a pair in the form. */
interface Pair {
  readonly key: string;
  readonly from: number;
  readonly to: number;
}

const isDigit = (byte: number): boolean => byte >= 0x30 && byte <= 0x39;
const isOfNumber = (byte: number): boolean =>
  isDigit(byte) || byte === 0x2e || byte === 0x2d || byte === 0x2b || byte === 0x65 || byte === 0x45;

/** Writes JSON in its canonical form. Every method returns false for input that it does not support. */
class Canonical {
  readonly #text: Buffer;
  #at = 0;
  #form: Buffer;
  #size = 0;

  constructor(text: Buffer) {
    this.#text = text;
    this.#form = Buffer.allocUnsafeSlow(text.length + 64);
  }

  read(): Buffer | undefined {
    const isRead = this.#value(0);
    this.#blanks();
    return isRead && this.#at === this.#text.length ? this.#form.subarray(0, this.#size) : undefined;
  }

  #blanks(): void {
    for (;;) {
      const byte = this.#text[this.#at];
      if (byte !== 0x20 && byte !== 0x0a && byte !== 0x0d && byte !== 0x09) return;
      this.#at++;
    }
  }

  /** Consumes the next character if it is this one, and returns whether it was. */
  #take(byte: number): boolean {
    this.#blanks();
    if (this.#text[this.#at] !== byte) return false;
    this.#at++;
    return true;
  }

  #room(bytes: number): void {
    if (this.#size + bytes <= this.#form.length) return;
    const larger = Buffer.allocUnsafeSlow(Math.ceil(1.5 * (this.#size + bytes)));
    this.#form.copy(larger, 0, 0, this.#size);
    this.#form = larger;
  }

  #byte(byte: number): void {
    this.#room(1);
    this.#form[this.#size++] = byte;
  }

  #put(bytes: Buffer): void {
    this.#room(bytes.length);
    this.#size += bytes.copy(this.#form, this.#size);
  }

  #value(depth: number): boolean {
    this.#blanks();
    const byte = this.#text[this.#at] ?? 0;
    if (byte === QUOTE) return this.#string() !== undefined;
    if (byte === OPEN_OBJECT) return depth <= DEEPEST && this.#object(depth);
    if (byte === OPEN_LIST) return depth <= DEEPEST && this.#list(depth);
    const word = WORDS.get(byte);
    if (word === undefined) return this.#number();
    if (!this.#text.subarray(this.#at, this.#at + word.length).equals(word)) return false;
    this.#at += word.length;
    this.#put(word);
    return true;
  }

  #number(): boolean {
    const start = this.#at;
    while (isOfNumber(this.#text[this.#at] ?? 0)) this.#at++;
    const number = this.#text.toString("latin1", start, this.#at);
    if (!NUMBER.test(number)) return false;
    this.#put(Buffer.from(SHORTEST.test(number) ? number : canonicalNumber(number)));
    return true;
  }

  /** Writes a string and returns its position in the text, quotes included. */
  #string(): { readonly from: number; readonly to: number; readonly isEscaped: boolean } | undefined {
    const from = this.#at;
    let isEscaped = false;
    for (this.#at++; ; this.#at++) {
      const byte = this.#text[this.#at];
      if (byte === undefined || byte < 0x20) return undefined;
      if (byte === QUOTE) break;
      if (byte !== BACKSLASH) continue;
      isEscaped = true;
      this.#at++;
    }
    const to = ++this.#at;
    if (!isEscaped) {
      this.#put(this.#text.subarray(from, to));
      return { from, to, isEscaped };
    }
    try {
      this.#put(Buffer.from(JSON.stringify(JSON.parse(this.#text.toString("utf8", from, to)))));
      return { from, to, isEscaped };
    } catch (error) {
      if (error instanceof SyntaxError) return undefined;
      throw error;
    }
  }

  #list(depth: number): boolean {
    this.#at++;
    this.#byte(OPEN_LIST);
    if (!this.#take(CLOSE_LIST)) {
      for (;;) {
        if (!this.#value(depth + 1)) return false;
        if (this.#take(CLOSE_LIST)) break;
        if (!this.#take(COMMA)) return false;
        this.#byte(COMMA);
      }
    }
    this.#byte(CLOSE_LIST);
    return true;
  }

  #object(depth: number): boolean {
    this.#at++;
    this.#byte(OPEN_OBJECT);
    const pairs: Pair[] = [];
    let isSorted = true;
    if (!this.#take(CLOSE_OBJECT)) {
      for (;;) {
        this.#blanks();
        if (this.#text[this.#at] !== QUOTE) return false;
        const from = this.#size;
        const found = this.#string();
        if (found === undefined || !this.#take(COLON)) return false;
        const key = this.#keyOf(found);
        isSorted &&= pairs.length === 0 || (pairs.at(-1)?.key ?? "") < key;
        this.#byte(COLON);
        if (!this.#value(depth + 1)) return false;
        pairs.push({ key, from, to: this.#size });
        if (this.#take(CLOSE_OBJECT)) break;
        if (!this.#take(COMMA)) return false;
        this.#byte(COMMA);
      }
    }
    if (!isSorted) this.#sort(pairs);
    this.#byte(CLOSE_OBJECT);
    return true;
  }

  #keyOf({ from, to, isEscaped }: { readonly from: number; readonly to: number; readonly isEscaped: boolean }): string {
    return isEscaped
      ? String(JSON.parse(this.#text.toString("utf8", from, to)))
      : this.#text.toString("utf8", from + 1, to - 1);
  }

  /** Sorts pairs by key; of duplicate keys, the last one counts. */
  #sort(pairs: readonly Pair[]): void {
    const start = pairs[0]?.from ?? this.#size;
    const written = Buffer.from(this.#form.subarray(start, this.#size));
    const sorted = [...new Map(pairs.map((pair) => [pair.key, pair])).values()].toSorted((a, b) =>
      a.key < b.key ? -1 : 1,
    );
    this.#size = start;
    for (const [index, { from, to }] of sorted.entries()) {
      if (index > 0) this.#byte(COMMA);
      this.#put(written.subarray(from - start, to - start));
    }
  }
}
