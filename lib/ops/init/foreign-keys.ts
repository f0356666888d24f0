/** The columns of an application that hold ids of users without a foreign key, as the database really has them. */
import type { ForeignKeySettings } from "../../config/settings/refinement.ts";
import { HoldfastError } from "../../errors.ts";
import { connect } from "../../portable/engines/connect.ts";
import { withDeclared } from "../../portable/schema/declared-keys.ts";
import type { Schema } from "../../portable/schema/tables.ts";
import type { Found, KnownReference, KnownReferences } from "./sources/application.ts";

/** The settings `portable.keys` and `portable.foreign_keys` of a config. */
export interface PortableKeys {
  readonly keys: Readonly<Record<string, readonly string[]>>;
  readonly foreign_keys: ForeignKeySettings;
}

/**
 * Returns the application's references to users that the first database has. Of a database that does not answer,
 * those that every version of the application has.
 */
export async function referencesOf(
  { references, databases: [database], execPrefix }: Found,
  root: string,
  signal: AbortSignal,
): Promise<PortableKeys | undefined> {
  if (references === undefined || database === undefined) return undefined;
  const { url, password } = database;
  const secret = password !== undefined && "value" in password ? { password: password.value } : {};
  const schema =
    execPrefix === undefined ? await schemaOf({ url, ...secret, execPrefix: [], root }, signal) : undefined;
  return schema === undefined ? inEveryVersion(references) : inDatabase(references, schema);
}

/** Returns the schema of a database; undefined if it cannot be read, which `init` reports by itself. */
async function schemaOf(target: Parameters<typeof connect>[0], signal: AbortSignal): Promise<Schema | undefined> {
  try {
    const connection = await connect(target, "read", signal);
    try {
      return await connection.engine.introspect(connection);
    } finally {
      await connection.close();
    }
  } catch {
    signal.throwIfAborted();
    return undefined;
  }
}

function inEveryVersion({ prefix, keys = {}, columns }: KnownReferences): PortableKeys {
  const always = columns.filter(({ optional }) => optional !== true);
  return {
    keys: Object.fromEntries(Object.entries(keys).map(([table, own]) => [`${prefix}${table}`, own])),
    foreign_keys: grouped(
      always.map(({ table, column, target }) => ({
        table: `${prefix}${table}`,
        column,
        target: `${prefix}${target[0]}`,
      })),
    ),
  };
}

function inDatabase({ prefix, keys = {}, columns }: KnownReferences, schema: Schema): PortableKeys | undefined {
  const names = schema.tables.map(({ name }) => name);
  const found = columns.flatMap((one) =>
    tablesOf(one, prefix, names).flatMap((table) => {
      const target = one.target.map((name) => `${prefix}${name}`).find((name) => names.includes(name));
      const link = { table, column: one.column, target: target ?? "" };
      return target !== undefined && canDeclare(schema, link) ? [link] : [];
    }),
  );
  if (found.length === 0) return undefined;
  const own = Object.entries(keys).map(([table, all]): [string, readonly string[]] => [`${prefix}${table}`, all]);
  return { keys: Object.fromEntries(own.filter(([table]) => names.includes(table))), foreign_keys: grouped(found) };
}

/** Returns the tables of this name, those of each blog of a WordPress network included: `wp_2_posts`. */
const tablesOf = ({ table }: KnownReference, prefix: string, names: readonly string[]): string[] =>
  names.filter((name) => name.startsWith(prefix) && name.slice(prefix.length).replace(/^\d+_/, "") === table);

interface Link {
  readonly table: string;
  readonly column: string;
  readonly target: string;
}

/** Checks whether an export would accept the setting: the column exists, fits, and has no foreign key. */
function canDeclare(schema: Schema, { table, column, target }: Link): boolean {
  try {
    withDeclared(schema, { [table]: { [column]: target } });
    return true;
  } catch (error) {
    if (error instanceof HoldfastError && error.code === "E_CONFIG") return false;
    throw error;
  }
}

function grouped(links: readonly Link[]): ForeignKeySettings {
  const byTable: Record<string, Record<string, string>> = {};
  for (const { table, column, target } of links) byTable[table] = { ...byTable[table], [column]: target };
  return byTable;
}
