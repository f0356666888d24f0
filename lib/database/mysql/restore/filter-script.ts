/**
 * A dump on its way to the client, statement by statement. Only statements that dumps consist of pass, and only with
 * names in the database at hand: `USE`, `CREATE DATABASE`, client commands, rights and the like are refused, wherever
 * they come from. What names the database that was dumped (`ALTER DATABASE`; views, defaults, triggers and routines
 * with qualified names) is made to name the one at hand, and events can come disabled, so that none fires in a copy.
 * This keeps mistakes out, and simple malice; text that a routine executes is not understood.
 */
import { HoldfastError } from "../../../errors.ts";
import { quoteMysql } from "../names.ts";
import { renameDatabase } from "./qualifiers.ts";
import { ALLOWED, DEFINER, latin1, ROWS, squeeze, tame, unquote } from "./statements.ts";

/** The facts of a dump, as far as it has been read. */
export interface ScriptFacts {
  /** Who wrote it: `MariaDB` or `MySQL`; undefined for other dumps. */
  readonly flavour: "mariadb" | "mysql" | undefined;
  /** `user@host`, as in `create definer = …`. */
  readonly definers: ReadonlySet<string>;
  readonly collations: ReadonlySet<string>;
  readonly storageEngines: ReadonlySet<string>;
  /** Other databases, whose tables or functions the views name. */
  readonly databases: ReadonlySet<string>;
  /** Bytes of the largest statement: the server must take so much at once. */
  readonly largest: number;
  /** Rows of system-versioned tables come with their history. */
  readonly history: boolean;
  /** The end mark of the dump program has been read, with nothing after it. */
  readonly complete: boolean;
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
const TAIL = 1000;

/** The state of scheduled events after a restore. */
export type Events = "disabled" | "as they were";

/** One dump, read once. `database` is where it goes. */
export class MysqlScript {
  readonly #database: string;
  readonly #events: Events;
  readonly #definers = new Set<string>();
  readonly #collations = new Set<string>();
  readonly #storageEngines = new Set<string>();
  readonly #databases = new Set<string>();
  #largest = 0;
  #history = false;
  /** A default takes its value from a sequence, which LOCK TABLES of the table alone keeps from being used. */
  #sequences = false;
  #flavour: ScriptFacts["flavour"];
  /** The name in the dump's head. */
  #dumped: string | undefined;
  #state: State = "code";
  #delimiter = ";";
  #plainBackslash = false;
  /** Text between double quotes is a name. */
  #ansi = false;
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
  #head = "";
  #tail = Buffer.alloc(0);

  constructor(database: string, events: Events) {
    this.#database = database;
    this.#events = events;
  }

  get facts(): ScriptFacts {
    const end = /(?:^|\n)-- Dump completed[^\n]*\n$/.test(this.#tail.toString("latin1"));
    return {
      flavour: this.#flavour,
      definers: this.#definers,
      collations: this.#collations,
      storageEngines: this.#storageEngines,
      databases: this.#databases,
      largest: this.#largest,
      history: this.#history,
      complete: end && this.#code.trim() === "" && this.#state === "code",
    };
  }

  /** Returns the text to send on. Throws `E_RESTORE` for a forbidden statement. */
  async *read(chunks: AsyncIterable<Buffer>): AsyncGenerator<Buffer> {
    for await (const chunk of chunks) {
      this.#tail = Buffer.concat([this.#tail, chunk.subarray(-TAIL)]).subarray(-TAIL);
      if (this.#head.length < TAIL) this.#readHead(chunk);
      yield* this.#push(chunk);
    }
    if (!this.facts.complete) {
      throw refusal("the dump has no end mark: it is cut short, or was written without comments");
    }
  }

  #readHead(chunk: Buffer): void {
    this.#head += chunk.toString("latin1", 0, TAIL);
    this.#flavour = /^-- MariaDB dump/m.test(this.#head)
      ? "mariadb"
      : /^-- MySQL dump/m.test(this.#head)
        ? "mysql"
        : undefined;
    this.#dumped = /^-- Host: .*? Database: (.+)$/m.exec(this.#head)?.[1];
  }

  *#push(chunk: Buffer): Generator<Buffer> {
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
        if (!/^(?:;+|\/\/|\$\$)$/.test(this.#delimiter)) throw refusal("it sets a delimiter that no dump has");
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
    else if (this.#size > LARGEST_STATEMENT) throw refusal("a statement of it is too large to be looked at");
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
    const isName = this.#state === "name" || (this.#state === "double" && this.#ansi);
    if (isName) this.#keep(byte === end ? "`" : String.fromCharCode(byte));
    if (this.#escaped) this.#escaped = false;
    else if (byte === BACKSLASH && !isName && !this.#plainBackslash) this.#escaped = true;
    else if (byte === end) this.#enter("code"); // a doubled quote comes straight back
  }

  /** True when the statement ends with this byte. */
  #inCode(byte: number): boolean {
    const before = this.#before;
    this.#remember(byte);
    switch (byte) {
      case QUOTE:
      case DOUBLE:
        this.#keep(byte === DOUBLE && this.#ansi ? "`" : "''");
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
        if (!/^\s*\/\*M!999999$/.test(this.#code)) throw refusal("it holds a command of the client program");
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

  *#endStatement(): Generator<Buffer> {
    const code = squeeze(this.#rows ? "" : this.#code.slice(0, -this.#delimiter.length));
    if (this.#rows || ROWS.test(tame(code))) yield* this.#parts;
    else if (code === "") yield Buffer.concat(this.#parts);
    else yield this.#checked(code, Buffer.concat(this.#parts));
    this.#parts = [];
    this.#size = 0;
    this.#code = "";
    this.#rows = false;
    this.#lookAt = LOOK_AT;
    this.#enter("code");
  }

  #checked(code: string, statement: Buffer): Buffer {
    let text = statement.toString("latin1");
    const definer = DEFINER.exec(code)?.[1];
    let plain = squeeze(code.replace(DEFINER, ""));
    if (/^CREATE /i.test(plain) && this.#dumped !== undefined) {
      const rules = { ansi: this.#ansi, plainBackslash: this.#plainBackslash };
      const dumped = latin1(this.#dumped);
      const { text: bare, others } = renameDatabase(plain, dumped, undefined, rules);
      plain = bare;
      if (/^CREATE (?:OR REPLACE )?(?:ALGORITHM ?= ?\w+ )?(?:SQL SECURITY \w+ )?VIEW /i.test(plain))
        for (const other of others) this.#databases.add(Buffer.from(other, "latin1").toString());
      if (this.#dumped !== this.#database) text = renameDatabase(text, dumped, latin1(this.#database), rules).text;
    }
    if (!ALLOWED.some((allowed) => allowed.test(tame(plain)))) {
      throw refusal(`it holds a statement that no dump of one database needs: ${plain.slice(0, 60)}`);
    }
    if (/^CREATE /i.test(plain) && definer !== undefined && !/^CURRENT_USER/i.test(definer)) {
      this.#definers.add(Buffer.from(unquote(definer), "latin1").toString());
    }
    if (/^CREATE (?:OR REPLACE )?(?:TEMPORARY )?TABLE /i.test(plain)) this.#readTable(plain);
    if (this.#sequences && /^(?:UN)?LOCK TABLES?\b/i.test(plain)) return Buffer.from("\n");
    if (/^ALTER DATABASE /i.test(plain)) {
      text = text.replace(
        /(\bDATABASE\s+)(?:`(?:[^`]|``)+`|[\w$\x80-\xff]+)/i,
        (_all, before: string) => before + latin1(quoteMysql(this.#database)),
      );
    }
    if (this.#events === "disabled" && /^CREATE (?:OR REPLACE )?EVENT /i.test(plain)) {
      text = text.replace(/(\bON\s+COMPLETION\s+(?:NOT\s+)?PRESERVE\s+)ENABLE\b/i, "$1DISABLE");
    }
    if (/^SET .*\bsystem_versioning_insert_history ?= ?1/i.test(plain)) this.#history = true;
    if (/^SET .*\bSQL_MODE ?=/i.test(plain)) {
      this.#plainBackslash = /NO_BACKSLASH_ESCAPES/i.test(text);
      this.#ansi = /\bANSI/i.test(text);
    }
    return Buffer.from(text, "latin1");
  }

  #readTable(plain: string): void {
    this.#sequences ||= /\bDEFAULT \(?(?:NEXTVAL ?\(|NEXT VALUE FOR )/i.test(plain);
    for (const [, name = ""] of plain.matchAll(/\bCOLLATE ?=? ?(\w+)/gi)) this.#collations.add(name.toLowerCase());
    const storage = /\) ENGINE ?= ?(\w+)/i.exec(plain)?.[1];
    if (storage !== undefined) this.#storageEngines.add(storage.toLowerCase());
  }
}

/** Checks that a byte neither ends a string nor begins an escape; false at the end of a chunk. */
function isPlain(byte: number | undefined): boolean {
  return byte !== undefined && byte !== QUOTE && byte !== BACKSLASH;
}

function refusal(reason: string): HoldfastError {
  return new HoldfastError("E_RESTORE", `the dump was not loaded: ${reason}`, {
    hint: "nothing was changed; load it manually into a new database if you trust it, or take another run",
  });
}
