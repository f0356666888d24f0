/** Plans an export of all tables by the config's section `portable`, for commands, the step and drills alike. */
import type { SiteConfig } from "../../config/load.ts";
import type { Connection } from "../engine/connection.ts";
import { tablesMeant } from "../schema/names.ts";
import type { Schema } from "../schema/tables.ts";
import { planDatabase } from "./database.ts";
import type { PlanRequest, PortablePlan } from "./run.ts";
import { assertUsersDeclared } from "./user-references.ts";

type Settings = SiteConfig["portable"];

/** Returns the request for all tables that the config does not exclude. */
export function planRequestOf(settings: Settings): PlanRequest {
  const { keys = {}, components: groups = {}, exclude = [] } = settings ?? {};
  return {
    keys,
    groups,
    ...(settings && {
      excludeColumns: settings.exclude_columns,
      replace: settings.replace,
      foreignKeys: settings.foreign_keys,
      userTables: settings.users === undefined ? [] : [settings.users.table],
    }),
    models: [],
    components: [],
    exclude,
  };
}

/**
 * Plans an export of a database of the config as `portable.ts export` does, and throws what it throws. The settings are
 * for the first database; another one takes those of them whose tables it has.
 */
export async function planConfigured(
  connection: Connection,
  settings: Settings,
  { isFirst }: { readonly isFirst: boolean },
): Promise<PortablePlan> {
  const own = isFirst ? settings : settingsOf(await connection.engine.introspect(connection), settings);
  const plan = await planDatabase(connection, planRequestOf(own), own?.generic);
  await assertUsersDeclared(connection, plan, "left out");
  return plan;
}

/** Returns the settings without those of tables that the database does not have. */
function settingsOf({ tables }: Schema, settings: Settings): Settings {
  if (settings === undefined) return undefined;
  const has = (name: string): boolean => tables.some((table) => table.id === name || table.name === name);
  const ownOf = <T>(byTable: Readonly<Record<string, T>>): Record<string, T> =>
    Object.fromEntries(Object.entries(byTable).filter(([name]) => has(name)));
  return {
    ...settings,
    keys: ownOf(settings.keys),
    components: Object.fromEntries(
      Object.entries(settings.components).map(([group, names]) => [group, names.filter(has)]),
    ),
    exclude: settings.exclude.filter((name) => tablesMeant(tables, name).length > 0),
    exclude_columns: ownOf(settings.exclude_columns),
    replace: ownOf(settings.replace),
    foreign_keys: ownOf(settings.foreign_keys),
    generic: settings.generic.filter(({ table }) => has(table)),
  };
}
