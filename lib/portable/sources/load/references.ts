/** The keys by which external records refer to others, each once, and the rows they resolve to. */
import type { Cell } from "../../engine/session.ts";
import type { ForeignKey, TableId } from "../../schema/tables.ts";
import { isList, toPythonJson, type Json } from "../json/lossless.ts";
import { placeOf, type ForeignRecord } from "../read/record.ts";
import type { Scratch } from "./scratch-database.ts";

/** A key: values in order, or by column name. */
export type Reference = readonly Json[] | ReadonlyMap<string, Json>;

export interface Waiting {
  /** The text stored in the rows that wait for it. */
  readonly text: string;
  /** The location of the first record with it. */
  readonly place: string;
}

const BATCH = 500;

export class References {
  readonly #scratch: Scratch;
  /** The foreign keys by referenced table and columns. */
  readonly #targets = new Map<string, ForeignKey>();

  constructor(scratch: Scratch) {
    this.#scratch = scratch;
    scratch.run(
      'create table "holdfast references" (target, key, value, place, primary key (target, key)) without rowid',
    );
    scratch.run('create table "holdfast names" (target, key, value, primary key (target, key)) without rowid');
  }

  /** Registers a reference and returns the text to store in the row. */
  add(link: ForeignKey, key: Reference, record: ForeignRecord): string {
    const target = targetOf(link);
    this.#targets.set(target, link);
    const text = textOf(key);
    this.#scratch.run('insert or ignore into "holdfast references" (target, key, place) values (?, ?, ?)', [
      target,
      text,
      placeOf(record),
    ]);
    return text;
  }

  /** Registers a record under its own key. */
  name(table: TableId, key: readonly Json[], value: Cell): void {
    this.#scratch.run('insert or ignore into "holdfast names" (target, key, value) values (?, ?, ?)', [
      table,
      textOf(key),
      value,
    ]);
  }

  /** Resolves references by the records' own keys. Only for foreign keys to a single-column primary key. */
  takeNamed(link: ForeignKey): void {
    this.#scratch.run(
      `update "holdfast references" as r set value = (select value from "holdfast names" as n ` +
        "where n.target = ? and n.key = r.key) where r.target = ? and r.value is null",
      [link.target, targetOf(link)],
    );
  }

  /** Returns one foreign key for each table and columns that are referenced. */
  links(): ForeignKey[] {
    return [...this.#targets.values()];
  }

  /** Yields the unresolved references in batches; resolving some meanwhile is safe. */
  *waiting(link: ForeignKey): Generator<Waiting[]> {
    for (let after: Cell = ""; ;) {
      const rows = this.#scratch.rows(
        `select key, place from "holdfast references" where target = ? and value is null and key > ? ` +
          `order by key limit ${BATCH}`,
        [targetOf(link), after],
      );
      if (rows.length === 0) return;
      yield rows.map(([key, place]) => ({ text: String(key), place: String(place) }));
      after = rows.at(-1)?.[0] ?? "";
    }
  }

  found(link: ForeignKey, text: string, value: Cell): void {
    this.#scratch.run('update "holdfast references" set value = ? where target = ? and key = ?', [
      value,
      targetOf(link),
      text,
    ]);
  }
}

/** Returns the identifier under which the references of a foreign key are stored. */
export const targetOf = ({ target, targetColumns }: ForeignKey): string => [target, ...targetColumns].join("\0");

/** Returns the text of a key. Ignores nesting: no writer of these formats relies on it. */
const textOf = (key: Reference): string =>
  isList(key)
    ? toPythonJson(key.flatMap((one) => flat(one)))
    : toPythonJson(new Map([...key].toSorted(([a], [b]) => (a < b ? -1 : 1))));

const flat = (value: Json): Json[] => (isList(value) ? value.flatMap((one) => flat(one)) : [value]);
