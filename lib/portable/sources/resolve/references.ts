/** Resolves the references of records to rows. */
import { HoldfastError } from "../../../errors.ts";
import type { Cell } from "../../engine/session.ts";
import type { KeyColumn } from "../../rows/fields.ts";
import type { ForeignKey, Table, TableId } from "../../schema/tables.ts";
import { isList, isObject, parseJson, type Json, type JsonObject } from "../json/lossless.ts";
import type { Loaded } from "../load/records.ts";
import type { Lookup } from "./lookup.ts";
import { readingText, type Reading, type KeyInterpreter } from "./key-interpretations.ts";
import { targetOf, type References, type Waiting } from "../load/references.ts";
import { FILE, LINE, quoteName, referenceColumn, type Scratch } from "../load/scratch-database.ts";
import { plural } from "../../../report/format.ts";

/** The number of keys that are tried to interpret their form. */
const TRIED = 200;
const SAMPLES = 10;

export class Resolver {
  readonly warnings: string[] = [];
  readonly #scratch: Scratch;
  readonly #references: References;
  readonly #readings: KeyInterpreter;
  readonly #lookup: Lookup;
  readonly #loaded: readonly Loaded[];
  readonly #signal: AbortSignal;
  readonly #chosen: ReadonlySet<TableId>;
  readonly #done = new Set<string>();

  constructor(parts: {
    readonly scratch: Scratch;
    readonly references: References;
    readonly readings: KeyInterpreter;
    readonly lookup: Lookup;
    readonly loaded: readonly Loaded[];
    readonly signal: AbortSignal;
    /** The tables to be imported; the others are only looked up. */
    readonly chosen: ReadonlySet<TableId>;
  }) {
    this.#scratch = parts.scratch;
    this.#references = parts.references;
    this.#readings = parts.readings;
    this.#lookup = parts.lookup;
    this.#loaded = parts.loaded;
    this.#signal = parts.signal;
    this.#chosen = parts.chosen;
  }

  /** Throws `E_IMPORT` for keys that match no row of the records or the database, and for ambiguous ones. */
  async resolve(): Promise<void> {
    for (const link of this.#references.links()) await this.#resolveTarget(link);
    for (const { table } of this.#loaded)
      for (const link of table.foreignKeys) {
        this.#fill(table.id, link);
        await this.#borrowById(table.id, link);
      }
  }

  /** Resolves references to one table, after the references in that table's own keys. */
  async #resolveTarget(link: ForeignKey): Promise<void> {
    if (this.#done.has(targetOf(link))) return;
    this.#done.add(targetOf(link));
    const target = this.#loaded.find(({ table }) => table.id === link.target)?.table;
    if (target?.primaryKey?.columns.join("\0") === link.targetColumns.join("\0")) this.#references.takeNamed(link);
    const chosen = new Map<string, Reading>();
    const lost: Waiting[] = [];
    let count = 0;
    const samples = new Map<string, Json[][]>();
    for (const batch of this.#references.waiting(link))
      for (const { text } of batch) {
        const { shape, values } = keyOf(text);
        const some = samples.get(shape) ?? [];
        if (some.length < TRIED) samples.set(shape, [...some, values]);
      }
    for (const [shape, keys] of samples) chosen.set(shape, await this.#choose(link, shape, keys));
    for (const batch of this.#references.waiting(link)) {
      this.#signal.throwIfAborted();
      for (const one of batch) {
        const { shape, values } = keyOf(one.text);
        const reading = chosen.get(shape) ?? [];
        const found = this.#lookup.amongRecords(link, reading, values) ?? (await this.#fromRows(link, reading, values));
        if (found !== null) this.#references.found(link, one.text, found);
        else if (++count <= SAMPLES) lost.push(one);
      }
    }
    const [first] = lost;
    if (first === undefined) return;
    throw new HoldfastError(
      "E_IMPORT",
      `${first.place} references the row ${first.text} of ${link.target}, ` +
        "which is neither among the records nor in the database" +
        (count === 1 ? "" : `; ${count} keys in total: ${lost.map(({ text }) => text).join(", ")}`),
      {
        hint:
          "nothing was changed: its values were read as " +
          `(${readingText(chosen.get(keyOf(first.text).shape) ?? [])}); ` +
          "if that is wrong, list the columns in order under portable.keys",
      },
    );
  }

  async #fromRows(link: ForeignKey, reading: Reading, values: readonly Json[]): Promise<Cell> {
    const number = await this.#lookup.amongRows(link, reading, values);
    if (number === null) return null;
    const lent = await this.#lookup.borrow({ ...link, targetColumns: link.targetColumns.slice(0, 1) }, [number]);
    return lent?.[0] ?? null;
  }

  /** Returns the interpretation under which most of the keys are found. */
  async #choose(link: ForeignKey, shape: string, keys: readonly Json[][]): Promise<Reading> {
    const { sure, possible } = this.#readingsOf(link, shape);
    for (const reading of [...sure, ...possible]) await this.#prepare(link.target, reading);
    for (const reading of sure) if ((await this.#hits(link, reading, keys)).some((hit) => hit !== null)) return reading;
    if (sure[0] !== undefined && possible.length === 0) return sure[0];
    const tried: { reading: Reading; hits: Cell[]; count: number }[] = [];
    for (const reading of possible) {
      const hits = await this.#hits(link, reading, keys);
      tried.push({ reading, hits, count: hits.filter((hit) => hit !== null).length });
    }
    const [best, ...others] = tried.toSorted((a, b) => b.count - a.count);
    if (best === undefined)
      throw new HoldfastError(
        "E_IMPORT",
        `no unique key of ${link.target} has as many columns as the key ${JSON.stringify(keys[0])} has values`,
        { hint: "nothing was changed: list its columns in order under portable.keys" },
      );
    const rival = others.find(
      ({ count, hits }) =>
        count > 0 && count === best.count && hits.some((hit, at) => String(hit) !== String(best.hits[at])),
    );
    if (rival !== undefined)
      throw new HoldfastError(
        "E_IMPORT",
        `the keys of ${link.target}, such as ${JSON.stringify(keys[0])}, could be ` +
          `(${readingText(best.reading)}) or (${readingText(rival.reading)})`,
        { hint: "nothing was changed: list the columns in order under portable.keys" },
      );
    return best.count === 0 ? (sure[0] ?? best.reading) : best.reading;
  }

  #readingsOf(link: ForeignKey, shape: string): { sure: readonly Reading[]; possible: readonly Reading[] } {
    const names = parseJson(shape);
    if (!isList(names)) return this.#readings.ofList(link.target, Number(shape));
    const reading = this.#readings.ofNames(link.target, names.map(String));
    return { sure: [], possible: reading === undefined ? [] : [reading] };
  }

  async #hits(link: ForeignKey, reading: Reading, keys: readonly Json[][]): Promise<Cell[]> {
    const hits: Cell[] = [];
    for (const key of keys)
      hits.push(this.#lookup.amongRecords(link, reading, key) ?? (await this.#lookup.amongRows(link, reading, key)));
    return hits;
  }

  /** Resolves the references that an interpretation follows, and indexes its columns. */
  async #prepare(target: TableId, reading: Reading): Promise<void> {
    for (const { through } of reading) {
      for (const link of through) {
        await this.#resolveTarget(link);
        const from = this.#loaded.find(({ table }) => table.foreignKeys.includes(link));
        if (from !== undefined) this.#fill(from.table.id, link);
      }
    }
    this.#index(target, ownColumns(reading));
  }

  #index(id: TableId, columns: readonly string[]): void {
    if (columns.length === 0) return;
    const name = quoteName(`holdfast index ${id} ${columns.join(" ")}`);
    this.#scratch.run(
      `create index if not exists ${name} on ${this.#scratch.quoted(id)} (${columns.map(quoteName).join(", ")})`,
    );
  }

  /** Stores resolved references in the rows that wait for them. */
  #fill(id: TableId, link: ForeignKey): void {
    const [column] = link.columns;
    if (
      column === undefined ||
      link.columns.length > 1 ||
      !this.#references.links().some((one) => targetOf(one) === targetOf(link))
    )
      return;
    const reference = quoteName(referenceColumn(column));
    this.#scratch.run(
      `update ${this.#scratch.quoted(id)} set ${quoteName(column)} = (select value ` +
        `from "holdfast references" where target = ? and key = ${reference}) where ${reference} is not null`,
      [targetOf(link)],
    );
  }

  /** Resolves references by id to rows that are not among the records: the database's rows with these ids. */
  async #borrowById(id: TableId, link: ForeignKey): Promise<void> {
    const own = link.columns.map(quoteName);
    const [column = ""] = own;
    const [pointed = ""] = link.targetColumns;
    if (own.length > 1) return;
    const isChosen = this.#chosen.has(id);
    this.#index(link.target, [pointed]);
    this.#index(id, link.columns);
    const from =
      `${this.#scratch.quoted(id)} as c where c.${column} is not null and c.${quoteName(FILE)} is not null ` +
      `and not exists (select 1 from ${this.#scratch.quoted(link.target)} as p ` +
      `where p.${quoteName(pointed)} = c.${column})`;
    const table = this.#loaded.find((one) => one.table.id === id)?.table;
    const known = namesOf(table, link);
    const names = known.map((name) => `c.${quoteName(name)}`);
    // With min(), SQLite takes the other columns from the row of the minimum.
    const lost = this.#scratch.rows(
      `select c.${column}, count(*), min(c.${quoteName(LINE)}), ` +
        `${[`c.${quoteName(FILE)}`, ...names].join(", ")} from ${from} group by 1`,
    );
    let rows = 0;
    let dangling = 0;
    for (const [number = null, count, line, file, ...values] of lost) {
      this.#signal.throwIfAborted();
      const lent = await this.#lookup.borrow(link, [number]);
      if (lent === null && !isChosen) continue;
      if (lent === null && link.declared === true) {
        if (Number(number) !== 0) dangling += Number(count); // applications write 0 for no row
        continue;
      }
      if (lent === null)
        throw new HoldfastError(
          "E_IMPORT",
          `${String(file)}, line ${String(line)}: ${id} ` +
            `${known.map((name, at) => `${name} ${String(values[at])}, `).join("")}${link.columns.join()} ` +
            `references ${link.target} ${String(number)}, ` +
            "which is neither among the records nor in the database",
        );
      this.#scratch.run(
        `update ${this.#scratch.quoted(id)} set ${column} = ? where ${column} = ? and ${quoteName(FILE)} is not null`,
        [lent[0] ?? null, number],
      );
      rows += Number(count);
    }
    if (rows > 0 && isChosen)
      this.warnings.push(
        `${id}: ${plural(rows, "row references", "rows reference")} by id, in ${link.columns.join()}, rows of ${link.target} that are ` +
          "not among the records: the database's rows with the same ids are used",
      );
    if (dangling > 0)
      this.warnings.push(
        `${id}: ${dangling} rows reference by id, in ${link.columns.join()}, rows of ${link.target} that are neither ` +
          "among the records nor in the database: the ids are imported unchanged",
      );
  }
}

/**
 * Returns the columns that identify a row in messages: its primary key, if the records have one, else its other foreign
 * keys.
 */
function namesOf(table: Table | undefined, link: ForeignKey): readonly string[] {
  if (table === undefined) return [];
  const isJoin = table.primaryKey === null || table.foreignKeys.length === table.columns.length - 1;
  const others = table.foreignKeys.flatMap(({ columns }) => columns).filter((name) => !link.columns.includes(name));
  return isJoin ? others : (table.primaryKey?.columns ?? []);
}

const ownColumns = (reading: readonly KeyColumn[]): string[] =>
  reading.filter(({ through }) => through.length === 0).map(({ column }) => column.name);

/** Returns the values of a key and its form: their number, or their names. */
function keyOf(text: string): { shape: string; values: Json[] } {
  const key = parseJson(text);
  if (isList(key)) return { shape: String(key.length), values: [...key] };
  const object: JsonObject = isObject(key) ? key : new Map();
  return { shape: JSON.stringify([...object.keys()]), values: [...object.values()] };
}
