/**
 * Checks databases: SQLite copies pass SQLite's integrity check, dumps are read to their end, and all hold the rows
 * that were recorded.
 */
import { existsSync, readdirSync } from "node:fs";
import path from "node:path";
import { pipeline } from "node:stream/promises";
import { createGunzip } from "node:zlib";
import * as z from "zod";
import { streamRegular } from "../../../archive/files/regular-file.ts";
import { CopyRows } from "../../../database/postgres/count-copy-rows.ts";
import { InsertRows } from "../../../database/mysql/count-insert-rows.ts";
import { decodeName } from "../../../database/postgres/encoding.ts";
import { listArchive } from "../../../database/postgres/list-archive.ts";
import { findProgram } from "../../../database/access/programs.ts";
import { describeSqlite } from "../../../database/sqlite/capture.ts";
import { HoldfastError } from "../../../errors.ts";
import { startCommand } from "../../../exec/command.ts";
import { metadataSchema, type UnitMetadata } from "../../../model/unit.ts";
import { messageOf } from "./archives.ts";
import { tryRead, type RunInventory } from "../inventory/run-inventory.ts";
import { count, type Finding, type Problem } from "../../checks/check.ts";
import { named } from "../../../model/named.ts";
import { plural } from "../../../report/format.ts";

const tablesSchema = named(z.object({ rows: z.number(), exact: z.boolean() }));
const databasesSchema = named(z.object({ tables: named(z.number()) }));

type Tables = z.infer<typeof tablesSchema>;

/** The programs that read dumps. */
export interface DatabaseTools {
  /** The command that starts pg_restore; null if it is not installed. */
  readonly pgRestore: readonly string[] | null;
}

/** Finds the newest pg_restore of this host, which reads the dumps of older versions. */
export function findDatabaseTools(): DatabaseTools {
  const home = "/usr/lib/postgresql";
  const versions = existsSync(home) ? readdirSync(home).toSorted((a, b) => Number(b) - Number(a)) : [];
  const own = versions.map((version) => path.join(home, version, "bin/pg_restore")).find((file) => existsSync(file));
  const found = own ?? findProgram(["pg_restore"]);
  return { pgRestore: found === undefined ? null : [found] };
}

/** Checks the copies of the audio cache's databases. */
export async function checkAudioDatabases(survey: RunInventory, signal: AbortSignal): Promise<Finding | undefined> {
  const { problems, databases, tables } = await checkEach(
    survey,
    "audio_cache",
    [".db"],
    async (file, artifact, metadata) => {
      const recorded = databasesSchema.safeParse(metadata["databases"]).data?.[path.basename(artifact)]?.tables ?? {};
      return await checkSqlite(
        file,
        Object.fromEntries(Object.entries(recorded).map(([table, rows]) => [table, { rows, exact: true }])),
      );
    },
    signal,
  );
  return databases === 0
    ? undefined
    : { figure: `${count(databases, "database")}, ${count(tables, "table")}`, problems };
}

/** Checks the dumps of the site's databases. */
export async function checkDumps(
  survey: RunInventory,
  tools: DatabaseTools,
  signal: AbortSignal,
): Promise<Finding | undefined> {
  const reasons = new Set<string>();
  const { problems, databases, tables, untried } = await checkEach(
    survey,
    "db",
    [".db", ".sql.gz", ".dump"],
    async (file, artifact, metadata) => {
      const recorded = tablesSchema.safeParse(metadata["tables"]).data ?? {};
      if (artifact.endsWith(".sql.gz")) return await checkSql(file, recorded, signal);
      const result = artifact.endsWith(".db")
        ? await checkSqlite(file, recorded)
        : await checkPostgres(file, recorded, tools, signal);
      if (result.notProved !== undefined) reasons.add(`${artifact}: ${result.notProved}`);
      return result;
    },
    signal,
  );
  if (databases === 0) return undefined;
  const figure = `${count(databases, "dump")}${databases === untried ? "" : `, ${count(tables, "table")}`}`;
  return { figure, problems, ...(reasons.size === 0 ? {} : { notProved: [...reasons].join("; ") }) };
}

interface Tried {
  readonly tables: number;
  readonly messages: readonly string[];
  readonly notProved?: string;
}

async function checkEach(
  survey: RunInventory,
  step: "audio_cache" | "db",
  extensions: readonly string[],
  check: (file: string, artifact: string, metadata: UnitMetadata) => Promise<Tried>,
  signal: AbortSignal,
) {
  const problems: Problem[] = [];
  let databases = 0;
  let tables = 0;
  let untried = 0;
  for (const unit of survey.units.filter((one) => one.step === step)) {
    const metadata = tryRead(survey.directory, unit.file, metadataSchema, []);
    for (const artifact of unit.artifacts.filter((one) =>
      extensions.some((extension) => one.path.endsWith(extension)),
    )) {
      signal.throwIfAborted();
      databases++;
      const say = (message: string): void => void problems.push({ path: artifact.path, message });
      const found = survey.files.get(artifact.path);
      if (found === undefined || found.size === 0 || metadata === undefined) {
        say(found === undefined ? "is missing" : "is empty");
        continue;
      }
      const file = path.join(survey.directory, artifact.path);
      try {
        const tried = await check(file, artifact.path, metadata);
        tables += tried.tables;
        if (tried.notProved !== undefined) untried++;
        for (const message of tried.messages) say(message);
      } catch (error) {
        signal.throwIfAborted();
        say(messageOf(error, file));
      }
    }
  }
  return { problems, databases, tables, untried };
}

async function checkSqlite(file: string, recorded: Tables): Promise<Tried> {
  const { integrity, unchecked, tables } = await describeSqlite(file);
  const messages = integrity === "ok" ? [] : [`SQLite reports it damaged: ${integrity.slice(0, 300)}`];
  return {
    tables: Object.keys(tables).length,
    messages: [...messages, ...compareRows(recorded, new Map(Object.entries(tables)))],
    ...(unchecked.length > 0 ? { notProved: unchecked.join("; ") } : {}),
  };
}

/** Checks a MySQL or MariaDB dump: reads the gzip stream to its end and looks for the mark that ends a dump. */
async function checkSql(file: string, recorded: Tables, signal: AbortSignal): Promise<Tried> {
  const rows = new InsertRows();
  await pipeline(
    streamRegular(file, "E_VERIFY"),
    createGunzip(),
    async (source: AsyncIterable<Buffer>) => {
      for await (const chunk of source) rows.push(chunk);
    },
    { signal },
  );
  const messages = rows.complete ? [] : ["has no end mark: it is truncated"];
  return { tables: rows.tables.size, messages: [...messages, ...compareRows(recorded, rows.tables)] };
}

/** Checks a PostgreSQL archive: pg_restore lists it, then reads all of its rows. */
async function checkPostgres(
  file: string,
  recorded: Tables,
  tools: DatabaseTools,
  signal: AbortSignal,
): Promise<Tried> {
  if (tools.pgRestore === null) return { tables: 0, messages: [], notProved: "pg_restore is not installed" };
  const options = { signal, code: "E_DUMP" } as const;
  let list: string[];
  try {
    list = await listArchive(tools.pgRestore, file, options, false);
  } catch (error) {
    if (!(error instanceof HoldfastError) || !error.message.includes("unsupported version")) throw error;
    return { tables: 0, messages: [], notProved: "the pg_restore of this host is too old for it" };
  }
  const command = startCommand([...tools.pgRestore, "--data-only", "--file=-", file], options);
  command.stdin.end();
  const rows = new CopyRows();
  await pipeline(command.stdout, async (source: AsyncIterable<Buffer>) => {
    for await (const chunk of source) rows.push(chunk);
  });
  await command.done;
  // A key is schema and table, either of which may hold dots, and pg_restore prints newlines as blanks.
  const entries = list
    .filter((entry) => /^TABLE (?!DATA )/.test(entry))
    .map((entry) => decodeName(entry, rows.encoding).replaceAll(" ", "."));
  const missing = Object.keys(recorded).filter(
    (key) => !entries.some((entry) => entry.startsWith(`TABLE.${key.replaceAll(/[ \r\n]/g, ".")}.`)),
  );
  const messages = [...missing.map((key) => `has no table ${key}`), ...compareRows(recorded, rows.tables, true)];
  return { tables: Object.keys(recorded).length, messages };
}

/**
 * Compares recorded row counts with those of the dump. PostgreSQL stores the rows of a partitioned table under its
 * partitions, which are not recorded: with `partitions`, rows missing under one name must appear under unrecorded
 * names.
 */
function compareRows(recorded: Tables, dumped: ReadonlyMap<string, number>, partitions = false): string[] {
  const messages: string[] = [];
  let elsewhere = [...dumped].filter(([key]) => recorded[key] === undefined).reduce((sum, [, rows]) => sum + rows, 0);
  for (const [key, { rows, exact }] of Object.entries(recorded)) {
    if (!exact) continue;
    const found = dumped.get(key);
    if (found === rows || (found === undefined && rows === 0 && partitions)) continue;
    if (partitions && found === undefined && elsewhere >= rows) elsewhere -= rows;
    else
      messages.push(
        found === undefined
          ? `has no table ${key}`
          : `holds ${plural(found, "row")} of ${key}, but ${plural(rows, "was", "were")} counted`,
      );
  }
  return messages;
}
