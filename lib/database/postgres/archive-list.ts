/** Reads the list of a pg_dump archive with the pg_restore that will load it. */
import { createReadStream } from "node:fs";
import { open } from "node:fs/promises";
import { dirname, join } from "node:path";
import { pipeline } from "node:stream/promises";
import glob from "fast-glob";
import { HoldfastError } from "../../errors.ts";
import { runCommand, startCommand, type CommandOptions } from "../../exec/command.ts";
import { decodeName } from "./encoding.ts";
import { findProgram, isProgram } from "../access/programs.ts";

/** The programs of one version. `major` is pg_restore's. */
export interface RestorePrograms {
  readonly restore: readonly string[];
  readonly psql: readonly string[];
  readonly major: number;
}

/** One object of the archive, with the statements that make it. */
export interface ArchiveEntry {
  readonly name: string;
  readonly type: string;
  readonly statements: readonly string[];
}

export interface Archive {
  readonly programs: RestorePrograms;
  /** The objects without the database itself. */
  readonly owners: ReadonlySet<string>;
  /** Other than the default one, of all objects. */
  readonly tablespaces: ReadonlySet<string>;
  /** The objects in the order of the archive. */
  readonly schemas: ReadonlySet<string>;
  /** Objects of the types in `KEPT` only, so that a million large objects cost nothing. */
  readonly entries: readonly ArchiveEntry[];
}

const KEPT = new Set([
  "ACL",
  "DATABASE",
  "DATABASE PROPERTIES",
  "DEFAULT ACL",
  "EVENT TRIGGER",
  "EXTENSION",
  "FOREIGN DATA WRAPPER",
  "POLICY",
  "SUBSCRIPTION",
  "USER MAPPING",
]);

/** `-- Name: t; Type: TABLE; Schema: public; Owner: clara`, as pg_dump writes it before each object. */
const HEADER = /^-- Name: (.*); Type: ([A-Z ]+); Schema: (.*); Owner: (.*?)(?:; Tablespace: (.*))?$/;

/**
 * Reads all but the data with the first pg_restore that can: the server's own major, the one on the PATH, newer ones.
 * Throws `E_RESTORE` when none can.
 */
export async function readArchive(
  dump: string,
  server: number,
  execPrefix: readonly string[],
  options: CommandOptions,
): Promise<Archive> {
  const candidates = await findPrograms(server, execPrefix, options);
  if (candidates.length === 0) {
    const hint = `apt-get install postgresql-client-${server}`;
    throw new HoldfastError("E_RESTORE", "pg_restore is not installed", { hint });
  }
  let failure: unknown;
  for (const programs of candidates) {
    try {
      return await readWith(programs, dump, execPrefix.length > 0, options);
    } catch (error) {
      options.signal.throwIfAborted();
      failure = error;
    }
  }
  const versions = [...new Set(candidates.map(({ major }) => major))].join(", ");
  const needed = await neededMajor(dump);
  throw new HoldfastError("E_RESTORE", `pg_restore ${versions} cannot read ${dump}: ${textOf(failure)}`, {
    hint:
      needed > Math.max(...candidates.map(({ major }) => major))
        ? `it was made by a newer pg_dump: apt-get install postgresql-client-${needed}`
        : "verify the run: the dump may be damaged",
    cause: failure,
  });
}

async function findPrograms(
  server: number,
  execPrefix: readonly string[],
  options: CommandOptions,
): Promise<RestorePrograms[]> {
  const found: RestorePrograms[] = [];
  for (const path of execPrefix.length > 0 ? ["pg_restore"] : pathsOf(server)) {
    const { stdout } = await runCommand([...execPrefix, path, "--version"], options);
    const psql = path === "pg_restore" ? "psql" : join(dirname(path), "psql");
    const major = Number(/\d+/.exec(stdout)?.[0]);
    found.push({ restore: [...execPrefix, path], psql: [...execPrefix, psql], major });
  }
  return found;
}

function pathsOf(server: number): string[] {
  const installed = glob
    .sync(["/usr/lib/postgresql/*/bin/pg_restore", "/usr/pgsql-*/bin/pg_restore"])
    .filter(isProgram)
    .map((path) => ({ path, major: Number(/\d+/.exec(path)?.[0]) }))
    .toSorted((a, b) => a.major - b.major);
  const own = installed.filter(({ major }) => major === server);
  const newer = installed.filter(({ major }) => major > server);
  const onPath = findProgram(["pg_restore"]);
  return [...own.map(({ path }) => path), ...(onPath === undefined ? [] : [onPath]), ...newer.map(({ path }) => path)];
}

/**
 * The version of the archive's format shows which PostgreSQL introduced it: `K_VERS_*` in
 * src/bin/pg_dump/pg_backup_archiver.h.
 */
async function neededMajor(dump: string): Promise<number> {
  const file = await open(dump, "r");
  try {
    const { buffer } = await file.read(Buffer.alloc(7), 0, 7, 0);
    if (buffer.toString("latin1", 0, 5) !== "PGDMP") return 0;
    const [major = 0, minor = 0] = buffer.subarray(5);
    if (major > 1 || minor >= 16) return 17;
    return minor === 15 ? 16 : 12;
  } finally {
    await file.close();
  }
}

async function readWith(
  programs: RestorePrograms,
  dump: string,
  byPipe: boolean,
  options: CommandOptions,
): Promise<Archive> {
  const sections = ["--create", "--section=pre-data", "--section=post-data", "--file=-"];
  const command = startCommand([...programs.restore, ...sections, ...(byPipe ? [] : [dump])], options);
  const fed = byPipe
    ? pipeline(createReadStream(dump), command.stdin, { signal: options.signal }).catch(() => {}) // it stops reading when it knows enough
    : Promise.resolve(command.stdin.end());
  const reader = new ScriptReader();
  let rest = "";
  for await (const text of command.stdout.setEncoding("latin1") as AsyncIterable<string>) {
    const lines = (rest + text).split("\n");
    rest = lines.pop() ?? "";
    for (const line of lines) reader.line(line);
  }
  await command.done;
  await fed;
  return { programs, ...reader.end() };
}

/** Takes pg_restore's script apart by the comments that stand before each object. */
class ScriptReader {
  readonly #owners = new Set<string>();
  readonly #entries: ArchiveEntry[] = [];
  readonly #tablespaces = new Set<string>();
  readonly #schemas = new Set<string>();
  #encoding = "UTF8";
  #last: readonly [string, string] = ["", ""];
  #current: { name: string; type: string; lines: string[] } | undefined;

  /**
   * Reads a line of one character a byte, in the archive's encoding. A header stands between two lines `--`: the words
   * alone may be part of a comment or a function.
   */
  line(bytes: string): void {
    this.#encoding = /^SET client_encoding = '(\w+)';$/.exec(bytes)?.[1] ?? this.#encoding;
    const text = decodeName(bytes, this.#encoding);
    const [first, header] = this.#last;
    this.#last = [header, text];
    const found = first === "--" && text === "--" ? HEADER.exec(header) : null;
    if (found === null) {
      if (!/^(?:--$|\\)/.test(text)) this.#current?.lines.push(text);
      return;
    }
    this.#current?.lines.pop(); // the header itself
    this.#close();
    const [, name = "", type = "", schema = "-", owner = "", tablespace = ""] = found;
    if (owner !== "" && owner !== "-" && !type.startsWith("DATABASE") && !name.startsWith("DATABASE ")) {
      this.#owners.add(owner);
    }
    if (schema !== "-") this.#schemas.add(schema);
    if (tablespace !== "" && !type.startsWith("DATABASE")) this.#tablespaces.add(tablespace);
    const kept = KEPT.has(type) || (type === "COMMENT" && name.startsWith("DATABASE "));
    this.#current = kept ? { name, type, lines: [] } : undefined;
  }

  end(): Omit<Archive, "programs"> {
    this.#close();
    return {
      owners: this.#owners,
      tablespaces: this.#tablespaces,
      schemas: this.#schemas,
      entries: this.#entries,
    };
  }

  #close(): void {
    if (this.#current === undefined) return;
    const { name, type, lines } = this.#current;
    const statements = splitStatements(lines.join("\n")).filter((sql) => !SESSION.test(sql));
    this.#entries.push({ name, type, statements });
    this.#current = undefined;
  }
}

/** Matches the statements of pg_restore's own session between objects. */
const SESSION = /^(?:SET (?!SESSION AUTHORIZATION)|SELECT pg_catalog\.set_config)/;

/** Splits at semicolons outside of quotes. pg_dump writes no dollar quotes in the statements that are read here. */
export function splitStatements(script: string): string[] {
  const statements = script.match(/(?:'(?:[^']|'')*'|"(?:[^"]|"")*"|[^;'"])+;/g) ?? [];
  return statements.map((statement) => statement.replace(/^(?:\s|--[^\n]*\n)+/, ""));
}

function textOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
