/** Groups the tables that are exported together, for `--component`. */
import { HoldfastError } from "../../errors.ts";
import { byName } from "./graph.ts";
import { findTable } from "./names.ts";
import type { Schema, Table, TableId } from "./tables.ts";

export interface Component {
  readonly name: string;
  /** Sorted. */
  readonly tables: readonly TableId[];
  /** Tables outside that these tables reference: their rows must already exist in the target. Sorted. */
  readonly needs: readonly TableId[];
  /** The rule that grouped the tables. */
  readonly by: "config" | "foreign keys" | "name";
}

type Named = Omit<Component, "needs">;

/**
 * Divides a schema into components: the groups of the config first, then those of all other tables by name. Tables
 * connected by foreign keys form a component, named by their common prefix. Without a common prefix, as when everything
 * references one table of users, they are split by prefix (Django's apps) or, if there are several schemas, by schema;
 * tables without a prefix stay together. Every table is in one component. Throws `E_CONFIG` for an unknown table, or
 * one in two groups of the config.
 */
export function findComponents(
  schema: Schema,
  groups: Readonly<Record<string, readonly string[]>> = {},
): readonly Component[] {
  const groupOf = configuredGroups(schema, groups);
  const configured = Object.keys(groups).map((name): Named => ({
    name,
    tables: [...groupOf].flatMap(([id, group]) => (group === name ? [id] : [])).toSorted(byName),
    by: "config",
  }));
  const free = schema.tables.filter(({ id }) => !groupOf.has(id)).toSorted((a, b) => byName(a.id, b.id));
  const found = new Map<string, Named>();
  for (const one of connected(free).flatMap((tables) => named(tables, free))) {
    // A group of the config may have the same name as the rest of its tables.
    const name = Object.hasOwn(groups, one.name) ? `${one.name}-rest` : one.name;
    const same = found.get(name);
    found.set(
      name,
      same === undefined ? { ...one, name } : { name, tables: [...same.tables, ...one.tables], by: "name" },
    );
  }
  const others = [...found.values()]
    .map((one): Named => ({ ...one, tables: one.tables.toSorted(byName) }))
    .toSorted((a, b) => byName(a.name, b.name));
  const tables = new Map(schema.tables.map((table) => [table.id, table]));
  return [...configured, ...others].map(({ name, tables: ids, by }) => {
    const targets = ids.flatMap((id) => (tables.get(id)?.foreignKeys ?? []).map(({ target }) => target));
    const needs = [...new Set(targets)].filter((id) => tables.has(id) && !ids.includes(id)).toSorted(byName);
    return { name, tables: ids, needs, by };
  });
}

function configuredGroups(
  schema: Schema,
  groups: Readonly<Record<string, readonly string[]>>,
): ReadonlyMap<TableId, string> {
  const groupOf = new Map<TableId, string>();
  for (const [name, members] of Object.entries(groups)) {
    for (const member of members) {
      const { id } = findTable(schema, member, `components.${name}`);
      const other = groupOf.get(id) ?? name;
      if (other !== name) {
        throw new HoldfastError("E_CONFIG", `components: the table ${id} is in ${other} and in ${name}`);
      }
      groupOf.set(id, name);
    }
  }
  return groupOf;
}

/** Groups the tables that foreign keys connect, in either direction. */
function connected(tables: readonly Table[]): Table[][] {
  const neighbours = new Map<TableId, Table[]>(tables.map(({ id }) => [id, []]));
  const byId = new Map(tables.map((table) => [table.id, table]));
  for (const table of tables) {
    for (const key of table.foreignKeys) {
      const target = byId.get(key.target);
      if (target === undefined) continue;
      neighbours.get(table.id)?.push(target);
      neighbours.get(target.id)?.push(table);
    }
  }
  const seen = new Set<Table>();
  return tables.flatMap((table) => {
    if (seen.has(table)) return [];
    const group = new Set([table]);
    for (const one of group) {
      seen.add(one);
      for (const next of neighbours.get(one.id) ?? []) group.add(next);
    }
    return [[...group]];
  });
}

/**
 * Names a group by the prefix of all its tables, or splits it by prefix. Tables without one are named after the most
 * referenced of them.
 */
function named(tables: readonly Table[], all: readonly Table[]): Named[] {
  const severalSchemas = new Set(all.map(({ schema }) => schema)).size > 1;
  const groups = new Map<string, Table[]>();
  const alone: Table[] = [];
  for (const table of tables) {
    const name = severalSchemas && table.schema !== null ? table.schema : prefixOf(table, all);
    if (name === undefined) alone.push(table);
    else groups.set(name, [...(groups.get(name) ?? []), table]);
  }
  if (alone.length > 0) groups.set(hubOf(alone), alone);
  const by = groups.size === 1 ? "foreign keys" : "name";
  return [...groups].map(([name, group]) => ({ name, tables: group.map(({ id }) => id), by }));
}

function hubOf(tables: readonly Table[]): string {
  const targets = tables.flatMap(({ id, foreignKeys }) =>
    foreignKeys.map(({ target }) => target).filter((target) => target !== id),
  );
  const [hub] = tables
    .map(({ id, name }) => ({ name, pointed: targets.filter((target) => target === id).length }))
    .toSorted((a, b) => b.pointed - a.pointed || byName(a.name, b.name));
  return hub?.name ?? "";
}

/**
 * Returns the first word of a table's name if another table shares it: `blog` of `blog_post`, and of a table `blog`.
 */
function prefixOf(table: Table, all: readonly Table[]): string | undefined {
  const [word = ""] = table.name.split("_");
  const shared = all.some((one) => one !== table && (one.name === word || one.name.startsWith(`${word}_`)));
  return word !== "" && shared ? word : undefined;
}
