/** Finds tables and columns by the names that people write. */
import { distance } from "fastest-levenshtein";
import { HoldfastError, type ErrorCode } from "../../errors.ts";
import type { Column, Schema, Table } from "./tables.ts";

/** Folds a name: `AlbumId`, `albumid` and `album_id` are equal across engines. */
export const fold = (name: string): string => name.toLowerCase().replaceAll("_", "");

/** Returns the most similar known name, if one is similar enough. */
export function nearestName(name: string, known: readonly string[]): string | undefined {
  const [best] = known
    .map((one) => ({ one, away: distance(name.toLowerCase(), one.toLowerCase()) }))
    .toSorted((a, b) => a.away - b.away);
  return best !== undefined && best.away <= Math.max(2, name.length / 3) ? best.one : undefined;
}

/**
 * Finds the table with this id, or with this name if only one has it. Throws `code`: `E_CONFIG` for a config, `E_USAGE`
 * for a flag. `where` is the config key or the flag.
 */
export function findTable(schema: Schema, name: string, where: string, code: ErrorCode = "E_CONFIG"): Table {
  const byId = schema.tables.find(({ id }) => id === name);
  if (byId !== undefined) return byId;
  const [table, ...more] = schema.tables.filter((one) => one.name === name);
  if (table === undefined) {
    const names = schema.tables.flatMap(({ id, name: plain }) => (id === plain ? [id] : [plain, id]));
    throw new HoldfastError(code, `${where}: the database has no table ${name}`, didYouMean(name, names));
  }
  if (more.length > 0) {
    throw new HoldfastError(code, `${where}: the database has several tables ${name}`, {
      hint: `add the schema: ${[table, ...more].map(({ id }) => id).join(", ")}`,
    });
  }
  return table;
}

/** Finds a column of a table by its name. Throws like `findTable`. */
export function findColumn(table: Table, name: string, where: string, code: ErrorCode = "E_CONFIG"): Column {
  const column = table.columns.find((one) => one.name === name);
  if (column !== undefined) return column;
  const names = table.columns.map((one) => one.name);
  throw new HoldfastError(code, `${where}: the table ${table.id} has no column ${name}`, didYouMean(name, names));
}

function didYouMean(name: string, known: readonly string[]): { hint?: string } {
  const nearest = nearestName(name, known);
  return nearest === undefined ? {} : { hint: `did you mean ${nearest}?` };
}

/**
 * Returns the tables that a flag selects: by id, by name, as Django's `app.Model`, or all that begin with `app_`.
 * Returns an empty list without a match.
 */
export function tablesMeant<T extends Pick<Table, "id" | "name">>(tables: readonly T[], wanted: string): T[] {
  const lower = wanted.toLowerCase();
  const asTable = lower.replace(".", "_");
  const exact = tables.filter(
    ({ id, name }) => id === wanted || name === wanted || name.toLowerCase() === asTable || id.toLowerCase() === lower,
  );
  return exact.length > 0 ? exact : tables.filter(({ name }) => name.toLowerCase().startsWith(`${lower}_`));
}

/** Returns the only element of a list, or undefined for any other length. */
export const single = <T>(found: readonly T[]): T | undefined => (found.length === 1 ? found[0] : undefined);

/** Returns the column of this name, or the only one that differs in case and underscores alone. */
export const matchColumn = (table: Table, name: string): Column | undefined =>
  table.columns.find((column) => column.name === name) ??
  single(table.columns.filter((column) => fold(column.name) === fold(name)));
