/**
 * The database in qualified names of a MySQL or MariaDB statement. `a.b` is a table of the database `a` where a table
 * can stand, a function of it before a parenthesis, and elsewhere a column of the table or alias `a`; `a.b.c` is always
 * a column of a table of `a`.
 */

/** The rules for quotes, by the session's sql_mode. */
export interface QuoteRules {
  /** ANSI_QUOTES: double quotes hold names. */
  readonly ansi: boolean;
  /** NO_BACKSLASH_ESCAPES. */
  readonly plainBackslash: boolean;
}

export interface Renamed {
  readonly text: string;
  /** Other databases whose tables or functions the statement names. */
  readonly others: ReadonlySet<string>;
}

interface Token {
  /** `word` is a name without quotes, or a keyword. */
  readonly kind: "name" | "word" | "sign";
  /** A name without its quotes. */
  readonly text: string;
  readonly start: number;
  readonly end: number;
}

/** The role of names inside one level of parentheses. */
interface Level {
  /** The next name is a table, or may be one after a comma. */
  mode: "table" | "after" | "expression";
  /** Inside a list of tables: a comma brings the next one. */
  from: boolean;
  /** FROM belongs to a query, not to a function such as TRIM. */
  query: boolean;
}

const BEFORE_TABLE = new Set(
  (
    "JOIN STRAIGHT_JOIN INTO TABLE TABLES REFERENCES CALL VIEW TRIGGER PROCEDURE FUNCTION EVENT SEQUENCE PACKAGE BODY " +
    "TRUNCATE DESCRIBE EXISTS"
  ).split(" "),
);
const BEFORE_EXPRESSION = new Set(
  "SELECT WHERE GROUP HAVING ORDER LIMIT SET ON USING VALUES VALUE THEN ELSE DO BEGIN RETURN UNION EXCEPT INTERSECT IF WHILE".split(
    " ",
  ),
);
const SEQUENCE_FUNCTIONS = new Set(["NEXTVAL", "LASTVAL", "SETVAL"]);

/**
 * Puts the name `to` in the place of the database `from`, or takes the qualifier away. `text` has one character a byte.
 */
export function renameDatabase(text: string, from: string, to: string | undefined, rules: QuoteRules): Renamed {
  const tokens = tokenize(text, rules);
  const others = new Set<string>();
  const parts: string[] = [];
  let written = 0;
  const walk = new Walk();
  for (let at = 0; at < tokens.length;) {
    const token = tokens[at];
    if (token === undefined) break;
    if (token.kind === "sign") {
      walk.sign(token.text, previousWord(tokens, at));
      at++;
      continue;
    }
    const chain = chainAt(tokens, at);
    const next = tokens[at + 2 * chain.length - 1];
    const isTable = walk.mode === "table";
    const isCall = next?.kind === "sign" && next.text === "(";
    const second = chain[1];
    if (second !== undefined && (chain.length > 2 || isTable || isCall)) {
      if (token.text === from) {
        parts.push(text.slice(written, token.start), ...(to === undefined ? [] : [`${quote(to)}.`]));
        written = second.start;
      } else others.add(token.text);
    }
    if (chain.length === 1 && token.kind === "word") walk.word(token.text.toUpperCase(), previousWord(tokens, at));
    else walk.name();
    at += 2 * chain.length - 1;
  }
  return { text: `${parts.join("")}${text.slice(written)}`, others };
}

class Walk {
  readonly #levels: Level[] = [{ mode: "expression", from: false, query: true }];

  get mode(): Level["mode"] {
    return this.#level.mode;
  }

  get #level(): Level {
    const level = this.#levels.at(-1);
    if (level === undefined) throw new RangeError("no level of parentheses is open");
    return level;
  }

  name(): void {
    if (this.#level.mode === "table") this.#level.mode = "after";
  }

  word(word: string, before: string): void {
    const level = this.#level;
    if (word === "SELECT" || word === "DELETE") level.query = true;
    if ((word === "FROM" && level.query) || (word === "UPDATE" && before !== "KEY" && before !== "FOR")) {
      level.mode = "table";
      level.from = true;
    } else if (word === "DELETE" || BEFORE_TABLE.has(word) || (word === "FOR" && before === "VALUE"))
      level.mode = "table";
    else if (word === "ON" && /^(?:INSERT|UPDATE|DELETE)$/.test(before)) level.mode = "table";
    else if (BEFORE_EXPRESSION.has(word)) {
      level.mode = "expression";
      if (word !== "ON" && word !== "USING") level.from = false;
    } else if (level.mode === "table" && !/^(?:IF|NOT|LATERAL|IGNORE|LOW_PRIORITY|QUICK|ONLY)$/.test(word)) this.name();
  }

  sign(sign: string, before: string): void {
    const level = this.#level;
    if (sign === "(") {
      const isTable = level.mode === "table" || SEQUENCE_FUNCTIONS.has(before);
      this.#levels.push({ mode: isTable ? "table" : "expression", from: isTable, query: false });
    } else if (sign === ")") {
      if (this.#levels.length > 1) this.#levels.pop();
      this.name();
    } else if (sign === "," && level.from) level.mode = "table";
    else if (sign === ";") {
      level.mode = "expression";
      level.from = false;
    }
  }
}

/** The upper-case word directly before a token; empty where something else stands there. */
function previousWord(tokens: readonly Token[], at: number): string {
  const before = tokens[at - 1];
  return before?.kind === "word" ? before.text.toUpperCase() : "";
}

/** The names of `a.b.c`; a star counts as one. */
function chainAt(tokens: readonly Token[], at: number): Token[] {
  const chain: Token[] = [];
  for (let index = at; ; index += 2) {
    const [name, dot] = [tokens[index], tokens[index + 1]];
    const isPart = name !== undefined && (name.kind !== "sign" || (name.text === "*" && chain.length > 0));
    if (isPart) chain.push(name);
    if (!isPart || dot?.kind !== "sign" || dot.text !== ".") return chain;
    const after = tokens[index + 2];
    if (after === undefined || (after.kind === "sign" && after.text !== "*")) return chain;
  }
}

const SKIPPED = /\s+|--\s[^\n]*|#[^\n]*|\/\*(?:M?!)?\d*|\*\/|@@?(?:`(?:[^`]|``)*`|'[^']*'|"[^"]*"|[\w$.\x80-\xff]*)/y;
const COMMENT = /\/\*(?!M?!)[^]*?\*\//y;
const NUMBER = /\d+(?:\.\d*)?(?:e[+-]?\d+)?(?![\w$\x80-\xff])/iy;
const WORD = /[\w$\x80-\xff]+/y;
const BACKTICKS = /`(?:[^`]|``)*`/y;
const STRING = /'(?:[^'\\]|''|\\[^])*'/y;
const PLAIN_STRING = /'(?:[^']|'')*'/y;
const DOUBLE = /"(?:[^"\\]|""|\\[^])*"/y;
const PLAIN_DOUBLE = /"(?:[^"]|"")*"/y;

function tokenize(text: string, { ansi, plainBackslash }: QuoteRules): Token[] {
  const tokens: Token[] = [];
  const match = (pattern: RegExp, at: number): number => {
    pattern.lastIndex = at;
    return pattern.test(text) ? pattern.lastIndex : at;
  };
  const strings = [plainBackslash ? PLAIN_STRING : STRING, ...(ansi ? [] : [plainBackslash ? PLAIN_DOUBLE : DOUBLE])];
  for (let at = 0; at < text.length;) {
    const start = at;
    const skipped = [COMMENT, SKIPPED, NUMBER, ...strings]
      .map((pattern) => match(pattern, start))
      .find((end) => end > start);
    const quoted =
      match(BACKTICKS, start) > start ? match(BACKTICKS, start) : ansi ? match(PLAIN_DOUBLE, start) : start;
    if (skipped !== undefined) at = skipped;
    else if (quoted > start) {
      const mark = text.charAt(start);
      tokens.push({
        kind: "name",
        text: text.slice(start + 1, quoted - 1).replaceAll(mark + mark, mark),
        start,
        end: quoted,
      });
      at = quoted;
    } else {
      const word = match(WORD, start);
      at = word > start ? word : start + 1;
      tokens.push({ kind: word > start ? "word" : "sign", text: text.slice(start, at), start, end: at });
    }
  }
  return tokens;
}

function quote(name: string): string {
  return `\`${name.replaceAll("`", "``")}\``;
}
