/** Interprets a list of key values as columns: those of one of the table's keys, in some order. */
import { columnOf, type ForeignKey, type Schema, type Table, type TableId } from "../../schema/tables.ts";
import type { KeyColumn } from "../../rows/fields.ts";
import { fold } from "../../schema/names.ts";
import { baseOf } from "../load/table-mapping.ts";

/** The column of each position in the list. */
export type Reading = readonly KeyColumn[];

export interface KeyInterpretations {
  /** Interpretations given by the config, or by Django itself. */
  readonly sure: readonly Reading[];
  /** Interpretations by likelihood. */
  readonly possible: readonly Reading[];
}

/** The natural keys of Django's own models. */
const DJANGO: readonly { readonly table: RegExp; readonly columns: readonly string[] }[] = [
  { table: /^auth_permission$/i, columns: ["codename", "content_type_id"] },
  { table: /^django_content_type$/i, columns: ["app_label", "model"] },
  { table: /^auth_user$/i, columns: ["username"] },
  { table: /^auth_group$/i, columns: ["name"] },
  { table: /^django_site$/i, columns: ["domain"] },
];
/** Keys of more columns are only read in their own order. */
const MOST_COLUMNS = 4;
const DEEPEST = 6;

export class KeyInterpreter {
  readonly #tables: ReadonlyMap<TableId, Table>;
  readonly #configured: ReadonlyMap<TableId, readonly string[]>;
  readonly #chosen: (id: TableId) => readonly string[];

  /**
   * `configured` has the columns of keys by table, in written order; `chosen` returns those that an export would use.
   */
  constructor(
    schema: Schema,
    configured: ReadonlyMap<TableId, readonly string[]>,
    chosen: (id: TableId) => readonly string[],
  ) {
    this.#tables = new Map(schema.tables.map((table) => [table.id, table]));
    this.#configured = configured;
    this.#chosen = chosen;
  }

  /** Returns the interpretations of lists of this length that refer to a table. */
  ofList(id: TableId, length: number): KeyInterpretations {
    const matching = (readings: KeyColumn[][]): Reading[] => readings.filter((one) => one.length === length);
    const known = this.#knownKey(id);
    const keys = this.#keys(id);
    const possible = [...keys, ...keys.flatMap((columns) => permutations(columns))];
    return {
      sure: known === undefined ? [] : matching(this.#expand(id, known, [])),
      possible: distinct(possible.flatMap((columns) => matching(this.#expand(id, columns, [])))),
    };
  }

  /** Interprets named values: `project_title` is the title of the row that the project column refers to. */
  ofNames(id: TableId, names: readonly string[]): Reading | undefined {
    const leaves = names.map((name) => this.#named(id, name, []));
    return leaves.every((leaf) => leaf !== undefined) ? leaves : undefined;
  }

  #table(id: TableId): Table {
    const table = this.#tables.get(id);
    if (table === undefined) throw new RangeError(`${id} is not in the schema`);
    return table;
  }

  #knownKey(id: TableId): readonly string[] | undefined {
    const table = this.#table(id);
    const configured = this.#configured.get(id);
    if (configured !== undefined && configured.length > 0) return configured;
    const known = DJANGO.find((one) => one.table.test(table.name))?.columns;
    return known?.every((name) => table.columns.some((column) => column.name === name)) === true ? known : undefined;
  }

  #keys(id: TableId): (readonly string[])[] {
    const { uniques, primaryKey } = this.#table(id);
    const known = this.#knownKey(id);
    return [
      ...(known === undefined ? [] : [known]),
      this.#chosen(id),
      ...uniques.map(({ columns }) => columns),
      ...(primaryKey === null ? [] : [primaryKey.columns]),
    ];
  }

  /** Expands each foreign key in a key to the referenced row's key, or to its own value. */
  #expand(id: TableId, columns: readonly string[], through: readonly ForeignKey[]): KeyColumn[][] {
    const table = this.#table(id);
    let all: KeyColumn[][] = [[]];
    for (const name of columns) {
      const own: KeyColumn = { through, table: id, column: columnOf(table, name) };
      const link = table.foreignKeys.find((one) => one.columns.length === 1 && one.columns[0] === name);
      const canFollow = link !== undefined && this.#tables.has(link.target) && through.length < DEEPEST;
      const nested =
        canFollow && !through.includes(link)
          ? distinct(
              [this.#knownKey(link.target) ?? [], ...this.#keys(link.target)]
                .filter((key) => key.length > 0)
                .flatMap((key) => this.#expand(link.target, key, [...through, link])),
            )
          : [];
      const options = [...nested.slice(0, MOST_COLUMNS), [own]];
      all = all.flatMap((start) => options.map((option) => [...start, ...option]));
    }
    return all;
  }

  #named(id: TableId, name: string, through: readonly ForeignKey[]): KeyColumn | undefined {
    const table = this.#table(id);
    const number = name === "pk" || name === "id" ? table.primaryKey?.columns[0] : undefined;
    const column =
      table.columns.find((one) => one.name === (number ?? name)) ??
      table.columns.find((one) => fold(one.name) === fold(name));
    if (column !== undefined) return { through, table: id, column };
    const link = table.foreignKeys.find(
      (one) => one.columns.length === 1 && baseOf(one) !== "" && name.startsWith(`${baseOf(one)}_`),
    );
    return link === undefined || through.length >= DEEPEST
      ? undefined
      : this.#named(link.target, name.slice(baseOf(link).length + 1), [...through, link]);
  }
}

const keyOf = (reading: Reading): string =>
  reading
    .map(({ through, table, column }) => [...through.map(({ name }) => name), table, column.name].join("/"))
    .join();

const distinct = <T extends Reading>(readings: readonly T[]): T[] => [
  ...new Map(readings.map((one) => [keyOf(one), one])).values(),
];

function permutations(columns: readonly string[]): (readonly string[])[] {
  if (columns.length < 2 || columns.length > MOST_COLUMNS) return [columns];
  return columns.flatMap((first, at) => permutations(columns.toSpliced(at, 1)).map((rest) => [first, ...rest]));
}

/** Returns an interpretation for messages: `codename, content_type.app_label`. */
export const readingText = (reading: Reading): string =>
  reading.map(({ through, column }) => [...through.map(baseOf), column.name].join(".")).join(", ");
