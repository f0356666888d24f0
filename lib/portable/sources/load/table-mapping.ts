/** Where the models and fields of other programs go in a database: by the names that Django gives to tables and columns. */
import { HoldfastError } from "../../../errors.ts";
import { DJANGO_TABLES } from "../../schema/django-models.ts";
import { columnOf, type Column, type ForeignKey, type Schema, type Table } from "../../schema/tables.ts";
import { findTable, fold, nearestName } from "../../schema/names.ts";
import { isList } from "../json/lossless.ts";
import type { ForeignRecord } from "../read/record.ts";

/** What takes a field. */
export type FieldTarget =
  | { readonly kind: "value"; readonly column: Column }
  /** The columns of a foreign key, by the key of the row that it leads to. */
  | { readonly kind: "link"; readonly link: ForeignKey }
  /** Rows of a join table: `own` leads to the record, `other` to what it lists. */
  | { readonly kind: "many"; readonly table: Table; readonly own: ForeignKey; readonly other: ForeignKey }
  /** One value of the key that a link leads by: `author_name`. */
  | { readonly kind: "part"; readonly link: ForeignKey; readonly path: string }
  /** Nothing: it is told of. */
  | { readonly kind: "none"; readonly name: string };

export class TableMapping {
  readonly #schema: Schema;
  readonly #configured: ReadonlyMap<string, Table>;
  readonly #tables = new Map<string, Table | undefined>();
  readonly #fields = new Map<Table, Map<string, FieldTarget>>();

  /** `models`: tables by model, tables and columns by field, of the config. Throws `E_CONFIG` for a table or a column that is not there. */
  constructor(schema: Schema, models: Readonly<Record<string, string>>) {
    this.#schema = schema;
    const configured = new Map<string, Table>();
    this.#configured = configured;
    const depth = (name: string): number => name.split(".").length;
    // The models before their fields.
    for (const [model, name] of Object.entries(models).toSorted(([a], [b]) => depth(a) - depth(b))) {
      const [, owner = "", field = ""] = /^(.+)\.(.+)$/.exec(model) ?? [];
      // `a.b` is a field of a model without an app where no table has the name that is said.
      const isField = owner.includes(".") || !schema.tables.some((one) => one.id === name || one.name === name);
      const table = owner === "" || !isField ? undefined : this.tableOf(owner);
      const column = table?.columns.find((one) => one.name === name);
      if (table === undefined || column === undefined)
        configured.set(model.toLowerCase(), findTable(schema, name, `models.${model}`));
      else this.#keep(table, field, homeOf(table, column));
    }
  }

  /** Undefined where there is none. Throws `E_SCHEMA` where it could be several. */
  tableOf(model: string): Table | undefined {
    if (!this.#tables.has(model)) this.#tables.set(model, this.#findTable(model.toLowerCase()));
    return this.#tables.get(model);
  }

  /** The one table that takes all the fields of a record, and needs no others; else one of a like name. */
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

  #keep(table: Table, field: string, home: FieldTarget): FieldTarget {
    this.#fields.set(table, (this.#fields.get(table) ?? new Map<string, FieldTarget>()).set(field, home));
    return home;
  }

  #findTable(model: string): Table | undefined {
    const configured = this.#configured.get(model);
    if (configured !== undefined) return configured;
    const { tables } = this.#schema;
    const short = model.slice(model.indexOf(".") + 1);
    const forms = new Set(singulars(fold(short)));
    const django = DJANGO_TABLES.get(model);
    const tries = [
      tables.filter(({ name }) => name === django),
      tables.filter(({ id, name }) => id.toLowerCase() === model || name.toLowerCase() === model.replace(".", "_")),
      tables.filter(({ name }) => fold(name) === fold(model.replace(".", "_"))),
      tables.filter(({ name }) => fold(name) === fold(short)),
      // Where a format does not tell the app, or calls a model by what is in it: node_types for app_nodetype.
      model.includes(".") ? [] : tables.filter(({ name }) => endings(name).some((end) => forms.has(end))),
    ];
    const found = tries.find(({ length }) => length > 0) ?? [];
    if (found.length > 1)
      throw new HoldfastError("E_SCHEMA", `${model} could be ${found.map(({ id }) => id).join(" or ")}`, {
        hint: `say which under portable.models: {${model}: ${found[0]?.id ?? ""}}`,
      });
    return found[0];
  }

  #findField(table: Table, name: string): FieldTarget {
    const single = table.foreignKeys.filter(({ columns }) => columns.length === 1);
    const column =
      named(table, name) ?? named(table, `${name}_id`) ?? folded(table, name) ?? folded(table, `${name}_id`);
    if (column !== undefined) return homeOf(table, column);
    const whole = table.foreignKeys.find(({ columns }) => columns.length > 1 && columns.join("+") === name);
    if (whole !== undefined) return { kind: "link", link: whole };
    return this.#findMany(table, name) ?? findPart(table, single, name) ?? { kind: "none", name };
  }

  /** A table `person_groups` that leads to `person` and on. */
  #findMany(table: Table, name: string): FieldTarget | undefined {
    const configured = [...this.#configured].find(
      ([key, home]) =>
        key.endsWith(`.${name.toLowerCase()}`) && home.foreignKeys.some(({ target }) => target === table.id),
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

function homeOf(table: Table, column: Column): FieldTarget {
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

/** `author` of `author_id`. */
export const baseOf = ({ columns }: ForeignKey): string => (columns[0] ?? "").replace(/_id$/, "");

/** A name in the singular, as far as a rule tells it, and as it is. */
const singulars = (name: string): string[] => [
  name,
  ...(name.endsWith("ies") ? [`${name.slice(0, -3)}y`] : []),
  ...(name.endsWith("ves") ? [`${name.slice(0, -3)}f`] : []),
  ...(name.endsWith("es") ? [name.slice(0, -2)] : []),
  ...(name.endsWith("s") ? [name.slice(0, -1)] : []),
];

/** What a table's name ends with, at its underscores. */
const endings = (name: string): string[] => name.split("_").map((_word, at, words) => fold(words.slice(at).join("_")));

/** The single column of a table's primary key. */
export function numberOf({ primaryKey, ...table }: Table): Column | undefined {
  const [name, ...more] = primaryKey?.columns ?? [];
  return name === undefined || more.length > 0 ? undefined : columnOf({ primaryKey, ...table }, name);
}
