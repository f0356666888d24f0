/**
 * Counts the tables and rows of a dump by mariadb-dump or mysqldump while it passes. It knows just enough of SQL for
 * that: plain `CREATE TABLE` and `INSERT INTO` at the beginning of a line, quoted names, strings with backslashes
 * (mysqldump sets an sql_mode in which they escape), and that what stands between `DELIMITER ;;` and `DELIMITER ;` is
 * the body of a routine, trigger or event.
 */

const [NEWLINE, BACKTICK, QUOTE, BACKSLASH, OPEN, CLOSE, SEMICOLON, V] = Buffer.from("\n`'\\();V");
const CREATE = "CREATE TABLE `";
const INSERT = "INSERT INTO `";
const DELIMITER = "DELIMITER ";
const BEGINNINGS = [CREATE, INSERT, DELIMITER];
const TAIL_BYTES = 1000;

type State = "begin" | "skip" | "name" | "columns" | "values" | "string" | "delimiter";

export class InsertRows {
  /** Rows by table, with a 0 for tables that were only created. */
  readonly tables = new Map<string, number>();
  #state: State = "begin";
  #text = "";
  #statement = "";
  #table = "";
  #rows = 0;
  #depth = 0;
  #quoted = false;
  #escaped = false;
  #inBody = false;
  #tail = Buffer.alloc(0);

  push(chunk: Buffer): void {
    for (let at = 0; at < chunk.length;) at = this.#step(chunk, at);
    this.#tail = Buffer.concat([this.#tail, chunk.subarray(-TAIL_BYTES)]).subarray(-TAIL_BYTES);
  }

  /** Checks whether the last line is the end mark of a dump program. */
  get complete(): boolean {
    return /(?:^|\n)-- Dump completed[^\n]*\n$/.test(this.#tail.toString("latin1"));
  }

  /** Reads on from `at` in the present state; gives where the next state begins. */
  #step(chunk: Buffer, at: number): number {
    switch (this.#state) {
      case "begin":
        return this.#begin(chunk, at);
      case "skip":
        return this.#skip(chunk, at);
      case "name":
        return this.#name(chunk, at);
      case "columns":
        return this.#columns(chunk, at);
      case "values":
        return this.#values(chunk, at);
      case "string":
        return this.#string(chunk, at);
      case "delimiter":
        return this.#delimiter(chunk, at);
    }
  }

  #enter(state: State): void {
    this.#state = state;
    this.#text = "";
    this.#quoted = false;
  }

  #begin(chunk: Buffer, start: number): number {
    for (let at = start; at < chunk.length; at++) {
      if (chunk[at] === NEWLINE) {
        this.#text = "";
        continue;
      }
      this.#text += String.fromCharCode(chunk[at] ?? 0);
      if (!BEGINNINGS.some((beginning) => beginning.startsWith(this.#text))) {
        this.#enter("skip");
        return at + 1;
      }
      if (BEGINNINGS.includes(this.#text)) {
        this.#statement = this.#text;
        this.#enter(this.#statement === DELIMITER ? "delimiter" : this.#inBody ? "skip" : "name");
        return at + 1;
      }
    }
    return chunk.length;
  }

  #skip(chunk: Buffer, start: number): number {
    const newline = chunk.indexOf(NEWLINE ?? 0, start);
    if (newline < 0) return chunk.length;
    this.#enter("begin");
    return newline + 1;
  }

  #delimiter(chunk: Buffer, start: number): number {
    const newline = chunk.indexOf(NEWLINE ?? 0, start);
    this.#text += chunk.toString("latin1", start, newline < 0 ? chunk.length : newline);
    if (newline < 0) return chunk.length;
    this.#inBody = this.#text.trim() !== ";";
    this.#enter("begin");
    return newline + 1;
  }

  /** A backtick ends the name unless another one follows. */
  #name(chunk: Buffer, start: number): number {
    for (let at = start; at < chunk.length; at++) {
      const byte = chunk[at];
      if (byte === BACKTICK) {
        this.#quoted = !this.#quoted;
        if (this.#quoted) continue;
      } else if (this.#quoted) {
        this.#endName();
        return at;
      }
      this.#text += String.fromCharCode(byte ?? 0);
    }
    return chunk.length;
  }

  #endName(): void {
    this.#table = Buffer.from(this.#text, "latin1").toString("utf8");
    if (!this.tables.has(this.#table)) this.tables.set(this.#table, 0);
    this.#rows = 0;
    this.#depth = 0;
    this.#enter(this.#statement === INSERT ? "columns" : "skip");
  }

  /** Up to VALUES there may be a list of quoted column names. */
  #columns(chunk: Buffer, start: number): number {
    for (let at = start; at < chunk.length; at++) {
      if (chunk[at] === BACKTICK) this.#quoted = !this.#quoted;
      else if (chunk[at] === V && !this.#quoted) {
        this.#enter("values");
        return at + 1;
      }
    }
    return chunk.length;
  }

  #values(chunk: Buffer, start: number): number {
    for (let at = start; at < chunk.length; at++) {
      const byte = chunk[at];
      if (byte === QUOTE) {
        this.#enter("string");
        return at + 1;
      }
      if (byte === OPEN) this.#depth++;
      else if (byte === CLOSE) {
        if (--this.#depth === 0) this.#rows++;
      } else if (byte === SEMICOLON && this.#depth === 0) {
        this.tables.set(this.#table, (this.tables.get(this.#table) ?? 0) + this.#rows);
        this.#enter("skip");
        return at + 1;
      }
    }
    return chunk.length;
  }

  #string(chunk: Buffer, start: number): number {
    for (let at = start; at < chunk.length; at++) {
      if (this.#escaped) this.#escaped = false;
      else if (chunk[at] === BACKSLASH) this.#escaped = true;
      else if (chunk[at] === QUOTE) {
        this.#enter("values"); // a doubled quote comes straight back
        return at + 1;
      }
    }
    return chunk.length;
  }
}
