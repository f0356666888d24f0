/** What a list of values that leads to a row can mean: the columns of one of its table's keys, in one order or another. */
import { columnOf, type ForeignKey, type Schema, type Table, type TableId } from "../../schema/tables.ts";
import type { KeyColumn } from "../../rows/fields.ts";
import { fold } from "../../schema/names.ts";
import { baseOf } from "../load/table-mapping.ts";

/** A place in the list each. */
export type Reading = readonly KeyColumn[];

export interface KeyInterpretations {
  /** The config or Django itself says this one. */
  readonly sure: readonly Reading[];
  /** The likely ones first. */
  readonly possible: readonly Reading[];
}

/** As Django's own models say them. */
const DJANGO: readonly { readonly table: RegExp; readonly columns: readonly string[] }[] = [
  { table: /^auth_permission$/i, columns: ["codename", "content_type_id"] },
  { table: /^django_content_type$/i, columns: ["app_label", "model"] },
  { table: /^auth_user$/i, columns: ["username"] },
  { table: /^auth_group$/i, columns: ["name"] },
  { table: /^django_site$/i, columns: ["domain"] },
];
/** Keys of more columns are read in their own order only. */
const MOST_COLUMNS = 4;
const DEEPEST = 6;

export class KeyInterpreter {
  readonly #tables: ReadonlyMap<TableId, Table>;
  readonly #configured: ReadonlyMap<TableId, readonly string[]>;
  readonly #chosen: (id: TableId) => readonly string[];

  /** `configured`: columns of keys by table, in the order in which they are written; `chosen`: those that an export would take. */
  constructor(
    schema: Schema,
    configured: ReadonlyMap<TableId, readonly string[]>,
    chosen: (id: TableId) => readonly string[],
  ) {
    this.#tables = new Map(schema.tables.map((table) => [table.id, table]));
    this.#configured = configured;
    this.#chosen = chosen;
  }

  /** Of lists of so many values that lead to this table. */
  ofList(id: TableId, length: number): KeyInterpretations {
    const fits = (readings: KeyColumn[][]): Reading[] => readings.filter((one) => one.length === length);
    const said = this.#said(id);
    const keys = this.#keys(id);
    const possible = [...keys, ...keys.flatMap((columns) => permutations(columns))];
    return {
      sure: said === undefined ? [] : fits(this.#expand(id, said, [])),
      possible: distinct(possible.flatMap((columns) => fits(this.#expand(id, columns, [])))),
    };
  }

  /** Of values that say what they are: `project_title` is the title of the row that the project's column leads to. */
  ofNames(id: TableId, names: readonly string[]): Reading | undefined {
    const leaves = names.map((name) => this.#named(id, name, []));
    return leaves.every((leaf) => leaf !== undefined) ? leaves : undefined;
  }

  #table(id: TableId): Table {
    const table = this.#tables.get(id);
    if (table === undefined) throw new RangeError(`${id} is not in the schema`);
    return table;
  }

  #said(id: TableId): readonly string[] | undefined {
    const table = this.#table(id);
    const configured = this.#configured.get(id);
    if (configured !== undefined && configured.length > 0) return configured;
    const known = DJANGO.find((one) => one.table.test(table.name))?.columns;
    return known?.every((name) => table.columns.some((column) => column.name === name)) === true ? known : undefined;
  }

  #keys(id: TableId): (readonly string[])[] {
    const { uniques, primaryKey } = this.#table(id);
    const said = this.#said(id);
    return [
      ...(said === undefined ? [] : [said]),
      this.#chosen(id),
      ...uniques.map(({ columns }) => columns),
      ...(primaryKey === null ? [] : [primaryKey.columns]),
    ];
  }

  /** A foreign key in a key stands for the other row's key, or for its own value. */
  #expand(id: TableId, columns: readonly string[], through: readonly ForeignKey[]): KeyColumn[][] {
    const table = this.#table(id);
    let all: KeyColumn[][] = [[]];
    for (const name of columns) {
      const own: KeyColumn = { through, table: id, column: columnOf(table, name) };
      const link = table.foreignKeys.find((one) => one.columns.length === 1 && one.columns[0] === name);
      const goesOn = link !== undefined && this.#tables.has(link.target) && through.length < DEEPEST;
      const nested =
        goesOn && !through.includes(link)
          ? distinct(
              [this.#said(link.target) ?? [], ...this.#keys(link.target)]
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

/** A reading, for people: `codename, content_type.app_label`. */
export const readingText = (reading: Reading): string =>
  reading.map(({ through, column }) => [...through.map(baseOf), column.name].join(".")).join(", ");
