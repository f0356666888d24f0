/** Finds columns that seem to reference another table without a foreign key; they are exported unchanged. */
import { kindGroupOf } from "./declared-keys.ts";
import { fold } from "./names.ts";
import { namesPerson } from "./person-names.ts";
import type { Column, Schema, Table } from "./tables.ts";

export interface UndeclaredReference {
  readonly table: Table;
  readonly column: Column;
}

export interface UndeclaredOptions {
  /** The rows of the target are users, whom columns reference under names of their own, such as `post_author`. */
  readonly isPeople?: boolean;
  /** The tables of the whole database, if only some are searched. */
  readonly all?: readonly Table[];
}

/** Finds implicit references by column name: `post_id`, `rev_page`, `term_taxonomy_id`. Sorted as the schema is. */
export function undeclaredReferences(
  { tables }: Pick<Schema, "tables">,
  target: Table,
  { isPeople = false, all = tables }: UndeclaredOptions = {},
): UndeclaredReference[] {
  const [number, ...more] = target.primaryKey?.columns ?? [];
  const own = target.columns.find(({ name }) => name === number);
  if (own === undefined || more.length > 0 || (!isPeople && own.kind !== "integer")) return [];
  const isMeant = meant(target);
  const others = isPeople ? all.filter(({ id }) => id !== target.id).map(meant) : [];
  const isPerson = (name: string): boolean => isPeople && namesPerson(name) && !others.some((one) => one(name));
  return tables.flatMap((table) => {
    const known = new Set([...table.foreignKeys.flatMap(({ columns }) => columns), ...(table.notForeignKeys ?? [])]);
    return table.columns.flatMap((column) => {
      const { name, identity, generated } = column;
      const isOther = table.id !== target.id && !known.has(name) && identity === undefined && !generated;
      const isFitting = kindGroupOf(column) === kindGroupOf(own) || (isPeople && mayHoldNumber(column));
      return isOther && isFitting && (isMeant(name) || isPerson(name)) ? [{ table, column }] : [];
    });
  });
}

/** Returns implicit references in the form `table.column`. */
export const implicitReferences = (
  schema: Pick<Schema, "tables">,
  target: Table,
  options?: UndeclaredOptions,
): string[] => undeclaredReferences(schema, target, options).map(nameOf);

export const nameOf = ({ table, column }: UndeclaredReference): string => `${table.id}.${column.name}`;

/** Shortens a list of columns for a message. */
export const summarizeList = (columns: readonly string[]): string =>
  columns.length > 5 ? `${columns.slice(0, 5).join(", ")} and ${columns.length - 5} others` : columns.join(", ");

/**
 * Returns the setting that declares the columns as foreign keys: `portable.foreign_keys: { post: { room_id: room } }`.
 */
export function declarationOf(target: Table, columns: readonly UndeclaredReference[]): string {
  const lines = new Map<string, string[]>();
  for (const { table, column } of columns)
    lines.set(table.name, [...(lines.get(table.name) ?? []), `${column.name}: ${target.name}`]);
  const tables = [...lines].slice(0, 5).map(([table, links]) => `${table}: { ${links.join(", ")} }`);
  const more = lines.size > tables.length ? ", …" : "";
  return `portable.foreign_keys: { ${tables.join(", ")}${more} }`;
}

/** A field of an exported row, or of its target: only values can be exported unchanged. */
type Field =
  | { readonly kind: "value"; readonly column: Column; readonly replaced?: unknown }
  | { readonly kind: string };

/** Returns the table with only those columns that are exported unchanged. */
export function rawColumns(table: Table, fields: readonly (Field | undefined)[]): Table {
  const raw = new Set(
    fields.flatMap((field) =>
      field !== undefined && "column" in field && field.kind === "value" && field.replaced === undefined
        ? [field.column.name]
        : [],
    ),
  );
  return { ...table, columns: table.columns.filter(({ name }) => raw.has(name)) };
}

/** Checks for a text column that is named like an id. */
const mayHoldNumber = ({ name, kind }: Column): boolean =>
  kind === "text" && /(?:_id|[a-z]Id|[a-z]ID|userid)$/.test(name);

/** Returns a test for column names that are made of the table's name, or equal the name of its primary key. */
function meant(target: Table): (column: string) => boolean {
  const names = namesOf(target);
  const [number = "", ...more] = target.primaryKey?.columns ?? [];
  const telling = more.length > 0 || /^(?:|id|pk|key|number|no|code)$/.test(fold(number)) ? undefined : fold(number);
  return (column) => {
    const folded = fold(column);
    const words = column.toLowerCase().split("_");
    return (
      folded === telling ||
      names.some(
        (name) => folded === `${name}id` || words.at(-1) === name || words.slice(-2).join("_") === `${name}_id`,
      )
    );
  };
}

/**
 * Returns the folded names of a table: `wpposts`, `posts` and `post` of `wp_posts`. Names too short to be specific are
 * dropped.
 */
function namesOf({ name }: Table): string[] {
  const words = name.toLowerCase().split("_");
  const all = words.map((_word, at) => words.slice(at).join(""));
  return all
    .flatMap((one) => [one, one.replace(/ies$/, "y"), one.replace(/(?<=s|x|ch)es$/, ""), one.replace(/s$/, "")])
    .filter((one) => one.length > 2);
}
