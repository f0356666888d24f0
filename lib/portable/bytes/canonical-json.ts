/** Implements `canonicalJson` for JSON of any length, from bytes to bytes, without building any values. */
import { canonicalJson, canonicalNumber } from "../../database/digest/canonical.ts";
import { ByteWriter } from "./byte-writer.ts";
import { decimalEnd } from "./shapes.ts";

const NUMBER = /^-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?$/;
const DEEPEST = 200;
/** The number of pairs from which insertion takes longer than the library's sort. */
const MANY = 32;
const [QUOTE, BACKSLASH, COMMA, COLON] = [0x22, 0x5c, 0x2c, 0x3a];
const [OPEN_LIST, CLOSE_LIST, OPEN_OBJECT, CLOSE_OBJECT] = [0x5b, 0x5d, 0x7b, 0x7d];
const WORDS = new Map(["true", "false", "null"].map((word) => [word.charCodeAt(0), Buffer.from(word)]));

/** Appends the canonical form of the JSON in `text` from `from` up to `to`; text that is not JSON is unchanged. */
export function writeCanonicalJson(text: Buffer, from: number, to: number, form: ByteWriter): void {
  const start = form.length;
  if (CANONICAL.read(text, from, to, form)) return;
  form.length = start;
  form.text(canonicalJson(text.toString("utf8", from, to)));
}

/** Returns the canonical form of JSON; text that is not JSON is unchanged. */
export function canonicalJsonBytes(text: Buffer): Buffer {
  const form = new ByteWriter(Buffer.allocUnsafeSlow(text.length + 64));
  writeCanonicalJson(text, 0, text.length, form);
  return form.bytes.subarray(0, form.length);
}

/** What a string consists of. */
const [INVALID, PLAIN, OTHER] = [0, 1, 2];
/** The numbers of a pair on the stack: where it begins in the form, where its key ends, and where it ends. */
const PAIR = 3;

const isOfNumber = (byte: number): boolean =>
  (byte >= 0x30 && byte <= 0x39) || byte === 0x2e || byte === 0x2d || byte === 0x2b || byte === 0x65 || byte === 0x45;

/** Writes JSON in its canonical form. Methods return false for input that they do not support. */
class Canonical {
  #text: Buffer = Buffer.alloc(0);
  #at = 0;
  #to = 0;
  #form = new ByteWriter();
  /** The pairs of the objects that are being read. */
  #pairs: number[] = [];

  read(text: Buffer, from: number, to: number, form: ByteWriter): boolean {
    this.#text = text;
    this.#at = from;
    this.#to = to;
    this.#form = form;
    this.#pairs.length = 0;
    return this.#value(0) && this.#next() === -1;
  }

  /** Skips blanks and returns the next byte; -1 at the end. */
  #next(): number {
    const text = this.#text;
    for (let at = this.#at; at < this.#to; at++) {
      const byte = text[at] ?? 0;
      if (byte > 0x20 || (byte !== 0x20 && byte !== 0x0a && byte !== 0x0d && byte !== 0x09)) {
        this.#at = at;
        return byte;
      }
    }
    this.#at = this.#to;
    return -1;
  }

  #value(depth: number): boolean {
    const byte = this.#next();
    if (byte === QUOTE) return this.#string() !== INVALID;
    if (byte === OPEN_OBJECT) return depth <= DEEPEST && this.#object(depth);
    if (byte === OPEN_LIST) return depth <= DEEPEST && this.#list(depth);
    if (byte < 0x40) return this.#number();
    const word = WORDS.get(byte);
    if (word === undefined) return false;
    const end = this.#at + word.length;
    if (end > this.#to || word.compare(this.#text, this.#at, end) !== 0) return false;
    this.#at = end;
    this.#form.copy(word, 0, word.length);
    return true;
  }

  #number(): boolean {
    const [text, start] = [this.#text, this.#at];
    let at = start;
    while (at < this.#to && isOfNumber(text[at] ?? 0)) at++;
    this.#at = at;
    const end = decimalEnd(text, start, at);
    if (end >= 0) {
      this.#form.copy(text, start, end);
      return true;
    }
    const number = text.toString("latin1", start, at);
    if (!NUMBER.test(number)) return false;
    this.#form.ascii(canonicalNumber(number));
    return true;
  }

  #string(): number {
    const [text, from, to] = [this.#text, this.#at, this.#to];
    let at = from + 1;
    let isEscaped = false;
    let all = 0;
    for (; ; at++) {
      const byte = at < to ? (text[at] ?? 0) : 0;
      if (byte < 0x20) return INVALID;
      if (byte === QUOTE) break;
      all |= byte;
      if (byte !== BACKSLASH) continue;
      isEscaped = true;
      at++;
    }
    this.#at = at + 1;
    if (!isEscaped) {
      this.#form.copy(text, from, at + 1);
      return all < 0x80 ? PLAIN : OTHER;
    }
    try {
      this.#form.text(JSON.stringify(JSON.parse(text.toString("utf8", from, at + 1))));
      return OTHER;
    } catch (error) {
      if (error instanceof SyntaxError) return INVALID;
      throw error;
    }
  }

  #list(depth: number): boolean {
    this.#at++;
    this.#form.byte(OPEN_LIST);
    let byte = this.#next();
    if (byte === CLOSE_LIST) this.#at++;
    while (byte !== CLOSE_LIST) {
      if (!this.#value(depth + 1)) return false;
      byte = this.#next();
      if (byte !== CLOSE_LIST && byte !== COMMA) return false;
      this.#at++;
      if (byte === COMMA) this.#form.byte(COMMA);
    }
    this.#form.byte(CLOSE_LIST);
    return true;
  }

  #object(depth: number): boolean {
    const [form, pairs, first] = [this.#form, this.#pairs, this.#pairs.length];
    let arePlain = true;
    this.#at++;
    form.byte(OPEN_OBJECT);
    let byte = this.#next();
    if (byte === CLOSE_OBJECT) this.#at++;
    while (byte !== CLOSE_OBJECT) {
      if (this.#next() !== QUOTE) return false;
      const from = form.length;
      const content = this.#string();
      if (content === INVALID || this.#next() !== COLON) return false;
      this.#at++;
      arePlain &&= content === PLAIN;
      const colon = form.length;
      form.byte(COLON);
      if (!this.#value(depth + 1)) return false;
      pairs.push(from, colon, form.length);
      byte = this.#next();
      if (byte !== CLOSE_OBJECT && byte !== COMMA) return false;
      this.#at++;
      if (byte === COMMA) form.byte(COMMA);
    }
    if (pairs.length > first + PAIR) this.#sort(first, arePlain);
    pairs.length = first;
    form.byte(CLOSE_OBJECT);
    return true;
  }

  /** Sorts the pairs from `first` on, which are the end of the form, by key; of duplicate keys, the last one counts. */
  #sort(first: number, arePlain: boolean): void {
    const [form, pairs] = [this.#form, this.#pairs];
    const [start, end] = [pairs[first] ?? 0, form.length];
    const isSmall = pairs.length - first < MANY * PAIR;
    const order =
      (arePlain && isSmall ? sortPlain(pairs, first, form.bytes) : undefined) ?? sortAny(pairs, first, form.bytes);
    if (order === SORTED) return;
    form.reserve(end - start);
    for (const [index, pair] of order.entries()) {
      if (index > 0) form.byte(COMMA);
      form.copy(form.bytes, pairs[pair] ?? 0, pairs[pair + 2] ?? 0);
    }
    form.bytes.copyWithin(start, end, form.length);
    form.length -= end - start;
  }
}

const CANONICAL = new Canonical();
/** The order of pairs that are in order. */
const SORTED: readonly number[] = [];

/** Returns the order of pairs, with keys of ASCII without escapes; undefined if two of these are equal. */
function sortPlain(pairs: readonly number[], first: number, bytes: Buffer): readonly number[] | undefined {
  const order = [first];
  let isSorted = true;
  for (let pair = first + PAIR; pair < pairs.length; pair += PAIR) {
    let place = order.length;
    for (; place > 0; place--) {
      const compared = compareKeys(pairs, order[place - 1] ?? 0, pair, bytes);
      if (compared === 0) return undefined;
      if (compared < 0) break;
      order[place] = order[place - 1] ?? 0;
      isSorted = false;
    }
    order[place] = pair;
  }
  return isSorted ? SORTED : order;
}

/** Compares keys without their closing quotes, which sort after a blank. */
function compareKeys(pairs: readonly number[], a: number, b: number, bytes: Buffer): number {
  const [fromA = 0, fromB = 0] = [pairs[a], pairs[b]];
  const [sizeA, sizeB] = [(pairs[a + 1] ?? 0) - fromA - 1, (pairs[b + 1] ?? 0) - fromB - 1];
  const size = sizeA < sizeB ? sizeA : sizeB;
  for (let at = 1; at < size; at++) {
    const order = (bytes[fromA + at] ?? 0) - (bytes[fromB + at] ?? 0);
    if (order !== 0) return order;
  }
  return sizeA - sizeB;
}

function sortAny(pairs: readonly number[], first: number, bytes: Buffer): readonly number[] {
  const byKey = new Map<string, number>();
  for (let pair = first; pair < pairs.length; pair += PAIR)
    byKey.set(String(JSON.parse(bytes.toString("utf8", pairs[pair], pairs[pair + 1]))), pair);
  return [...byKey].toSorted(([a], [b]) => (a < b ? -1 : 1)).map(([, pair]) => pair);
}
