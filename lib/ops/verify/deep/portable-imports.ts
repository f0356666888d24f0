/** Imports portable data into the emptied scratch database of the same unit's dump, and compares both by digests. */
import path from "node:path";
import * as z from "zod";
import type { DatabaseTarget } from "../../../database/snapshot.ts";
import { asHoldfastError } from "../../../errors.ts";
import { metadataSchema } from "../../../model/unit.ts";
import { unpackedExport } from "../../../portable/read/export-zip.ts";
import { connect } from "../../../portable/engines/connect.ts";
import type { Connection } from "../../../portable/engine/connection.ts";
import { importTables } from "../../../portable/import/run.ts";
import { tablesMeant } from "../../../portable/schema/names.ts";
import { openExport, type ExportReader } from "../../../portable/read/export-reader.ts";
import type { Table, TableId } from "../../../portable/schema/tables.ts";
import { tableName } from "../../../portable/engine/sql-names.ts";
import { compareTables } from "../../../portable/compare/tables.ts";
import { tryRead, type RunInventory } from "../inventory/run-inventory.ts";
import { count, type Finding, type Problem } from "../../checks/check.ts";

const recordedSchema = metadataSchema.and(
  z.looseObject({ checksum: z.string(), digests: z.record(z.string(), z.string()) }),
);

interface PortableUnit {
  readonly unit: string;
  readonly artifact: string;
  readonly checksum: string;
  readonly digests: Readonly<Record<string, string>>;
}

/** Errors with a cause on this host, not in the data. */
const NOT_THE_DATA = new Set(["E_NO_SPACE", "E_MISSING", "E_TIMEOUT"]);

export class PortableImports {
  readonly #run: string;
  readonly #signal: AbortSignal;
  readonly #waiting: Map<string, PortableUnit>;
  readonly #problems: Problem[] = [];
  readonly #untried: string[] = [];
  readonly #expected: number;
  #imported = 0;
  #tables = 0;
  #rows = 0;

  constructor(survey: RunInventory, signal: AbortSignal) {
    this.#run = survey.directory;
    this.#signal = signal;
    const units = survey.units.filter(({ step }) => step === "portable");
    this.#expected = units.length;
    this.#waiting = new Map(
      units.flatMap(({ file, unit, artifacts: [artifact] }) => {
        const recorded = tryRead(survey.directory, file, recordedSchema, []);
        if (recorded === undefined || artifact === undefined) {
          this.#problems.push({ path: file, message: "the metadata do not record the exported tables" });
          return [];
        }
        const { checksum, digests } = recorded;
        return [[unit, { unit, artifact: artifact.path, checksum, digests }] as const];
      }),
    );
  }

  /** Imports one export. `scratch` is the restored dump of `unit`, which is emptied. Throws only on abort. */
  async tryOne(unit: string, scratch: DatabaseTarget): Promise<void> {
    const one = this.#waiting.get(unit);
    if (one === undefined) return;
    this.#waiting.delete(unit);
    let leftOut: readonly string[] = [];
    try {
      const unpacked = await unpackedExport(path.join(this.#run, one.artifact), this.#signal);
      try {
        const from = await openExport(unpacked.directory, { verify: true, signal: this.#signal });
        leftOut = from.manifest.left_out.map(({ table }) => table);
        this.#compareRecord(one, from);
        await this.#import(one, from, scratch);
      } finally {
        unpacked.remove();
      }
      this.#imported++;
    } catch (error) {
      this.#signal.throwIfAborted();
      const { code, message } = asHoldfastError(error, "E_IMPORT");
      if (code === "E_INTERNAL") throw error;
      // Tables that the export leaves out come from the dump, which was taken at another point in time.
      const isOfAnother = code === "E_IMPORT" && leftOut.some((table) => message.includes(table));
      if (NOT_THE_DATA.has(code) || isOfAnother) this.#untried.push(`${unit}: ${message}`);
      else
        this.#problems.push({
          path: one.artifact,
          message: message.replaceAll(path.join(this.#run, one.artifact), ""),
        });
    }
  }

  #compareRecord({ artifact, checksum, digests }: PortableUnit, { manifest }: ExportReader): void {
    for (const { table, digest } of manifest.tables)
      if (digests[table] !== digest)
        this.#problems.push({ path: artifact, message: `${table} differs from the metadata` });
    if (manifest.checksum !== checksum)
      this.#problems.push({ path: artifact, message: "the export differs from the metadata" });
  }

  async #import({ artifact }: PortableUnit, from: ExportReader, scratch: DatabaseTarget): Promise<void> {
    const signal = this.#signal;
    const using = async (work: (connection: Connection) => Promise<void>): Promise<void> => {
      const connection = await connect(scratch, "write", signal);
      try {
        await work(connection);
      } finally {
        await connection.close();
      }
    };
    await using(async (connection) => {
      await emptyTables(connection, from);
      await connection.run("commit");
    });
    await using(
      async (connection) =>
        void (await importTables(
          connection,
          from,
          { mode: "create-or-update", skipConflicts: false, dryRun: true, clearExisting: false },
          {
            signal,
            onRows: () => {},
            beforeCommit: async () => {
              for (const { table, exported, found, same } of await compareTables(connection, from, signal)) {
                this.#tables++;
                this.#rows += found;
                if (same) continue;
                const how = found === exported ? "with other content" : `but ${exported} were exported`;
                this.#problems.push({ path: artifact, message: `${table} has ${count(found, "row")}, ${how}` });
              }
            },
          },
        )),
    );
  }

  /** Returns the finding; undefined if the run holds no portable data. */
  finding(): Finding | undefined {
    if (this.#expected === 0) return undefined;
    const untried = [
      ...this.#untried,
      ...[...this.#waiting.keys()].map((unit) => `${unit}: no restored dump has its tables`),
    ];
    return {
      figure: [
        `${count(this.#imported, "export")} imported`,
        count(this.#tables, "table"),
        count(this.#rows, "row"),
      ].join(", "),
      problems: this.#problems,
      ...(untried.length > 0 ? { notProved: untried.join("; ") } : {}),
    };
  }
}

/**
 * Deletes the rows of an export's tables and of all tables that reference them. Triggers are dropped too: the database
 * is temporary.
 */
async function emptyTables(connection: Connection, from: ExportReader): Promise<void> {
  const schema = await connection.engine.introspect(connection);
  const going = new Map<TableId, Table>();
  const waiting = from.tables.flatMap(({ table }) => tablesMeant(schema.tables, table));
  for (let table = waiting.pop(); table !== undefined; table = waiting.pop()) {
    if (going.has(table.id)) continue;
    going.set(table.id, table);
    const { id } = table;
    waiting.push(...schema.tables.filter((one) => one.foreignKeys.some(({ target }) => target === id)));
  }
  if (going.size === 0) return;
  const { truncate, suspendForeignKeys } = connection.engine.constraints;
  if (truncate !== undefined) return await truncate(connection, [...going.values()]);
  for (const { triggers } of going.values())
    for (const trigger of triggers) await connection.run(`drop trigger ${connection.quote(trigger)}`);
  await suspendForeignKeys(connection, []);
  for (const table of going.values()) await connection.run(`delete from ${tableName(connection, table)}`);
}
