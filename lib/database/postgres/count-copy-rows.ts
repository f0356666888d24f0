/**
 * Counts the rows of a PostgreSQL dump in the script that `pg_restore --data-only --file=-` makes of it: every table is
 * one `COPY schema.table (columns) FROM stdin;`, then a line a row, then `\.`; newlines inside values are escaped,
 * those of names are not.
 */
import { decodeName } from "./encoding.ts";

const NEWLINE = 0x0a;
const NAME = String.raw`("(?:[^"]|"")*"|[^\s."(]+)`;
const COPY = new RegExp(String.raw`^COPY ${NAME}\.${NAME} .*FROM stdin;$`, "s");
const ENCODING = /^SET client_encoding = '(\w+)';$/;
/** Enough for any COPY line; other lines (large objects) may be longer and are of no interest. */
const LONGEST_LINE = 1 << 20;

export class CopyRows {
  /** Rows by `schema.table`; a table with incomplete rows is absent. */
  readonly tables = new Map<string, number>();
  #encoding = "UTF8";
  #table: string | undefined;
  #rows = 0;
  #line = "";
  /** The lines of a COPY statement whose quoted name holds a newline. */
  #begun = "";

  /** The encoding of the names, as the script sets it. */
  get encoding(): string {
    return this.#encoding;
  }

  push(chunk: Buffer): void {
    for (let start = 0; start < chunk.length;) {
      const newline = chunk.indexOf(NEWLINE, start);
      const end = newline < 0 ? chunk.length : newline;
      // Inside COPY only the first bytes of a line can matter: `\.` alone is its end.
      const wanted = this.#table === undefined ? LONGEST_LINE : 3;
      if (this.#line.length < wanted) {
        this.#line += chunk.toString("latin1", start, Math.min(end, start + wanted - this.#line.length));
      }
      if (newline < 0) return;
      this.#endLine();
      start = newline + 1;
    }
  }

  #endLine(): void {
    const line = this.#line;
    this.#line = "";
    if (this.#table === undefined) this.#outside(line);
    else if (line === "\\.") {
      this.tables.set(this.#table, (this.tables.get(this.#table) ?? 0) + this.#rows);
      this.#table = undefined;
    } else {
      this.#rows++;
    }
  }

  #outside(line: string): void {
    const statement = this.#begun + line;
    this.#begun = "";
    this.#encoding = ENCODING.exec(line)?.[1] ?? this.#encoding;
    if (!statement.startsWith("COPY ")) return;
    const [, schema, table] = COPY.exec(statement) ?? [];
    if (schema !== undefined && table !== undefined) {
      this.#table = `${this.#read(schema)}.${this.#read(table)}`;
      this.#rows = 0;
    } else if (statement.split('"').length % 2 === 0 && statement.length < LONGEST_LINE) {
      this.#begun = `${statement}\n`;
    }
  }

  #read(name: string): string {
    return decodeName(name.startsWith('"') ? name.slice(1, -1).replaceAll('""', '"') : name, this.#encoding);
  }
}
