/** Maps the models and fields of other programs to tables and columns, by Django's naming rules. */
import pluralize from "pluralize";
import { HoldfastError } from "../../../errors.ts";
import { DJANGO_TABLES } from "../../schema/django-models.ts";
import { columnOf, type Column, type ForeignKey, type Schema, type Table } from "../../schema/tables.ts";
import { findTable, fold, nearestName } from "../../schema/names.ts";
import { isList } from "../json/lossless.ts";
import type { ForeignRecord } from "../read/record.ts";

/** The target of a field. */
export type FieldTarget =
  | { readonly kind: "value"; readonly column: Column }
  /** The columns of a foreign key, written as the key of the referenced row. */
  | { readonly kind: "link"; readonly link: ForeignKey }
  /** Rows of a join table: `own` refers to the record, `other` to the listed row. */
  | { readonly kind: "many"; readonly table: Table; readonly own: ForeignKey; readonly other: ForeignKey }
  /** One value of a foreign key's natural key: `author_name`. */
  | { readonly kind: "part"; readonly link: ForeignKey; readonly path: string }
  /** No target; the field is reported. */
  | { readonly kind: "none"; readonly name: string };

export class TableMapping {
  readonly #schema: Schema;
  readonly #configured: ReadonlyMap<string, Table>;
  readonly #tables = new Map<string, Table | undefined>();
  readonly #fields = new Map<Table, Map<string, FieldTarget>>();

  /**
   * `models` are the config's tables by model, and tables and columns by field. Throws `E_CONFIG` for an unknown table
   * or column.
   */
  constructor(schema: Schema, models: Readonly<Record<string, string>>) {
    this.#schema = schema;
    const configured = new Map<string, Table>();
    this.#configured = configured;
    const depth = (name: string): number => name.split(".").length;
    // Models come before their fields.
    for (const [model, name] of Object.entries(models).toSorted(([a], [b]) => depth(a) - depth(b))) {
      const [, owner = "", field = ""] = /^(.+)\.(.+)$/.exec(model) ?? [];
      // `a.b` is a field of a model without an app if no table has the configured name.
      const isField = owner.includes(".") || !schema.tables.some((one) => one.id === name || one.name === name);
      const table = owner === "" || !isField ? undefined : this.tableOf(owner);
      const column = table?.columns.find((one) => one.name === name);
      if (table === undefined || column === undefined)
        configured.set(model.toLowerCase(), findTable(schema, name, `models.${model}`));
      else this.#keep(table, field, targetOf(table, column));
    }
  }

  /** Returns the table of a model, if there is one. Throws `E_SCHEMA` if there are several. */
  tableOf(model: string): Table | undefined {
    if (!this.#tables.has(model)) this.#tables.set(model, this.#findTable(model.toLowerCase()));
    return this.#tables.get(model);
  }

  /** Returns the only table that has all fields of a record and no others; else one with a similar name. */
  nearest({ model, fields }: ForeignRecord): string | undefined {
    const names = [...fields].flatMap(([name, value]) => (isList(value) ? [] : [name]));
    const [alike, ...more] = this.#schema.tables.filter((table) => {
      const taken = new Set(names.map((name) => folded(table, name)?.name ?? folded(table, `${name}_id`)?.name));
      return !taken.has(undefined) && table.columns.length - taken.size < 2;
    });
    return alike !== undefined && more.length === 0
      ? alike.id
      : nearestName(
          model.replace(".", "_"),
          this.#schema.tables.map(({ name }) => name),
        );
  }

  fieldOf(table: Table, name: string): FieldTarget {
    return this.#fields.get(table)?.get(name) ?? this.#keep(table, name, this.#findField(table, name));
  }

  #keep(table: Table, field: string, target: FieldTarget): FieldTarget {
    this.#fields.set(table, (this.#fields.get(table) ?? new Map<string, FieldTarget>()).set(field, target));
    return target;
  }

  #findTable(model: string): Table | undefined {
    const configured = this.#configured.get(model);
    if (configured !== undefined) return configured;
    const { tables } = this.#schema;
    const short = model.slice(model.indexOf(".") + 1);
    const forms = new Set([fold(short), pluralize.singular(fold(short))]);
    const django = DJANGO_TABLES.get(model);
    const tries = [
      tables.filter(({ name }) => name === django),
      tables.filter(({ id, name }) => id.toLowerCase() === model || name.toLowerCase() === model.replace(".", "_")),
      tables.filter(({ name }) => fold(name) === fold(model.replace(".", "_"))),
      tables.filter(({ name }) => fold(name) === fold(short)),
      // Some formats omit the app, or name a model after its contents: node_types for app_nodetype.
      model.includes(".") ? [] : tables.filter(({ name }) => endings(name).some((end) => forms.has(end))),
    ];
    const found = tries.find(({ length }) => length > 0) ?? [];
    if (found.length > 1)
      throw new HoldfastError(
        "E_SCHEMA",
        `the model ${model} matches several tables: ${found.map(({ id }) => id).join(", ")}`,
        {
          hint: `choose one under portable.models: {${model}: ${found[0]?.id ?? ""}}`,
        },
      );
    return found[0];
  }

  #findField(table: Table, name: string): FieldTarget {
    const single = table.foreignKeys.filter(({ columns }) => columns.length === 1);
    const column =
      named(table, name) ?? named(table, `${name}_id`) ?? folded(table, name) ?? folded(table, `${name}_id`);
    if (column !== undefined) return targetOf(table, column);
    const whole = table.foreignKeys.find(({ columns }) => columns.length > 1 && columns.join("+") === name);
    if (whole !== undefined) return { kind: "link", link: whole };
    return this.#findMany(table, name) ?? findPart(table, single, name) ?? { kind: "none", name };
  }

  /** Finds a join table such as `person_groups`, which refers to `person` and to another table. */
  #findMany(table: Table, name: string): FieldTarget | undefined {
    const configured = [...this.#configured].find(
      ([key, joinTable]) =>
        key.endsWith(`.${name.toLowerCase()}`) && joinTable.foreignKeys.some(({ target }) => target === table.id),
    )?.[1];
    const join =
      configured ??
      this.#schema.tables.find((one) => one !== table && fold(one.name) === fold(`${table.name}_${name}`));
    if (join === undefined) return undefined;
    const links = join.foreignKeys.filter(({ columns }) => columns.length === 1);
    const own =
      links.find(({ target, columns }) => target === table.id && columns[0]?.startsWith("from_") === true) ??
      links.find(({ target }) => target === table.id);
    const other = links.find((link) => link !== own);
    return own === undefined || other === undefined ? undefined : { kind: "many", table: join, own, other };
  }
}

function targetOf(table: Table, column: Column): FieldTarget {
  const link = table.foreignKeys.find(({ columns }) => columns.length === 1 && columns[0] === column.name);
  return link === undefined ? { kind: "value", column } : { kind: "link", link };
}

const named = (table: Table, name: string): Column | undefined => table.columns.find((column) => column.name === name);

function folded(table: Table, name: string): Column | undefined {
  const found = table.columns.filter((column) => fold(column.name) === fold(name));
  return found.length === 1 ? found[0] : undefined;
}

function findPart(table: Table, links: readonly ForeignKey[], name: string): FieldTarget | undefined {
  const [found] = links
    .map((link) => ({ link, base: baseOf(link) }))
    .filter(({ base }) => base !== "" && name.startsWith(`${base}_`) && !table.columns.some((one) => one.name === name))
    .toSorted((a, b) => b.base.length - a.base.length);
  return found && { kind: "part", link: found.link, path: name.slice(found.base.length + 1) };
}

/** Returns `author` for `author_id`. */
export const baseOf = ({ columns }: ForeignKey): string => (columns[0] ?? "").replace(/_id$/, "");

/** Returns the endings of a table's name, split at its underscores. */
const endings = (name: string): string[] => name.split("_").map((_word, at, words) => fold(words.slice(at).join("_")));

/** Returns the single column of a table's primary key. */
export function idColumnOf({ primaryKey, ...table }: Table): Column | undefined {
  const [name, ...more] = primaryKey?.columns ?? [];
  return name === undefined || more.length > 0 ? undefined : columnOf({ primaryKey, ...table }, name);
}
