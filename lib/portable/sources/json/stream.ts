/** Takes JSON values one after the other out of a text that comes in pieces: no more of it is held than one value. */
import { HoldfastError } from "../../../errors.ts";

/** A whole value, and the line that it begins in. */
export interface ReadValue {
  readonly text: string;
  readonly line: number;
}

/** Longer values are damage or meant to do harm. */
const MOST_VALUE = 128 * 1024 * 1024;
const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const BLANK = /[^ \t\r\n\uFEFF]/g;
/** What ends a number or a word. */
const AFTER_WORD = /[\s,\]}:]/g;

export class JsonReader {
  /** Of the next character, from 1. */
  line = 1;
  readonly #pieces: AsyncIterator<string>;
  #buffer = "";
  #at = 0;
  /** Of the value that has begun. */
  #held = 0;
  /** The next one in the buffer, not yet counted. */
  #lineEnd = Number.POSITIVE_INFINITY;

  constructor(pieces: AsyncIterable<string>) {
    this.#pieces = pieces[Symbol.asyncIterator]();
  }

  /** The next character that is no blank, which stays where it is; undefined at the end. */
  async peek(): Promise<string | undefined> {
    for (;;) {
      BLANK.lastIndex = this.#at;
      const found = BLANK.exec(this.#buffer);
      this.#moveTo(found?.index ?? this.#buffer.length);
      if (found !== null) return found[0];
      if (!(await this.#more())) return undefined;
    }
  }

  /** Takes the next character that is no blank, if it is this one. */
  async takes(character: string): Promise<boolean> {
    if ((await this.peek()) !== character) return false;
    this.#moveTo(this.#at + 1);
    return true;
  }

  /** The next value, its brackets balanced; whether it is JSON is for the parser to say. Undefined when the text ends within it, or before it. */
  async value(): Promise<ReadValue | undefined> {
    const first = await this.peek();
    if (first === undefined) return undefined;
    const { line } = this;
    const text = first === "{" || first === "[" || first === '"' ? await this.#balanced() : await this.#word();
    return text === undefined ? undefined : { text, line };
  }

  /**
   * Passes over what comes before `pattern`, which has no flags. False when it does not come within `most` characters.
   */
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

  /** Some of what comes next, for messages. */
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
      throw new HoldfastError("E_PACKAGE", `line ${this.line}: a value of more than ${MOST_VALUE} characters`);
  }

  #moveTo(at: number): void {
    for (; this.#lineEnd < at; this.#lineEnd = lineEndFrom(this.#buffer, this.#lineEnd + 1)) this.line++;
    this.#at = at;
  }

  /** Called where all of the buffer has been used. */
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
