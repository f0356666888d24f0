/**
 * Text as a browser understands it, with every character's place in the source. Each layer of escaping (HTML entities,
 * script escapes, CSS escapes) is taken off in turn; a reference that is found in the innermost text can still be
 * replaced in the source, byte for byte. All text is `latin1`: one character a byte, the bytes being UTF-8 where an
 * escape was decoded.
 */

export interface Decoded {
  readonly text: string;
  /** The source range `[from(i), to(i))` of character `i`. */
  from(at: number): number;
  to(at: number): number;
  /** Counts the backslashes before character `i`, to distinguish a quote inside a string from its end. */
  escapes(at: number): number;
}

/** A piece of source text, or one code point that a range of the source encodes. */
export interface Piece {
  readonly from: number;
  readonly to: number;
  readonly codePoint?: number;
}

/** `source[from, to)` as it is: by far the most common case, so nothing is copied. */
export function plain(source: string, from: number, to: number): Decoded {
  return { text: source.slice(from, to), from: (at) => from + at, to: (at) => from + at + 1, escapes: () => 0 };
}

/** Pieces of `source`, one after the other. */
export function fromPieces(source: string, pieces: readonly Piece[]): Decoded {
  const [first, second] = pieces;
  if (first !== undefined && second === undefined && first.codePoint === undefined)
    return plain(source, first.from, first.to);
  const builder = new Builder(pieces.reduce((sum, piece) => sum + Math.max(piece.to - piece.from, 8), 0));
  for (const piece of pieces) {
    if (piece.codePoint !== undefined) builder.codePoint(piece.codePoint, piece.from, piece.to, 0);
    else for (let at = piece.from; at < piece.to; at++) builder.byte(source.charAt(at), at, at + 1, 0);
  }
  return builder.finish();
}

const SCRIPT_ESCAPE =
  /(\\+)(?:u(d[89ab][0-9a-f]{2})\\+u(d[c-f][0-9a-f]{2})|u\{([0-9a-f]{1,6})\}|u([0-9a-f]{4})|x([0-9a-f]{2})|([/"'`]))/gi;

/**
 * Takes off the escapes of JavaScript and JSON strings that can stand in a URL or end it: `\/`, `\"`, `\u002f`, `\x2f`,
 * also where they are doubled because one string holds another. The rest stays, backslashes included.
 */
export function unescapeScript(input: Decoded): Decoded {
  return unescape(input, SCRIPT_ESCAPE, (match) => {
    const [, slashes = "", high, low, braced, four, two, character] = match;
    const depth = slashes.length;
    if (character !== undefined) return { codePoint: character.charCodeAt(0), depth };
    if (high !== undefined && low !== undefined) {
      return { codePoint: String.fromCharCode(hex(high), hex(low)).codePointAt(0), depth };
    }
    return { codePoint: hex(braced ?? four ?? two ?? ""), depth };
  });
}

const CSS_ESCAPE = /\\(?:([0-9a-f]{1,6})(?:\r\n|[ \t\n\r\f])?|(\r\n|[\n\r\f])|([^]))/gi;

/** Takes off the escapes of CSS (CSS Syntax 4.3.7): `\27 `, `\)`, and line ends inside strings. */
export function unescapeCss(input: Decoded): Decoded {
  return unescape(input, CSS_ESCAPE, (match) => {
    const [, digits, newline, character = ""] = match;
    if (newline !== undefined) return { codePoint: undefined, depth: 1 };
    if (digits !== undefined) return { codePoint: hex(digits), depth: 1 };
    return { byte: character, depth: 1 };
  });
}

const hex = (digits: string): number => Number.parseInt(digits, 16);

interface Unescaped {
  readonly codePoint?: number | undefined;
  readonly byte?: string;
  readonly depth: number;
}

function unescape(input: Decoded, pattern: RegExp, decode: (match: RegExpExecArray) => Unescaped): Decoded {
  if (!input.text.includes("\\")) return input;
  const builder = new Builder(input.text.length * 2 + 8);
  const copy = (start: number, end: number): void => {
    for (let at = start; at < end; at++) {
      builder.byte(input.text.charAt(at), input.from(at), input.to(at), input.escapes(at));
    }
  };
  let done = 0;
  for (const match of input.text.matchAll(pattern)) {
    copy(done, match.index);
    done = match.index + match[0].length;
    const from = input.from(match.index);
    const to = input.to(done - 1);
    const { codePoint, byte, depth } = decode(match);
    if (codePoint !== undefined) builder.codePoint(codePoint, from, to, depth);
    else if (byte !== undefined) builder.byte(byte, from, to, depth);
  }
  copy(done, input.text.length);
  return builder.finish();
}

class Builder {
  readonly #text: string[] = [];
  readonly #from: Uint32Array;
  readonly #to: Uint32Array;
  readonly #escapes: Uint8Array;
  #length = 0;

  constructor(capacity: number) {
    this.#from = new Uint32Array(capacity);
    this.#to = new Uint32Array(capacity);
    this.#escapes = new Uint8Array(capacity);
  }

  byte(character: string, from: number, to: number, depth: number): void {
    this.#from[this.#length] = from;
    this.#to[this.#length] = to;
    this.#escapes[this.#length] = Math.min(depth, 255);
    this.#length++;
    this.#text.push(character);
  }

  /** Its UTF-8 bytes, all of which have the same range. */
  codePoint(codePoint: number, from: number, to: number, depth: number): void {
    const valid = codePoint <= 0x10_ffff ? codePoint : 0xff_fd;
    for (const byte of Buffer.from(String.fromCodePoint(valid), "utf8").toString("latin1"))
      this.byte(byte, from, to, depth);
  }

  finish(): Decoded {
    return {
      text: this.#text.join(""),
      from: (at) => this.#from[at] ?? 0,
      to: (at) => this.#to[at] ?? 0,
      escapes: (at) => this.#escapes[at] ?? 0,
    };
  }
}
