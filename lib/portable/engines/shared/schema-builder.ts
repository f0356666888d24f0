/** Builds a schema from catalogue rows in any order. Tables are identified by their key in the catalogue. */
import type { EngineName } from "../../../database/snapshot.ts";
import type { Cell, Row, Session } from "../../engine/session.ts";
import type { Column, ForeignKey, Schema, Table, TableId, Unique } from "../../schema/tables.ts";

/** A column of a key, from a catalogue query that returns one row per column, in order. */
export interface KeyPart extends Omit<Unique, "columns"> {
  readonly table: string;
  readonly column: string;
}

/** A column of a foreign key, from a catalogue query that returns one row per column, in order. */
export interface ForeignKeyPart {
  readonly table: string;
  readonly name: string;
  readonly column: string;
  /** The target's key in the catalogue. */
  readonly target: string;
  /** The referenced column; null for the column at the same position of the primary key. */
  readonly targetColumn: string | null;
  readonly deferrable: boolean;
}

type Draft = { -readonly [K in keyof Table]: Table[K] } & {
  readonly columns: Column[];
  readonly uniques: Unique[];
  readonly foreignKeys: ForeignKey[];
  readonly triggers: string[];
  readonly notes: string[];
};

export class SchemaDraft {
  readonly #tables = new Map<string, Draft>();
  /** Tables by folded key; undefined if two tables share it. */
  readonly #folded = new Map<string, Draft | undefined>();
  readonly #notes: string[] = [];
  /** Folds a name: engines with case-insensitive names pass the lower case. */
  readonly #fold: (name: string) => string;

  constructor(fold: (name: string) => string = (name) => name) {
    this.#fold = fold;
  }

  add(key: string, table: { id: TableId; schema: string | null; name: string; estimatedRows: number }): Draft {
    const rest = { columns: [], primaryKey: null, uniques: [], foreignKeys: [], triggers: [], notes: [] };
    const draft: Draft = { ...table, ...rest };
    this.#tables.set(key, draft);
    const folded = this.#fold(key);
    this.#folded.set(folded, this.#folded.has(folded) ? undefined : draft);
    return draft;
  }

  /** Returns the table with this key, or the only one that differs in case alone. */
  get(key: string): Draft | undefined {
    return this.#tables.get(key) ?? this.#folded.get(this.#fold(key));
  }

  note(text: string): void {
    this.#notes.push(text);
  }

  addKeys(parts: readonly KeyPart[]): void {
    for (const key of grouped(parts)) {
      const [{ table, column: _column, ...rest }] = key;
      const draft = this.get(table);
      if (draft === undefined) continue;
      const unique: Unique = { ...rest, columns: key.map(({ column }) => this.columnName(draft, column)) };
      if (unique.primary) draft.primaryKey = unique;
      else draft.uniques.push(unique);
    }
  }

  /** Adds columns used by a condition on rows. */
  addWatched(key: string, columns: readonly string[]): void {
    const draft = this.get(key);
    if (draft !== undefined && columns.length > 0)
      draft.watched = [...new Set([...(draft.watched ?? []), ...columns.map((name) => this.columnName(draft, name))])];
  }

  /** Adds foreign keys; called after `addKeys`. `describe` names a target that is not a table here. */
  addForeignKeys(parts: readonly ForeignKeyPart[], describe: (target: string) => string = (target) => target): void {
    for (const key of grouped(parts)) {
      const [{ table, name, target: into, deferrable }] = key;
      const draft = this.get(table);
      if (draft === undefined) continue;
      const columns = key.map(({ column }) => this.columnName(draft, column));
      const target = this.get(into);
      const primary = target?.primaryKey?.columns ?? [];
      const wanted = key.map(({ targetColumn }, index) => targetColumn ?? primary[index] ?? null);
      const targetColumns = target && wanted.map((column) => this.#column(target, column)?.name);
      if (target === undefined || !targetColumns?.every((column) => column !== undefined)) {
        const missing = target === undefined ? describe(into) : `a column of ${target.id}`;
        draft.notes.push(
          `foreign key ${name} (${columns.join(", ")}): references ${missing}, which is not a table here; left out`,
        );
      } else {
        draft.foreignKeys.push({ name, columns, target: target.id, targetColumns, deferrable });
      }
    }
  }

  finish(engine: EngineName, { serverVersion }: Pick<Session, "serverVersion">): Schema {
    const tables = [...this.#tables.values()].map((draft): Table => {
      const { uniques, foreignKeys, triggers, notes } = draft;
      return {
        ...draft,
        uniques: uniques.toSorted((a, b) => byName(a.name, b.name)),
        foreignKeys: foreignKeys.toSorted((a, b) => byName(a.name, b.name)),
        triggers: triggers.toSorted(byName),
        notes: notes.toSorted(byName),
      };
    });
    return {
      engine,
      serverVersion,
      tables: tables.toSorted((a, b) => byName(a.id, b.id)),
      notes: this.#notes.toSorted(byName),
    };
  }

  #column(table: Draft, name: string | null): Column | undefined {
    if (name === null) return undefined;
    return table.columns.find((column) => this.#fold(column.name) === this.#fold(name));
  }

  /** Returns a column's name in the table's spelling. */
  columnName(table: Draft | undefined, name: string): string {
    return (table && this.#column(table, name)?.name) ?? name;
  }
}

/** Groups the parts of each key. */
function grouped<T extends { table: string; name: string }>(parts: readonly T[]): [T, ...T[]][] {
  const keys = new Map<string, [T, ...T[]]>();
  for (const part of parts) {
    const id = JSON.stringify([part.table, part.name]);
    const known = keys.get(id);
    if (known === undefined) keys.set(id, [part]);
    else known.push(part);
  }
  return [...keys.values()];
}

const byName = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0);

/** Returns the columns that a condition mentions. It may return too many, which is harmless. */
export const namedIn = (condition: string, { columns }: Pick<Table, "columns">): string[] => {
  const words = condition.toLowerCase();
  return columns.flatMap(({ name }) => (words.includes(name.toLowerCase()) ? [name] : []));
};

/** Converts the cells of a catalogue row, by position. */
export const cells = (row: Row) => ({
  text: (index: number): string => string(row[index] ?? ""),
  maybe: (index: number): string | null => {
    const cell = row[index] ?? null;
    return cell === null ? null : string(cell);
  },
  /** Returns 0 for NULL. */
  number: (index: number): number => Number(row[index] ?? 0),
  /** Returns true for `true`, `t`, `YES` and 1. */
  flag: (index: number): boolean => /^(?:t|true|yes|1)$/i.test(string(row[index] ?? "")),
});

const string = (cell: Exclude<Cell, null>): string => (Buffer.isBuffer(cell) ? cell.toString("utf8") : String(cell));

/** Returns an object without members that are undefined, null or false: the optional members of a column. */
export function given<T extends object>(members: T): { [K in keyof T]?: Exclude<T[K], undefined | null | false> };
export function given(members: object): object {
  return Object.fromEntries(
    Object.entries(members).filter(([, value]) => value !== undefined && value !== null && value !== false),
  );
}
