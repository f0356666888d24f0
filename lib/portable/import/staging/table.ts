/** Loads a table's exported rows into a typed staging table. Foreign keys are resolved later. */
import { HoldfastError } from "../../../errors.ts";
import type { JsonCell } from "../../rows/nested-key.ts";
import type { Cell, Row } from "../../engine/session.ts";
import { columnOf, type Column } from "../../schema/tables.ts";
import type { RowMapper } from "../target/key-map.ts";
import type { LargeLimit } from "../../engine/large-values.ts";
import { fitLarge } from "./size-limits.ts";
import { isLarge, type LargeTag } from "../../format/large-value.ts";
import { largeIn, readRows, type ExportReader, type ReadRow } from "../../read/export-reader.ts";
import type { TargetTable } from "../target/types.ts";
import type { Connection } from "../../engine/connection.ts";
import {
  addedColumnLoader,
  columnLoader,
  type ColumnLoader,
  type StagedColumn,
  type StagedForeignKey,
} from "./column-loaders.ts";
import { loadLarge, type StagedLarge } from "./large-values.ts";
import { inlineIndexes } from "./indexes.ts";
import { ownPath } from "./path-cells.ts";
import { hashColumn, type PathHasher } from "./path-hash.ts";
import { LEVEL_COLUMN, PATH_COLUMN, TARGET_ID_COLUMN } from "./tree-columns.ts";
import type { TreePaths } from "./tree-paths.ts";
import { ROW_NUMBER_COLUMN, PREASSIGNED_ID_COLUMN, RENAMED_STATE, MATCH_STATE_COLUMN } from "./staged-table.ts";

export class StagingTable {
  readonly target: TargetTable;
  /** The name of the temporary table. */
  name: string;
  /** The columns that a row fills. */
  readonly columns: readonly StagedColumn[];
  readonly links: readonly StagedForeignKey[];
  readonly #connection: Connection;
  readonly #loaders: readonly ColumnLoader[];
  /** The names of the staging columns, without the table's own. */
  readonly names: readonly string[];
  /** The primary key, if it is a single staged column and not part of the key. */
  readonly surrogate: string | undefined;
  /** True if `PREASSIGNED_ID_COLUMN` holds the primary key that each row has or will have. */
  hasPreassignedIds = false;
  /** True if some of its foreign keys were resolved ahead of the merge. */
  hasPresetForeignKeys = false;
  rows = 0;
  /** Rows of the export that were not staged because others replace them. */
  skipped = 0;
  /** True if the map has changed the key of some rows. */
  hasRenamed = false;
  /** The staging columns from which the key is resolved. */
  readonly keyNames: readonly string[];
  /** The paths to its rows, if its key refers to itself. */
  readonly tree: TreePaths | undefined;
  /** The match of staged rows with those of the database: by key, by a root's key, or, once resolved, by row. */
  matchedBy: "key" | "root" | "row" = "key";
  readonly #map: RowMapper | undefined;
  readonly #hasher: PathHasher;
  readonly #pathOf: ((cells: readonly JsonCell[]) => readonly JsonCell[]) | undefined;
  /** Large values, which are loaded after the rows. */
  readonly #large: StagedLarge[] = [];

  constructor(
    connection: Connection,
    target: TargetTable,
    index: number,
    parts: { readonly hasher: PathHasher; readonly tree: TreePaths | undefined; readonly map: RowMapper | undefined },
  ) {
    const { hasher, tree, map } = parts;
    this.#connection = connection;
    this.#map = map;
    this.#hasher = hasher;
    this.tree = tree;
    this.#pathOf = tree && ownPath(target, tree.tree);
    this.target = target;
    this.name = `holdfast_stage_${index}`;
    const loaders = [
      ...target.fields.map((field, at) => columnLoader(connection, field, at, hasher)),
      ...target.added.map((added, at) => addedColumnLoader(connection, added, at)),
    ];
    this.#loaders = loaders;
    this.columns = loaders.flatMap((loader) => loader.columns);
    this.links = loaders.flatMap(({ links = [] }) => links);
    this.names = loaders.flatMap((loader) => loader.staged.map(({ name }) => name));
    this.keyNames = loaders
      .filter(({ columns }) => columns.some(({ column }) => target.key.columns.includes(column.name)))
      .flatMap(({ staged }) => staged.map(({ name }) => name));
    const [number, ...more] = target.table.primaryKey?.columns ?? [];
    const isOwn =
      more.length === 0 &&
      loaders.some(
        ({ links = [], columns }) => links.length === 0 && columns.some(({ column }) => column.name === number),
      );
    this.surrogate = isOwn && number !== undefined && !target.key.columns.includes(number) ? number : undefined;
  }

  /** True if the database generates an id for a row without one. */
  get isNumbered(): boolean {
    const column = this.columns.find(({ column: one }) => one.name === this.surrogate)?.column;
    return column?.kind === "integer" && (column.identity !== undefined || column.hasDefault);
  }

  /** Returns the staging columns that show a row's key; for a foreign key, those of the key it is exported as. */
  get displayKeyColumns(): string[] {
    return this.target.key.columns.flatMap((name) => {
      const link = this.links.find(({ columns }) => columns.some(({ column }) => column.name === name));
      if (link === undefined) return this.has(name) ? [this.of(name)] : [];
      return link.columns[0]?.column.name === name ? link.leaves.map(({ staged }) => staged) : [];
    });
  }

  /** True if some values are large: a second table of the same rows would take the space twice. */
  get hasLarge(): boolean {
    return this.#large.length > 0;
  }

  /** Returns the staging column of a real one. */
  of(column: string): string {
    const found = this.columns.find((one) => one.column.name === column);
    if (found === undefined) throw new RangeError(`${column} is not staged`);
    return found.staged;
  }

  has(column: string): boolean {
    return this.columns.some((one) => one.column.name === column);
  }

  async create(): Promise<void> {
    const connection = this.#connection;
    const { typed, temporary, narrowColumn } = connection.engine.dialect;
    const { quote } = connection;
    const staged = this.#loaders.flatMap((loader) => loader.staged);
    const isWide = staged.reduce((sum, { column }) => sum + widthOf(column), 0) > MAX_ROW_BYTES;
    const keys = new Set(this.target.key.columns.map((name) => this.of(name)));
    const columns = staged.map(({ name, column }) =>
      typed(name, isWide && !keys.has(name) ? narrowColumn(column) : column),
    );
    const own = [`${quote(ROW_NUMBER_COLUMN)} bigint`, `${quote(MATCH_STATE_COLUMN)} smallint`];
    if (this.tree !== undefined) {
      const row = columnOf(this.target.table, this.tree.tree.parent.targetColumns[0] ?? "");
      own.push(
        typed(PATH_COLUMN, hashColumn(connection.engine.dialect)),
        `${quote(LEVEL_COLUMN)} integer`,
        typed(TARGET_ID_COLUMN, row),
      );
    }
    const indexes = this.tree === undefined ? "" : inlineIndexes(connection, [LEVEL_COLUMN]);
    const number = this.columns.find(({ column }) => column.name === this.surrogate)?.column;
    if (number !== undefined) own.push(typed(PREASSIGNED_ID_COLUMN, number));
    await connection.run(
      `create temporary table ${quote(this.name)} (${[...own, ...columns].join(", ")}${indexes})${temporary}`,
    );
  }

  /** Loads all rows. Throws `E_IMPORT` that names file, line, table and column for an invalid value. */
  async load(from: ExportReader, signal: AbortSignal, onRows: (rows: number) => void): Promise<void> {
    const connection = this.#connection;
    const { exported, table } = this.target;
    let line = 0;
    const limit = await connection.engine.large.limit(connection);
    const batches = async function* (this: StagingTable): AsyncGenerator<Row[]> {
      for await (const batch of readRows(from, exported.table, signal)) {
        yield batch.flatMap((row) => this.#fill(row, String(++line), { from, limit }) ?? []);
        onRows(line);
      }
    }.bind(this);
    try {
      const own =
        this.tree === undefined
          ? [ROW_NUMBER_COLUMN, MATCH_STATE_COLUMN]
          : [ROW_NUMBER_COLUMN, MATCH_STATE_COLUMN, PATH_COLUMN, LEVEL_COLUMN];
      await connection.load(connection.quote(this.name), [...own, ...this.names], batches());
    } catch (error) {
      signal.throwIfAborted();
      if (error instanceof HoldfastError && error.code !== "E_DATABASE") throw error;
      const message = error instanceof Error ? error.message : String(error);
      const [, row, copied = row] = / at row (\d+)$|; COPY \S+, line (\d+)/.exec(message) ?? [];
      const where = copied === undefined || this.skipped > 0 ? `about row ${Math.max(1, line)}` : `row ${copied}`;
      throw new HoldfastError("E_IMPORT", `${table.id}, ${where} of the export: ${this.#translateMessage(message)}`, {
        cause: error,
      });
    }
    this.rows = line - this.skipped;
    for (const { settle } of this.#loaders)
      for (const sql of settle?.(connection.quote(this.name)) ?? []) await connection.run(sql);
    await loadLarge(connection, connection.quote(this.name), this.#large, from.directory, signal);
  }

  /** Replaces the names of staging columns in a server's message by those of the real columns. */
  #translateMessage(said: string): string {
    const names = new Map(this.columns.map(({ staged, column }) => [staged, column.name]));
    for (const { link, leaves } of this.links)
      for (const { staged } of leaves) names.set(staged, link.columns.join(", "));
    return said
      .replaceAll(/column (['`"]?)([`\w.]*?\b)([vkgd]\d+(?:_\d+)*)\b[`'"]?/g, (all, _quote, _path, staged: string) => {
        const name = names.get(staged);
        return name === undefined ? all : `column ${name}`;
      })
      .replace(/ at row \d+$/, "");
  }

  /** Updates the statistics of the table, if the engine does not do so itself. */
  async analyze(): Promise<void> {
    const connection = this.#connection;
    await connection.engine.analyze(connection, connection.quote(this.name));
  }

  /** Returns undefined for a row that another one replaces. */
  #fill({ cells: read, file, line }: ReadRow, number: string, into: Room): [Row] | undefined {
    const { exported, table } = this.target;
    if (read.length !== exported.fields.length)
      throw new HoldfastError(
        "E_PACKAGE",
        `${file}: line ${line} has ${read.length} values; ${exported.table} has ${exported.fields.length}`,
      );
    const mapped = this.#map === undefined ? { cells: read, isRenamed: false } : this.#map(read);
    if (mapped === undefined) {
      this.skipped++;
      return undefined;
    }
    const { cells, isRenamed } = mapped;
    if (isRenamed) this.hasRenamed = true;
    const row: Cell[] = [number, isRenamed ? RENAMED_STATE : null];
    let at = 0;
    try {
      if (this.tree !== undefined && this.#pathOf !== undefined) {
        at = exported.fields.findIndex((field) => field.kind === "link" && field.table === exported.table);
        const path = this.#pathOf(cells);
        row.push(this.#hasher.of(path, this.tree.width), String(path.length / this.tree.width));
      }
      for (at = 0; at < this.#loaders.length; at++) {
        const cell = cells[at] ?? null;
        this.#loaders[at]?.fill(cell, row);
        if (isLarge(cell)) this.#queueLarge(cell, at, { cells, file, line, number, ...into });
      }
    } catch (error) {
      if (!(error instanceof HoldfastError) || error.code !== "E_IMPORT") throw error;
      const field = exported.fields[at];
      const name = field?.kind === "value" ? field.column.name : field?.name;
      throw new HoldfastError("E_IMPORT", `${file}, line ${line}: ${table.id}.${name ?? "?"} ${error.message}`);
    }
    return [row];
  }

  /** Queues a large value, which is loaded once its row exists. */
  #queueLarge(cell: LargeTag, at: number, { cells, file, line, number, from, limit }: RowInRoom): void {
    const { exported, table } = this.target;
    const [own] = this.#loaders[at]?.staged ?? [];
    if (own === undefined) return;
    const tag = largeIn(from, cell, `${file}: line ${line}`);
    const key = exported.fields.flatMap((field, index) =>
      exported.key.columns.includes(field.kind === "value" ? field.column.name : field.name) ? [cells[index]] : [],
    );
    const row = `row ${JSON.stringify(key)}`;
    try {
      const is = fitLarge(this.#connection.engine.values, own.column, tag, limit);
      const where = `${file}, line ${line}: ${table.id}.${own.column.name} of ${row}`;
      const found = `${this.#connection.quote(ROW_NUMBER_COLUMN)} = ${number}`;
      this.#large.push({ tag, row: found, column: own.column, staged: own.name, is, where });
    } catch (error) {
      if (!(error instanceof HoldfastError)) throw error;
      throw new HoldfastError(error.code, `of ${row} ${error.message}`, { cause: error });
    }
  }
}

interface Room {
  readonly from: ExportReader;
  readonly limit: LargeLimit;
}

interface RowInRoom extends ReadRow, Room {
  readonly number: string;
}

/** The row size limit of MySQL, without texts and blobs: 65,535 bytes in all, less room for our own columns. */
const MAX_ROW_BYTES = 60_000;
const widthOf = ({ kind, length = 0, octets }: Column): number =>
  octets !== undefined ? 12 : kind === "text" ? 4 * length + 2 : kind === "bytes" ? length + 2 : 32;
