/**
 * Resolves the paths of an export to rows of a tree, level by level: the rows of one level are identified by the rows
 * above them.
 */
import type { Cell, Row } from "../../engine/session.ts";
import { columnOf } from "../../schema/tables.ts";
import { isDirect, type RowLayout, type Tree } from "../../rows/fields.ts";
import { readRows, type ExportReader } from "../../read/export-reader.ts";
import { widthOf } from "../../rows/tree-path.ts";
import { rowsOf } from "../../engine/sql-names.ts";
import type { TargetField, TargetTable } from "../target/types.ts";
import { columnLoader, type ColumnLoader, type StagedForeignKey } from "./column-loaders.ts";
import { addIndexes, inlineIndexes } from "./indexes.ts";
import { pathsIn } from "./path-cells.ts";
import { hashColumn, hashedLevels, type PathHasher } from "./path-hash.ts";
import type { Statements } from "./statements.ts";
import { PARENT_PATH_COLUMN, LEVEL_COLUMN, PATH_COLUMN, TARGET_ID_COLUMN } from "./tree-columns.ts";

const PARENT_ID_COLUMN = "holdfast_up";
const RESOLVED_COLUMN = "holdfast_done";

/** The number of hashes remembered so that they are not written twice. */
const HASH_CACHE_SIZE = 100_000;
/** The number of levels that a message shows. */
const MAX_LEVELS_SHOWN = 20;

export class TreePaths {
  readonly tree: Tree;
  readonly width: number;
  /** The table of resolved rows: `PATH_COLUMN`, `TARGET_ID_COLUMN`. */
  readonly found: string;
  /** The depth of the longest path. */
  levels = 0;
  /** True if every path that can be resolved is. */
  isDone = false;
  /** The table whose columns its foreign keys fill. */
  readonly target: { readonly table: Tree["table"] };
  /** The name of the temporary table of all paths. */
  readonly name: string;
  /** Foreign keys in the columns of a level. */
  readonly links: readonly StagedForeignKey[];
  readonly #on: Statements;
  readonly #hasher: PathHasher;
  readonly #loaders: readonly ColumnLoader[];

  constructor(on: Statements, fields: RowLayout, tree: Tree, index: number, hasher: PathHasher) {
    this.#on = on;
    this.#hasher = hasher;
    this.tree = tree;
    this.target = tree;
    this.width = widthOf(tree.parts);
    this.name = `holdfast_ways_${index}`;
    this.found = `holdfast_found_${index}`;
    this.#loaders = tree.fields.map((field, at) =>
      columnLoader(on.connection, targetOf(fields, tree, field), at, hasher),
    );
    this.links = this.#loaders.flatMap(({ links = [] }) => links);
  }

  /** Loads all paths in the tables' rows. Throws `E_IMPORT` and `E_PACKAGE`. */
  async load(from: ExportReader, tables: readonly TargetTable[], signal: AbortSignal): Promise<void> {
    const { connection, dialect, quote } = this.#on;
    const { typed, temporary } = dialect;
    const hash = hashColumn(dialect);
    const { table, parent } = this.tree;
    const row = columnOf(table, parent.targetColumns[0] ?? "");
    const staged = this.#loaders.flatMap((loader) => loader.staged);
    const columns = [
      typed(PATH_COLUMN, hash),
      typed(PARENT_PATH_COLUMN, hash),
      `${quote(LEVEL_COLUMN)} integer`,
      `${quote(RESOLVED_COLUMN)} smallint`,
      typed(PARENT_ID_COLUMN, columnOf(table, parent.columns[0] ?? "")),
      ...staged.map(({ name, column }) => typed(name, column)),
    ];
    await connection.run(
      `create temporary table ${quote(this.name)} ` +
        `(${columns.join(", ")}${inlineIndexes(connection, [LEVEL_COLUMN, PATH_COLUMN])})${temporary}`,
    );
    const foundColumns = [typed(PATH_COLUMN, hash), typed(TARGET_ID_COLUMN, row)].join(", ");
    await connection.run(
      `create temporary table ${quote(this.found)} ` +
        `(${foundColumns}${inlineIndexes(connection, [PATH_COLUMN])})${temporary}`,
    );
    const paths = this.#pathRows(from, tables, signal);
    await connection.load(
      quote(this.name),
      [PATH_COLUMN, PARENT_PATH_COLUMN, LEVEL_COLUMN, ...staged.map(({ name }) => name)],
      paths,
    );
    await addIndexes(connection, this.name, [LEVEL_COLUMN, PATH_COLUMN]);
    await addIndexes(connection, this.found, [PATH_COLUMN]);
    const [last] = await connection.rows(`select coalesce(max(${quote(LEVEL_COLUMN)}), 0) from ${quote(this.name)}`);
    this.levels = Number(last?.[0] ?? 0);
  }

  /** Resolves the rows of one level, after the level above; called again for rows inserted since. */
  async find(level: number): Promise<void> {
    const { connection, dialect, quote } = this.#on;
    const { table, parent } = this.tree;
    const [paths, found] = [quote(this.name), quote(this.found)];
    const isLevel = `s.${quote(LEVEL_COLUMN)} = ${level}`;
    const isOpen = `${isLevel} and s.${quote(RESOLVED_COLUMN)} is null`;
    const update = async (set: readonly (readonly [string, string])[], by: string, where: string): Promise<number> =>
      await connection.run(
        dialect.update({
          table: paths,
          alias: "s",
          set,
          joins: [{ table: found, alias: "f", on: `f.${quote(PATH_COLUMN)} = s.${quote(by)}` }],
          where,
        }),
      );
    if (level > 1) await update([[PARENT_ID_COLUMN, `f.${quote(TARGET_ID_COLUMN)}`]], PARENT_PATH_COLUMN, isOpen);
    const up = `t.${quote(parent.columns[0] ?? "")}`;
    const match = this.#loaders.flatMap(({ columns }) =>
      columns.map(({ column, staged }) => `t.${quote(column.name)} = s.${quote(staged)}`),
    );
    const below = level === 1 ? `${up} is null` : `${up} = s.${quote(PARENT_ID_COLUMN)}`;
    await connection.run(
      `insert into ${found} (${quote(PATH_COLUMN)}, ${quote(TARGET_ID_COLUMN)}) select distinct ` +
        `s.${quote(PATH_COLUMN)}, t.${quote(parent.targetColumns[0] ?? "")} from ${paths} as s join ` +
        `${rowsOf(connection, table)} as t on ${[below, ...match].join(" and ")} where ${isOpen}`,
    );
    await update([[RESOLVED_COLUMN, "1"]], PATH_COLUMN, isOpen);
  }

  /** Updates the statistics of both tables, if the engine does not do so itself. */
  async analyze(): Promise<void> {
    const { connection } = this.#on;
    for (const name of [this.name, this.found]) await connection.engine.analyze(connection, this.#on.quote(name));
  }

  /** Returns a path that matches several rows, which happens if the database allows roots with equal keys. */
  async duplicate(): Promise<string | undefined> {
    const { quote } = this.#on;
    const [row] = await this.#on.connection.rows(
      `select ${quote(PATH_COLUMN)} from ${quote(this.found)} group by ${quote(PATH_COLUMN)} having ` +
        "count(*) > 1 limit 1",
    );
    return row === undefined ? undefined : await this.textOf(row[0] ?? null);
  }

  /** Returns a path for messages: `music/jazz`. */
  async textOf(path: Cell): Promise<string> {
    const { quote } = this.#on;
    const names = this.#loaders.flatMap(({ staged, links = [] }) =>
      links.length === 0
        ? staged.map(({ name }) => name)
        : links.flatMap(({ leaves }) => leaves.map((leaf) => leaf.staged)),
    );
    const levels: string[] = [];
    for (let at = path; at !== null;) {
      if (levels.length === MAX_LEVELS_SHOWN) return `…/${levels.join("/")}`;
      const [row] = await this.#on.connection.rows(
        `select ${[PARENT_PATH_COLUMN, ...names].map(quote).join(", ")} from ${quote(this.name)} where ` +
          `${quote(PATH_COLUMN)} = ? limit 1`,
        [at],
      );
      if (row === undefined) break;
      levels.unshift(row.slice(1).map(String).join(", "));
      at = row[0] ?? null;
    }
    return levels.join("/");
  }

  async *#pathRows(from: ExportReader, tables: readonly TargetTable[], signal: AbortSignal): AsyncGenerator<Row[]> {
    let known = new Set<string>();
    for (const target of tables) {
      const pathsOf = pathsIn(target, this.tree);
      if (pathsOf === undefined) continue;
      for await (const batch of readRows(from, target.exported.table, signal)) {
        const rows: Row[] = [];
        for (const { cells } of batch)
          for (const path of pathsOf(cells)) {
            // A known path implies that all paths above it were written.
            if (known.has(this.#hasher.of(path, this.width))) continue;
            for (const [at, level] of hashedLevels(path, this.width).entries()) {
              if (known.has(level.hash)) continue;
              if (known.size >= HASH_CACHE_SIZE) known = new Set();
              known.add(level.hash);
              const row: Cell[] = [level.hash, level.above, String(at + 1)];
              for (const [index, loader] of this.#loaders.entries()) loader.fill(level.cells[index] ?? null, row);
              rows.push(row);
            }
          }
        yield rows;
      }
    }
  }
}

/** Converts a field of a tree's key into one that can be loaded. */
function targetOf(fields: RowLayout, { table }: Tree, field: Tree["fields"][number]): TargetField {
  if (field.kind === "value") return { kind: "value", column: field.column };
  if (field.kind === "generic") throw new RangeError(`${table.id} is identified by a generic relation`);
  const { link } = field;
  const leaves = fields.leavesOf(link);
  return {
    kind: "link",
    link,
    columns: link.columns.map((name) => columnOf(table, name)),
    leaves,
    direct: leaves.every((leaf) => isDirect(leaf, link)),
  };
}
