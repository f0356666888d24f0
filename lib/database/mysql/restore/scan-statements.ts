/** Splits a dump into its statements, byte by byte, as the client program of MySQL does. */
import { dumpRefusal } from "./dump-refusal.ts";
import { ROWS, squeeze, tame } from "./statements.ts";

/** A statement to be examined. */
export interface Statement {
  /** It without comments, and with empty strings. */
  readonly code: string;
  readonly bytes: Buffer;
}

/** The rules for quotes in the session's SQL mode. */
export interface QuoteRules {
  /** Text between double quotes is a name. */
  readonly ansi: boolean;
  /** A backslash in a string escapes nothing. */
  readonly plainBackslash: boolean;
}

type State = "code" | "string" | "double" | "name" | "line" | "block" | "delimiter";

const [NEWLINE, BACKTICK, QUOTE, DOUBLE, BACKSLASH, SLASH, HASH, BANG, M] = Buffer.from("\n`'\"\\/#!M");
/** Bytes that mean nothing between the strings of a statement that holds rows, nor in a delimiter. */
const ORDINARY = Uint8Array.from({ length: 256 }, (_, byte) =>
  /[\w(),.+ ]/.test(String.fromCharCode(byte)) && byte !== M ? 1 : 0,
);

/** Bytes of a statement after which it is first examined. */
const LOOK_AT = 512;
/** Nothing but rows is larger. */
const LARGEST_STATEMENT = 64 << 20;

export class StatementScanner {
  /** To be set when a statement changes it, before the next one is taken. */
  rules: QuoteRules = { ansi: false, plainBackslash: false };
  #largest = 0;
  #state: State = "code";
  #delimiter = ";";
  #escaped = false;
  #parts: Buffer[] = [];
  #size = 0;
  /** The statement without comments, with empty strings; no more is kept of it once it is known to hold rows. */
  #code = "";
  #rows = false;
  #lookAt = LOOK_AT;
  /** The previous bytes, because a token of two or three may lie in two chunks. */
  #before = "";
  #line = "";

  /** Bytes of the largest statement so far. */
  get largest(): number {
    return this.#largest;
  }

  /** Tells whether the text may end here, between two statements. */
  get isBetween(): boolean {
    return this.#code.trim() === "" && this.#state === "code";
  }

  /**
   * Returns what a chunk completes: bytes of rows and of blanks as they are, any other statement to be examined. Throws
   * `E_RESTORE` for commands of the client program, and for what no dump holds.
   */
  *push(chunk: Buffer): Generator<Buffer | Statement> {
    let from = 0;
    for (let at = 0; at < chunk.length; at++) {
      const byte = chunk[at] ?? 0;
      if (this.#state === "string" || this.#state === "double" || this.#state === "name") {
        this.#inQuotes(byte);
        while (this.#rows && this.#state === "string" && isPlain(chunk[at + 1])) {
          this.#escaped = false;
          at++;
        }
      } else if (this.#state === "line" || this.#state === "delimiter") {
        if (this.#state === "delimiter") this.#line += String.fromCharCode(byte);
        if (byte !== NEWLINE) continue;
        if (this.#state === "delimiter") this.#delimiter = this.#line.trim();
        if (!/^(?:;+|\/\/|\$\$)$/.test(this.#delimiter)) throw dumpRefusal("it sets a delimiter that no dump has");
        this.#enter("code");
      } else if (this.#state === "block") {
        if (byte === SLASH && this.#before.endsWith("*")) this.#enter("code");
        else this.#remember(byte);
      } else if (this.#rows && ORDINARY[byte] === 1) {
        while (ORDINARY[chunk[at + 1] ?? 0] === 1) at++;
        this.#before = this.#line = "";
      } else if (this.#inCode(byte)) {
        this.#parts.push(chunk.subarray(from, at + 1));
        this.#largest = Math.max(this.#largest, this.#size + at + 1 - from);
        from = at + 1;
        yield* this.#endStatement();
      }
    }
    this.#parts.push(chunk.subarray(from));
    this.#size += chunk.length - from;
    if (this.#rows) yield* this.#parts.splice(0);
    else if (this.#size > LARGEST_STATEMENT) throw dumpRefusal("a statement of it is too large to be looked at");
  }

  #enter(state: State): void {
    this.#state = state;
    this.#before = "";
    this.#line = "";
  }

  #remember(byte: number): void {
    this.#before = (this.#before + String.fromCharCode(byte)).slice(-3);
  }

  #keep(text: string): void {
    if (this.#rows) return;
    this.#code += text;
    if (this.#code.length < this.#lookAt) return;
    this.#rows = ROWS.test(tame(squeeze(this.#code)));
    this.#lookAt *= 8;
  }

  #inQuotes(byte: number): void {
    const end = this.#state === "string" ? QUOTE : this.#state === "double" ? DOUBLE : BACKTICK;
    const isName = this.#state === "name" || (this.#state === "double" && this.rules.ansi);
    if (isName) this.#keep(byte === end ? "`" : String.fromCharCode(byte));
    if (this.#escaped) this.#escaped = false;
    else if (byte === BACKSLASH && !isName && !this.rules.plainBackslash) this.#escaped = true;
    else if (byte === end) this.#enter("code"); // a doubled quote comes straight back
  }

  /** True when the statement ends with this byte. */
  #inCode(byte: number): boolean {
    const before = this.#before;
    this.#remember(byte);
    switch (byte) {
      case QUOTE:
      case DOUBLE:
        this.#keep(byte === DOUBLE && this.rules.ansi ? "`" : "''");
        this.#enter(byte === QUOTE ? "string" : "double");
        return false;
      case BACKTICK:
        this.#keep("`");
        this.#enter("name");
        return false;
      case HASH:
        this.#enter("line");
        return false;
      case BACKSLASH:
        // The one that MariaDB's own dumps begin with, to forbid the others.
        if (!/^\s*\/\*M!999999$/.test(this.#code)) throw dumpRefusal("it holds a command of the client program");
        this.#code = "";
        this.#enter("block");
        return false;
    }
    if (before.endsWith("--") && byte <= 32) {
      this.#dropCode(2);
      this.#enter(byte === NEWLINE ? "code" : "line");
      this.#keep(" ");
      return false;
    }
    if (before.endsWith("/*") && byte !== BANG && byte !== M) {
      this.#dropCode(2);
      this.#enter("block");
      this.#remember(byte);
      return false;
    }
    if (before.endsWith("/*M") && byte !== BANG) {
      this.#dropCode(3);
      this.#enter("block");
      this.#remember(byte);
      return false;
    }
    this.#keep(String.fromCharCode(byte));
    if (!this.#rows && byte <= 32 && /^\s*DELIMITER\s$/i.test(this.#code)) {
      this.#code = "";
      this.#enter("delimiter");
      return false;
    }
    this.#line = (this.#line + String.fromCharCode(byte)).slice(-this.#delimiter.length);
    return this.#line === this.#delimiter;
  }

  #dropCode(length: number): void {
    if (!this.#rows) this.#code = this.#code.slice(0, -length);
  }

  *#endStatement(): Generator<Buffer | Statement> {
    const code = squeeze(this.#rows ? "" : this.#code.slice(0, -this.#delimiter.length));
    if (this.#rows || ROWS.test(tame(code))) yield* this.#parts;
    else if (code === "") yield Buffer.concat(this.#parts);
    else yield { code, bytes: Buffer.concat(this.#parts) };
    this.#parts = [];
    this.#size = 0;
    this.#code = "";
    this.#rows = false;
    this.#lookAt = LOOK_AT;
    this.#enter("code");
  }
}

/** Checks that a byte neither ends a string nor begins an escape; false at the end of a chunk. */
function isPlain(byte: number | undefined): boolean {
  return byte !== undefined && byte !== QUOTE && byte !== BACKSLASH;
}
