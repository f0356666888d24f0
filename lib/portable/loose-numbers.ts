/** Columns that seem to hold the number of a row of another table, without a foreign key that says so: they travel as they are. */
import { fold } from "./names.ts";
import type { Schema, Table } from "./schema.ts";

/** By what such columns are called: `post_id`, `rev_page`, `term_taxonomy_id`. In the form `table.column`, sorted as the schema is. */
export function looseNumbers({ tables }: Schema, target: Table): string[] {
  const [number, ...more] = target.primaryKey?.columns ?? [];
  const own = target.columns.find(({ name }) => name === number);
  if (number === undefined || own?.kind !== "integer" || more.length > 0) return [];
  const names = namesOf(target);
  const telling = /^(?:id|pk|key|number|no|code)$/.test(fold(number)) ? undefined : fold(number);
  const isMeant = (column: string): boolean => {
    const folded = fold(column);
    const words = column.toLowerCase().split("_");
    return (
      folded === telling ||
      names.some(
        (name) => folded === `${name}id` || words.at(-1) === name || words.slice(-2).join("_") === `${name}_id`,
      )
    );
  };
  return tables.flatMap((table) => {
    const linked = new Set(table.foreignKeys.flatMap(({ columns }) => columns));
    return table.columns.flatMap(({ name, kind }) =>
      table.id !== target.id && kind === "integer" && !linked.has(name) && isMeant(name) ? [`${table.id}.${name}`] : [],
    );
  });
}

/** Some of them, for people. */
export const listed = (columns: readonly string[]): string =>
  columns.length > 5 ? `${columns.slice(0, 5).join(", ")} and ${columns.length - 5} others` : columns.join(", ");

/** Of `wp_posts`: `wpposts`, `posts`, `post`, folded; what is too short to mean something is left out. */
function namesOf({ name }: Table): string[] {
  const words = name.toLowerCase().split("_");
  const all = words.map((_word, at) => words.slice(at).join(""));
  return all
    .flatMap((one) => [one, one.replace(/ies$/, "y"), one.replace(/(?<=s|x|ch)es$/, ""), one.replace(/s$/, "")])
    .filter((one) => one.length > 2);
}
