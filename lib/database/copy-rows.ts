/**
 * Counts the rows of a PostgreSQL dump in the script that `pg_restore --data-only --file=-` makes of it: every table is one
 * `COPY schema.table (columns) FROM stdin;`, then a line a row, then `\.`; newlines inside values are escaped.
 */

const NEWLINE = 0x0a;
const NAME = String.raw`("(?:[^"]|"")*"|[^\s."(]+)`;
const COPY = new RegExp(String.raw`^COPY ${NAME}\.${NAME} .*FROM stdin;$`, "s");
/** Enough for any COPY line; other lines (large objects) may be longer and are of no interest. */
const LONGEST_LINE = 1 << 20;

export class CopyRows {
  /** By `schema.table`. */
  readonly tables = new Map<string, number>();
  #table: string | undefined;
  #rows = 0;
  #line = "";

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
    if (this.#table === undefined) {
      const [, schema, table] = line.startsWith("COPY ") ? (COPY.exec(line) ?? []) : [];
      if (schema === undefined || table === undefined) return;
      this.#table = `${unquote(schema)}.${unquote(table)}`;
      this.#rows = 0;
    } else if (line === "\\.") {
      this.tables.set(this.#table, (this.tables.get(this.#table) ?? 0) + this.#rows);
      this.#table = undefined;
    } else {
      this.#rows++;
    }
  }
}

function unquote(name: string): string {
  const bare = name.startsWith('"') ? name.slice(1, -1).replaceAll('""', '"') : name;
  return Buffer.from(bare, "latin1").toString("utf8");
}
