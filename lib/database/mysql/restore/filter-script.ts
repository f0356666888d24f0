/**
 * A dump on its way to the client, statement by statement. Only statements that dumps consist of pass, and only with
 * names in the database at hand: `USE`, `CREATE DATABASE`, client commands, rights and the like are refused, wherever
 * they come from. What names the database that was dumped (`ALTER DATABASE`; views, defaults, triggers and routines
 * with qualified names) is made to name the one at hand, and events can come disabled, so that none fires in a copy.
 * This keeps mistakes out, and simple malice; text that a routine executes is not understood.
 */
import { quoteMysql } from "../names.ts";
import { renameDatabase } from "./qualifiers.ts";
import { dumpRefusal } from "./dump-refusal.ts";
import { StatementScanner, type Statement } from "./scan-statements.ts";
import { ALLOWED, DEFINER, latin1, squeeze, tame, unquote } from "./statements.ts";

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

/** Bytes kept of the head and of the end. */
const TAIL = 1000;

/** The state of scheduled events after a restore. */
export type Events = "disabled" | "as they were";

/** One dump, read once. `database` is where it goes. */
export class MysqlScript {
  readonly #scanner = new StatementScanner();
  readonly #database: string;
  readonly #events: Events;
  readonly #definers = new Set<string>();
  readonly #collations = new Set<string>();
  readonly #storageEngines = new Set<string>();
  readonly #databases = new Set<string>();
  #history = false;
  /** A default takes its value from a sequence, which LOCK TABLES of the table alone keeps from being used. */
  #sequences = false;
  #flavour: ScriptFacts["flavour"];
  /** The name in the dump's head. */
  #dumped: string | undefined;
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
      largest: this.#scanner.largest,
      history: this.#history,
      complete: end && this.#scanner.isBetween,
    };
  }

  /** Returns the text to send on. Throws `E_RESTORE` for a forbidden statement. */
  async *read(chunks: AsyncIterable<Buffer>): AsyncGenerator<Buffer> {
    for await (const chunk of chunks) {
      this.#tail = Buffer.concat([this.#tail, chunk.subarray(-TAIL)]).subarray(-TAIL);
      if (this.#head.length < TAIL) this.#readHead(chunk);
      for (const scanned of this.#scanner.push(chunk))
        yield Buffer.isBuffer(scanned) ? scanned : this.#examine(scanned);
    }
    if (!this.facts.complete) {
      throw dumpRefusal("the dump has no end mark: it is cut short, or was written without comments");
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

  /** Returns a statement as it is sent on. Throws `E_RESTORE` for a forbidden one. */
  #examine({ code, bytes }: Statement): Buffer {
    let text = bytes.toString("latin1");
    const definer = DEFINER.exec(code)?.[1];
    let plain = squeeze(code.replace(DEFINER, ""));
    if (/^CREATE /i.test(plain) && this.#dumped !== undefined) {
      const { rules } = this.#scanner;
      const dumped = latin1(this.#dumped);
      const { text: bare, others } = renameDatabase(plain, dumped, undefined, rules);
      plain = bare;
      if (/^CREATE (?:OR REPLACE )?(?:ALGORITHM ?= ?\w+ )?(?:SQL SECURITY \w+ )?VIEW /i.test(plain))
        for (const other of others) this.#databases.add(Buffer.from(other, "latin1").toString());
      if (this.#dumped !== this.#database) text = renameDatabase(text, dumped, latin1(this.#database), rules).text;
    }
    if (!ALLOWED.some((allowed) => allowed.test(tame(plain)))) {
      throw dumpRefusal(`it holds a statement that no dump of one database needs: ${plain.slice(0, 60)}`);
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
      this.#scanner.rules = { ansi: /\bANSI/i.test(text), plainBackslash: /NO_BACKSLASH_ESCAPES/i.test(text) };
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
