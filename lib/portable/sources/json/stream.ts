/** Reads JSON values one after another from a text in pieces, holding no more than one value. */
import { HoldfastError } from "../../../errors.ts";

/** A complete value, and the line it starts in. */
export interface ReadValue {
  readonly text: string;
  readonly line: number;
}

/** The size limit of a value: longer ones are damaged or malicious. */
const MOST_VALUE = 128 * 1024 * 1024;
const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const BLANK = /[^ \t\r\n\uFEFF]/g;
/** Characters that end a number or a word. */
const AFTER_WORD = /[\s,\]}:]/g;

export class JsonReader {
  /** The line of the next character, from 1. */
  line = 1;
  readonly #pieces: AsyncIterator<string>;
  #buffer = "";
  #at = 0;
  /** The length of the current value so far. */
  #held = 0;
  /** The position of the next line end in the buffer that is not yet counted. */
  #lineEnd = Number.POSITIVE_INFINITY;

  constructor(pieces: AsyncIterable<string>) {
    this.#pieces = pieces[Symbol.asyncIterator]();
  }

  /** Returns the next non-blank character without consuming it; undefined at the end. */
  async peek(): Promise<string | undefined> {
    for (;;) {
      BLANK.lastIndex = this.#at;
      const found = BLANK.exec(this.#buffer);
      this.#moveTo(found?.index ?? this.#buffer.length);
      if (found !== null) return found[0];
      if (!(await this.#more())) return undefined;
    }
  }

  /** Consumes the next non-blank character if it is this one. */
  async takes(character: string): Promise<boolean> {
    if ((await this.peek()) !== character) return false;
    this.#moveTo(this.#at + 1);
    return true;
  }

  /**
   * Reads the next value with balanced brackets, without checking that it is JSON. Undefined if the text ends first.
   */
  async value(): Promise<ReadValue | undefined> {
    const first = await this.peek();
    if (first === undefined) return undefined;
    const { line } = this;
    const text = first === "{" || first === "[" || first === '"' ? await this.#balanced() : await this.#word();
    return text === undefined ? undefined : { text, line };
  }

  /** Skips to `pattern`, which has no flags. Returns false if it does not occur within `most` characters. */
  async seek(pattern: RegExp, most: number): Promise<boolean> {
    for (;;) {
      const found = pattern.exec(this.#buffer.slice(this.#at));
      if (found !== null) {
        this.#moveTo(this.#at + found.index);
        return true;
      }
      if (this.#buffer.length - this.#at > most) return false;
      const rest = this.#buffer.slice(this.#at);
      if (!(await this.#more())) return false;
      this.#hold(rest + this.#buffer);
    }
  }

  /** Returns the start of the remaining text, for messages. */
  async glimpse(): Promise<string> {
    await this.peek();
    return this.#buffer.slice(this.#at, this.#at + 40);
  }

  async #balanced(): Promise<string | undefined> {
    const parts: string[] = [];
    this.#held = 0;
    let [depth, inString, escaped, at] = [0, false, false, this.#at];
    for (;;) {
      const buffer = this.#buffer;
      for (; at < buffer.length; at++) {
        const code = buffer.charCodeAt(at);
        if (inString) {
          if (escaped) escaped = false;
          else if (code === BACKSLASH) escaped = true;
          else if (code === QUOTE) inString = false;
          else continue;
          if (inString || depth > 0) continue;
        } else if (code === QUOTE) {
          inString = true;
          continue;
        } else if (code === 0x7b || code === 0x5b) {
          depth++;
          continue;
        } else if (code !== 0x7d && code !== 0x5d) continue;
        else if (--depth > 0) continue;
        parts.push(buffer.slice(this.#at, at + 1));
        this.#moveTo(at + 1);
        return parts.join("");
      }
      parts.push(buffer.slice(this.#at));
      this.#count(buffer.length - this.#at);
      this.#moveTo(buffer.length);
      if (!(await this.#more())) return undefined;
      at = 0;
    }
  }

  async #word(): Promise<string> {
    const parts: string[] = [];
    this.#held = 0;
    for (;;) {
      AFTER_WORD.lastIndex = this.#at + Number(parts.length === 0);
      const end = AFTER_WORD.exec(this.#buffer)?.index;
      parts.push(this.#buffer.slice(this.#at, end));
      this.#count((end ?? this.#buffer.length) - this.#at);
      this.#moveTo(end ?? this.#buffer.length);
      if (end !== undefined || !(await this.#more())) return parts.join("");
    }
  }

  #count(length: number): void {
    this.#held += length;
    if (this.#held > MOST_VALUE)
      throw new HoldfastError("E_PACKAGE", `line ${this.line}: a value has more than ${MOST_VALUE} characters`);
  }

  #moveTo(at: number): void {
    for (; this.#lineEnd < at; this.#lineEnd = lineEndFrom(this.#buffer, this.#lineEnd + 1)) this.line++;
    this.#at = at;
  }

  /** Reads the next piece once the whole buffer is consumed. */
  async #more(): Promise<boolean> {
    const next = await this.#pieces.next();
    this.#hold(next.done === true ? "" : next.value);
    return next.done !== true;
  }

  #hold(text: string): void {
    this.#buffer = text;
    this.#at = 0;
    this.#lineEnd = lineEndFrom(text, 0);
  }
}

function lineEndFrom(text: string, from: number): number {
  const found = text.indexOf("\n", from);
  return found === -1 ? Number.POSITIVE_INFINITY : found;
}
