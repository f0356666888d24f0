/** The keys that foreign records lead to others by, each once, and the rows that they turn out to be. */
import type { Cell } from "../../connection.ts";
import type { ForeignKey, TableId } from "../../schema/tables.ts";
import { isList, toPythonJson, type Json } from "../json/lossless.ts";
import { placeOf, type ForeignRecord } from "../read/record.ts";
import type { Scratch } from "./scratch-database.ts";

/** A key: its values in their order, or each by the name of what it is. */
export type Reference = readonly Json[] | ReadonlyMap<string, Json>;

export interface Waiting {
  /** As the rows that wait for it have it. */
  readonly text: string;
  /** Of the first one: file, line and record. */
  readonly place: string;
}

const BATCH = 500;

export class References {
  readonly #scratch: Scratch;
  /** By the table and the columns of it that are pointed to. */
  readonly #targets = new Map<string, ForeignKey>();

  constructor(scratch: Scratch) {
    this.#scratch = scratch;
    scratch.run(
      'create table "holdfast references" (target, key, value, place, primary key (target, key)) without rowid',
    );
    scratch.run('create table "holdfast names" (target, key, value, primary key (target, key)) without rowid');
  }

  /** The text to leave in the row. */
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

  /** A record says itself by what it is known. */
  name(table: TableId, key: readonly Json[], value: Cell): void {
    this.#scratch.run('insert or ignore into "holdfast names" (target, key, value) values (?, ?, ?)', [
      table,
      textOf(key),
      value,
    ]);
  }

  /** Takes the rows that have said by what they are known. Only for links to the one column of a primary key. */
  takeNamed(link: ForeignKey): void {
    this.#scratch.run(
      `update "holdfast references" as r set value = (select value from "holdfast names" as n where n.target = ? and n.key = r.key) where r.target = ? and r.value is null`,
      [link.target, targetOf(link)],
    );
  }

  /** One link for each table, and the columns of it, that something leads to. */
  links(): ForeignKey[] {
    return [...this.#targets.values()];
  }

  /** Those that no row was found for, in pieces. What is found meanwhile does not disturb it. */
  *waiting(link: ForeignKey): Generator<Waiting[]> {
    for (let after: Cell = ""; ;) {
      const rows = this.#scratch.rows(
        `select key, place from "holdfast references" where target = ? and value is null and key > ? order by key limit ${BATCH}`,
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

/** What the references of a link are kept under. */
export const targetOf = ({ target, targetColumns }: ForeignKey): string => [target, ...targetColumns].join("\0");

/** Nested or not: keys within keys are told apart by none who write them. */
const textOf = (key: Reference): string =>
  isList(key)
    ? toPythonJson(key.flatMap((one) => flat(one)))
    : toPythonJson(new Map([...key].toSorted(([a], [b]) => (a < b ? -1 : 1))));

const flat = (value: Json): Json[] => (isList(value) ? value.flatMap((one) => flat(one)) : [value]);
