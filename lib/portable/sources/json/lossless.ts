/** Parses JSON without loss: numbers keep their digits, and objects the order of their keys. */

/** A number that JavaScript would not print as it was written: more digits, an exponent, `1.0`, `NaN`. */
export class NumberLiteral {
  readonly source: string;

  constructor(source: string) {
    this.source = source;
  }
}

export type JsonObject = ReadonlyMap<string, Json>;
export type Json = null | boolean | number | string | NumberLiteral | readonly Json[] | JsonObject;

export const isList = (value: Json | undefined): value is readonly Json[] => Array.isArray(value);
export const isObject = (value: Json | undefined): value is JsonObject => value instanceof Map;

const NUMBER = /-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?/y;
/** The nesting limit: deeper values are damaged or malicious, and would overflow the stack. */
const MOST_DEPTH = 1000;
const BLANKS = /[ \t\r\n]*/y;
/** Literals; NaN and the infinities are not JSON, but Python writes them. */
const WORDS = [
  ["true", true],
  ["false", false],
  ["null", null],
  ["NaN", new NumberLiteral("NaN")],
  ["Infinity", new NumberLiteral("Infinity")],
  ["-Infinity", new NumberLiteral("-Infinity")],
] as const;

/** Parses one value. Throws `SyntaxError` with the position for invalid JSON, or more than one value. */
export function parseJson(text: string): Json {
  const parser = new Parser(text);
  const value = parser.value();
  parser.end();
  return value;
}

class Parser {
  readonly #text: string;
  #at = 0;
  #depth = 0;

  constructor(text: string) {
    this.#text = text;
  }

  value(): Json {
    if (++this.#depth > MOST_DEPTH) throw new SyntaxError(`nested more than ${MOST_DEPTH} levels deep`);
    const value = this.#any();
    this.#depth--;
    return value;
  }

  #any(): Json {
    this.#blanks();
    const first = this.#text[this.#at];
    if (first === "{") return this.#object();
    if (first === "[") return this.#list();
    if (first === '"') return this.#string();
    const word = this.#word();
    return word === undefined ? this.#number() : word;
  }

  end(): void {
    this.#blanks();
    if (this.#at < this.#text.length) this.#fail();
  }

  #object(): JsonObject {
    const members = new Map<string, Json>();
    this.#at++;
    if (this.#takes("}")) return members;
    do {
      this.#blanks();
      const name = this.#string();
      if (members.has(name)) throw new SyntaxError(`${JSON.stringify(name)} occurs twice in one object`);
      if (!this.#takes(":")) this.#fail();
      members.set(name, this.value());
    } while (this.#takes(","));
    if (!this.#takes("}")) this.#fail();
    return members;
  }

  #list(): Json[] {
    const items: Json[] = [];
    this.#at++;
    if (this.#takes("]")) return items;
    do items.push(this.value());
    while (this.#takes(","));
    if (!this.#takes("]")) this.#fail();
    return items;
  }

  #string(): string {
    const start = this.#at;
    if (this.#text[start] !== '"') this.#fail();
    let isPlain = true;
    for (let at = start + 1; at < this.#text.length; at++) {
      const code = this.#text.charCodeAt(at);
      if (code === 0x22) {
        this.#at = at + 1;
        return isPlain ? this.#text.slice(start + 1, at) : this.#escaped(start, at + 1);
      }
      if (code === 0x5c) {
        isPlain = false;
        at++;
      } else if (code < 0x20) {
        this.#at = at;
        this.#fail();
      }
    }
    return this.#fail();
  }

  #escaped(start: number, end: number): string {
    const value: unknown = JSON.parse(this.#text.slice(start, end));
    return typeof value === "string" ? value : this.#fail();
  }

  #word(): Json | undefined {
    const found = WORDS.find(([word]) => this.#text.startsWith(word, this.#at));
    if (found === undefined) return undefined;
    this.#at += found[0].length;
    return found[1];
  }

  #number(): number | NumberLiteral {
    NUMBER.lastIndex = this.#at;
    const source = NUMBER.exec(this.#text)?.[0];
    if (source === undefined) return this.#fail();
    this.#at += source.length;
    const value = Number(source);
    return String(value) === source && (Number.isSafeInteger(value) || source.length < 16)
      ? value
      : new NumberLiteral(source);
  }

  #takes(character: string): boolean {
    this.#blanks();
    if (this.#text[this.#at] !== character) return false;
    this.#at++;
    return true;
  }

  #blanks(): void {
    BLANKS.lastIndex = this.#at;
    BLANKS.test(this.#text);
    this.#at = BLANKS.lastIndex;
  }

  #fail(): never {
    throw new SyntaxError(`unexpected ${JSON.stringify(this.#text.slice(this.#at, this.#at + 20))}`);
  }
}

/**
 * Formats a value like Python's `json.dumps`, which Django stores in JSON columns: a space after `,` and `:`, ASCII
 * only.
 */
export function toPythonJson(value: Json): string {
  if (isList(value)) return `[${value.map(toPythonJson).join(", ")}]`;
  if (isObject(value)) return `{${[...value].map(([name, one]) => `${ascii(name)}: ${toPythonJson(one)}`).join(", ")}}`;
  if (value instanceof NumberLiteral) return value.source;
  return typeof value === "string" ? ascii(value) : String(value);
}

const ascii = (text: string): string =>
  JSON.stringify(text).replaceAll(/[\u007f-\uffff]/g, (one) => `\\u${one.charCodeAt(0).toString(16).padStart(4, "0")}`);
