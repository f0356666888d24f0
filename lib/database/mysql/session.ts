/**
 * One session of the mariadb or mysql client. It prints XML: the only form of its output that loses nothing but NUL
 * bytes in text.
 */
import { randomUUID } from "node:crypto";
import { HoldfastError } from "../../errors.ts";
import { runCommand, startCommand } from "../../exec/command.ts";
import type { MysqlAccess } from "./client.ts";
import { ClientSession } from "../client-session.ts";
import { numberOrText, parseJson, toRow, withoutSemicolon } from "../query-values.ts";

interface ResultSet {
  readonly statement: string;
  readonly rows: readonly (readonly (readonly [name: string, text: string | null])[])[];
}

/** Errors of the client itself: the connection is gone, and every further statement would only say so again. */
const CONNECTION_LOST = /^(ERROR (?:20\d\d|1927|1053) .*)\n/m; // the whole line: it may come in pieces

/** Whole and other numbers, by the names that `--column-type-info` gives the types. */
const NUMERIC = /^(TINY|SHORT|INT24|LONG|LONGLONG|YEAR|DECIMAL|NEWDECIMAL|FLOAT|DOUBLE)\b/;
const JSON_TYPE = /^JSON\b|format=json/;

/** A statement that uses a table, and so clears the list of errors: else the next `set` reports the last error. */
const FORGET = "select 1 from information_schema.engines limit 0;\n";

export class MysqlSession {
  readonly #access: MysqlAccess;
  readonly #session: ClientSession;

  /** The session connects with its first statement. */
  constructor(access: MysqlAccess) {
    this.#access = access;
    // --force: a statement that fails must not end the session; what went wrong is asked of the server.
    const flags = [
      "--batch",
      "--xml",
      "--binary-as-hex",
      "--force",
      "--unbuffered",
      "--quick",
      "--skip-reconnect",
      "--connect-timeout=15",
      "--max-allowed-packet=1073741824",
    ];
    const command = startCommand([...access.client, ...flags, `--database=${access.database}`], access.options);
    this.#session = new ClientSession(command);
    let said = "";
    command.stderr.on("data", (text: Buffer) => {
      said = (said + text.toString()).slice(-4000);
      const lost = CONNECTION_LOST.exec(said)?.[1];
      if (lost === undefined) return;
      this.#session.fail(new HoldfastError("E_DATABASE", `no connection to the database: ${lost}`));
      command.stdin.end();
    });
  }

  /**
   * Runs one statement of our own and gives its rows, every value as text. Throws `E_DATABASE` with the server's words.
   */
  async run(statement: string): Promise<Record<string, string | null>[]> {
    const sets = await this.#ask(`${statement};\nshow errors;\n`);
    await this.#assertNoErrors(sets.at(-1));
    return (sets.length > 1 ? (sets[0]?.rows ?? []) : []).map((row) => Object.fromEntries(row));
  }

  /** Runs one SELECT, which the client gets to see in hexadecimal only and thus cannot misread. */
  async query(sql: string): Promise<Record<string, unknown>[]> {
    const sets = await this.#ask(
      `${prepared(withoutSemicolon(sql))}show errors;\nexecute holdfast;\nshow errors;\ndeallocate prepare holdfast;\n`,
    );
    await this.#assertNoErrors(sets[0]);
    await this.#assertNoErrors(sets.at(-1));
    const result = sets.find(({ statement }) => statement === "execute holdfast");
    if (result === undefined) throw new HoldfastError("E_DATABASE", "the query returns no rows");
    if (result.rows.length === 0) return [];
    const rows = result.rows.map(toRow); // says which name is there twice
    const types = await this.#types(sql);
    return rows.map((row) => {
      const columns = Object.entries(row).map(([name, text], index): [string, unknown] => [
        name,
        value(text, types[index] ?? ""),
      ]);
      return Object.fromEntries(columns);
    });
  }

  /**
   * Runs one SELECT and hands over its rows, one at a time, every cell as the client prints it. `room` as in
   * ClientSession.
   */
  async rows(
    sql: string,
    onRow: (cells: readonly (string | null)[]) => void,
    room?: () => Promise<unknown>,
  ): Promise<void> {
    const mark = randomUUID();
    let cells: (string | null)[] = [];
    let [sets, ended] = [0, false];
    const said: string[] = [];
    const onLine = (line: string): boolean => {
      if (line.startsWith("<resultset ")) sets++;
      if (line.includes(`>${mark}</field>`)) ended = true;
      if (line === "</resultset>" && ended) return true;
      if (ended) return false;
      const field = LINE_OF_FIELD.exec(line);
      if (field !== null && field[1] === "Message") said.push(decode(field[2] ?? ""));
      else if (field !== null && sets === 1) cells.push(field[2] === undefined ? null : decode(field[2]));
      else if (line === "  </row>" && sets === 1) {
        onRow(cells);
        cells = [];
      }
      return false;
    };
    await this.#session.lines(`${sql};\nshow errors;\nselect '${mark}' as mark;\n`, onLine, room);
    const [first] = said;
    if (first === undefined) return;
    await this.#ask(FORGET);
    throw new HoldfastError("E_DATABASE", `the database refused to read the rows: ${first}`);
  }

  async close(): Promise<void> {
    await this.#session.close();
  }

  /** Throws when a `show errors` has something to show. */
  async #assertNoErrors(errors: ResultSet | undefined): Promise<void> {
    const last = errors?.rows.at(-1);
    if (last === undefined || errors?.statement !== "show errors") return;
    await this.#ask(FORGET);
    const { Message, Code } = Object.fromEntries(last);
    const hint = "run the query with the mariadb client, as the same database user";
    throw new HoldfastError("E_DATABASE", `the database refused the query: ${Message} (${Code})`, { hint });
  }

  async #ask(script: string): Promise<ResultSet[]> {
    const mark = randomUUID();
    const answer = await this.#session.ask(
      `${script}select '${mark}' as mark;\n`,
      `>${mark}</field>\n  </row>\n</resultset>\n`,
    );
    return parseXml(answer); // without the one of the mark: its end is not in the answer
  }

  /**
   * The types of the columns in their order. The client tells them as a table only, hence a client of its own, that
   * reads no row.
   */
  async #types(sql: string): Promise<string[]> {
    const input = `${prepared(`select * from (${withoutSemicolon(sql)}\n) holdfast limit 0`)}execute holdfast;\n`;
    const argv = [
      ...this.#access.client,
      "--batch",
      "--table",
      "--column-type-info",
      `--database=${this.#access.database}`,
    ];
    const { stdout } = await runCommand(argv, { ...this.#access.options, input });
    return [...stdout.matchAll(/^Type: +(.*)$/gm)].map(([, type]) => type ?? "");
  }
}

function prepared(sql: string): string {
  return `set @holdfast = convert(0x${Buffer.from(sql).toString("hex")} using utf8mb4);\nprepare holdfast from @holdfast;\n`;
}

function value(text: unknown, type: string): unknown {
  if (typeof text !== "string") return null;
  if (NUMERIC.test(type)) return numberOrText(text);
  return JSON_TYPE.test(type) ? jsonOrText(text) : text;
}

function jsonOrText(text: string): unknown {
  try {
    return parseJson(text);
  } catch {
    return text; // MariaDB lets a CHECK be switched off
  }
}

const SET = /<resultset statement="([^"]*)"[^>]*>([^]*?)<\/resultset>/g;
const FIELD = /<field name="([^"]*)"(?: xsi:nil="true" \/>|>([^<]*)<\/field>)/g;

/** Reads what the client prints, in which every `<`, `>`, `&` and `"` of data is an entity, and nothing else is. */
export function parseXml(xml: string): ResultSet[] {
  return [...xml.matchAll(SET)].map(([, statement = "", body = ""]) => ({
    statement: decode(statement),
    rows: body
      .split("<row>")
      .slice(1)
      .map((row) =>
        [...row.matchAll(FIELD)].map(([, name = "", text]): [string, string | null] => [
          decode(name),
          text === undefined ? null : decode(text),
        ]),
      ),
  }));
}

const LINE_OF_FIELD = /^\t<field name="([^"]*)"(?: xsi:nil="true" \/>|>([^<]*)<\/field>)$/;

const ENTITIES: Readonly<Record<string, string>> = { "&lt;": "<", "&gt;": ">", "&quot;": '"', "&amp;": "&" };

function decode(text: string): string {
  return text.replace(/&(?:lt|gt|quot|amp);/g, (entity) => ENTITIES[entity] ?? entity);
}
