/** Columns that hold users without a foreign key: an export that knows users by another key, or leaves them out, would give their rows to other users. */
import { HoldfastError } from "../../errors.ts";
import type { Connection } from "../connection.ts";
import { sortOf } from "../schema/declared-keys.ts";
import { columnOf, type Table, type TableId } from "../schema/tables.ts";
import type { RowLayout, TableLayout } from "../rows/fields.ts";
import {
  summarizeList,
  looseColumns,
  implicitReferences,
  nameOf,
  type LooseColumn,
} from "../schema/implicit-references.ts";
import { rowsOf } from "../schema/sql-names.ts";
import { loginOf } from "../schema/auth-tables.ts";

/** The part of a plan that this needs. */
interface Planned {
  readonly fields: RowLayout;
  readonly tables: readonly TableLayout[];
  readonly people: readonly Table[];
  readonly leftOut: ReadonlyMap<TableId, string>;
}

interface LooseUsers {
  readonly users: Table;
  readonly columns: readonly LooseColumn[];
}

/**
 * Throws `E_CONFIG`, with the lines that the config needs, where rows hold users in columns that `portable.foreign_keys` does not declare: of users that are
 * left out, or also of those that travel by another key than the value of such a column.
 */
export async function refuseLooseUsers(
  connection: Connection,
  plan: Planned,
  which: "left out" | "known by another key",
): Promise<void> {
  const found = looseUsers(plan, which);
  const isUsed = await Promise.all(
    found.flatMap(({ columns }) => columns).map(async (one) => await holdsRows(connection, one)),
  );
  if (!isUsed.includes(true)) return;
  const tables = found.map(({ users }) => users.id).join(", ");
  const isOut = found.some(({ users }) => plan.leftOut.has(users.id));
  throw new HoldfastError(
    "E_CONFIG",
    `${summarizeList(found.flatMap(({ columns }) => columns.map(nameOf)))} seem to hold rows of ${tables} without a foreign key, and ${tables} ${isOut ? "is left out" : "is known by another key"}: elsewhere their numbers are other users`,
    { hint: hintFor(plan, found) },
  );
}

/** Returns warnings of the other tables that are left out, and of columns that seem to hold their numbers. */
export function leftNumbers(plan: Planned): string[] {
  const tables = plan.tables.map(rawColumns);
  return plan.fields.schema.tables.flatMap((target) => {
    const why = plan.leftOut.get(target.id);
    if (why === undefined || plan.people.includes(target) || isKnownByNumber(plan.fields, target)) return [];
    const loose = implicitReferences({ tables }, target);
    return loose.length === 0
      ? []
      : [
          `${target.id}: ${summarizeList(loose)} seem to hold its ${target.primaryKey?.columns[0] ?? ""}, without a foreign key, and it is left out (${why}): in another database these numbers are other rows; portable.foreign_keys declares them`,
        ];
  });
}

function looseUsers(plan: Planned, which: "left out" | "known by another key"): LooseUsers[] {
  const tables = plan.tables.map(rawColumns);
  const done = new Set<string>();
  return plan.people.flatMap((users): LooseUsers[] => {
    const isOut = plan.leftOut.has(users.id);
    const isMeant = isOut || (which === "known by another key" && plan.fields.key(users.id).kind === "natural");
    if (!isMeant || isKnownByNumber(plan.fields, users)) return [];
    const columns = looseColumns({ tables }, users, { isPeople: true, all: plan.fields.schema.tables }).filter(
      (one) => !done.has(nameOf(one)),
    );
    for (const one of columns) done.add(nameOf(one));
    return columns.length === 0 ? [] : [{ users, columns }];
  });
}

/** The value of such a column is what the row is known by: `uid varchar primary key`. */
function isKnownByNumber(fields: RowLayout, { id, primaryKey }: Table): boolean {
  const { kind, columns } = fields.key(id);
  return kind === "natural" && columns.length === 1 && primaryKey?.columns.join() === columns[0];
}

/** The table with the columns alone that travel as they are. */
function rawColumns({ table, fields }: TableLayout): Table {
  const raw = new Set(
    fields.flatMap((field) => (field.kind === "value" && field.replaced === undefined ? [field.column.name] : [])),
  );
  return { ...table, columns: table.columns.filter(({ name }) => raw.has(name)) };
}

/** Applications write 0 or nothing for nobody. */
async function holdsRows(connection: Connection, { table, column }: LooseColumn): Promise<boolean> {
  const name = connection.quote(column.name);
  const given = sortOf(column) === "integer" ? `${name} <> 0` : `${name} is not null`;
  return (await connection.rows(`select 1 from ${rowsOf(connection, table)} where ${given} limit 1`)).length > 0;
}

function hintFor({ fields }: Planned, found: readonly LooseUsers[]): string {
  const keys = found.flatMap(({ users }) => {
    const login = loginOf(users);
    return fields.key(users.id).kind === "natural" || login === undefined
      ? []
      : [`    ${yaml(users.id)}: [${yaml(login)}]`];
  });
  const links = new Map<string, string[]>();
  const texts: string[] = [];
  for (const { users, columns } of found)
    for (const { table, column } of columns) {
      const isFitting = sortOf(column) === sortOf(columnOf(users, users.primaryKey?.columns[0] ?? ""));
      if (!isFitting) texts.push(`${table.id}.${column.name}`);
      const line = `${yaml(column.name)}: ${isFitting ? yaml(users.id) : "false"}`;
      links.set(table.id, [...(links.get(table.id) ?? []), line]);
    }
  return [
    `declare them in the config; false is for a column that holds no such number, portable.exclude leaves a table out${
      texts.length > 0 ? `; ${texts.join(", ")} hold texts: portable.exclude_columns leaves them out` : ""
    }`,
    "portable:",
    ...(keys.length > 0 ? ["  keys:", ...keys] : []),
    "  foreign_keys:",
    ...[...links].map(([table, lines]) => `    ${yaml(table)}: { ${lines.join(", ")} }`),
  ].join("\n");
}

const yaml = (name: string): string => (/^[a-z_][\w.]*$/i.test(name) ? name : JSON.stringify(name));
