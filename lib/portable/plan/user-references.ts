/**
 * Finds columns that reference users without a foreign key. If users have another key or are not exported, such values
 * would reference other users.
 */
import { HoldfastError } from "../../errors.ts";
import type { Connection } from "../engine/connection.ts";
import { kindGroupOf } from "../schema/declared-keys.ts";
import { columnOf, type Table, type TableId } from "../schema/tables.ts";
import type { RowLayout, TableLayout } from "../rows/fields.ts";
import {
  declarationOf,
  type UndeclaredReference,
  undeclaredReferences,
  nameOf,
  rawColumns,
  summarizeList,
} from "../schema/implicit-references.ts";
import { rowsOf } from "../engine/sql-names.ts";
import { loginOf } from "../schema/auth-tables.ts";
import { isIdentifiedById } from "../schema/keys/exported.ts";
import { wordFor } from "../../report/format.ts";

/** The part of a plan that these checks need. */
interface Planned {
  readonly fields: RowLayout;
  readonly tables: readonly TableLayout[];
  readonly people: readonly Table[];
  readonly leftOut: ReadonlyMap<TableId, string>;
}

interface LooseUsers {
  readonly users: Table;
  readonly columns: readonly UndeclaredReference[];
}

/**
 * Throws `E_CONFIG`, with the config lines to add, if rows reference users in columns that `portable.foreign_keys` does
 * not declare. This concerns users that are not exported, or also users that are exported by another key than the value
 * of such a column.
 */
export async function assertUsersDeclared(
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
  const columns = summarizeList(found.flatMap((one) => one.columns.map(nameOf)));
  const verb = wordFor(found.length, "is", "are");
  const why = isOut ? `${verb} left out` : `${verb} identified by another key`;
  throw new HoldfastError(
    "E_CONFIG",
    `${columns} seem to reference ${tables} without a foreign key, and ${tables} ${why}: ` +
      "in another database their ids belong to other users",
    { hint: hintFor(plan, found) },
  );
}

/** Returns warnings about other omitted tables and the columns that seem to reference them. */
export function idsOfLeftUsers(plan: Planned): string[] {
  const tables = plan.tables.map(({ table, fields }) => rawColumns(table, fields));
  return plan.fields.schema.tables.flatMap((target) => {
    const why = plan.leftOut.get(target.id);
    if (why === undefined || plan.people.includes(target) || isIdentifiedById(plan.fields.key(target.id), target))
      return [];
    const loose = undeclaredReferences({ tables }, target);
    const number = target.primaryKey?.columns[0] ?? "";
    return loose.length === 0
      ? []
      : [
          `${target.id}: ${summarizeList(loose.map(nameOf))} seem to reference its ${number} without a foreign key, ` +
            `and it is left out (${why}): in another database these ids belong to other rows. ` +
            `Declare them with ${declarationOf(target, loose)}; false for a column that holds no such ids`,
        ];
  });
}

function looseUsers(plan: Planned, which: "left out" | "known by another key"): LooseUsers[] {
  const tables = plan.tables.map(({ table, fields }) => rawColumns(table, fields));
  const done = new Set<string>();
  return plan.people.flatMap((users): LooseUsers[] => {
    const isOut = plan.leftOut.has(users.id);
    const isMeant = isOut || (which === "known by another key" && plan.fields.key(users.id).kind === "natural");
    if (!isMeant || isIdentifiedById(plan.fields.key(users.id), users)) return [];
    const columns = undeclaredReferences({ tables }, users, { isPeople: true, all: plan.fields.schema.tables }).filter(
      (one) => !done.has(nameOf(one)),
    );
    for (const one of columns) done.add(nameOf(one));
    return columns.length === 0 ? [] : [{ users, columns }];
  });
}

/** Checks whether rows have a value in the column. Applications write 0 or NULL for no user. */
async function holdsRows(connection: Connection, { table, column }: UndeclaredReference): Promise<boolean> {
  const name = connection.quote(column.name);
  const given = kindGroupOf(column) === "integer" ? `${name} <> 0` : `${name} is not null`;
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
      const isFitting = kindGroupOf(column) === kindGroupOf(columnOf(users, users.primaryKey?.columns[0] ?? ""));
      if (!isFitting) texts.push(`${table.id}.${column.name}`);
      const line = `${yaml(column.name)}: ${isFitting ? yaml(users.id) : "false"}`;
      links.set(table.id, [...(links.get(table.id) ?? []), line]);
    }
  return [
    `declare them in the config; use false for a column that holds no such id, or portable.exclude to omit a table${
      texts.length > 0 ? `; ${texts.join(", ")} hold text: omit them with portable.exclude_columns` : ""
    }`,
    "portable:",
    ...(keys.length > 0 ? ["  keys:", ...keys] : []),
    "  foreign_keys:",
    ...[...links].map(([table, lines]) => `    ${yaml(table)}: { ${lines.join(", ")} }`),
  ].join("\n");
}

const yaml = (name: string): string => (/^[a-z_][\w.]*$/i.test(name) ? name : JSON.stringify(name));
