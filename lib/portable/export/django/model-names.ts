/** Names tables as Django's `app.model`, by Django's own records if the database is a Django site's. */
import type { Connection } from "../../engine/connection.ts";
import { DJANGO_TABLES } from "../../schema/django-models.ts";
import type { Table, TableId } from "../../schema/tables.ts";
import { tableName } from "../../engine/sql-names.ts";

export interface ModelName {
  readonly app: string;
  readonly model: string;
}

const CONTENT_TYPES = "django_content_type";
const MIGRATIONS = "django_migrations";

/**
 * Returns a unique name for each of `tables`. A table without the prefix of an app is a model of its schema, or of
 * `main`; so is every table without Django. `all` are the tables of the database.
 */
export async function modelNames(
  connection: Connection,
  all: readonly Table[],
  tables: readonly Table[],
): Promise<Map<TableId, ModelName>> {
  const known = await contentTypes(connection, all);
  const apps = [...new Set([...known.map(({ app }) => app), ...(await migratedApps(connection, all))])];
  const names = new Map<TableId, ModelName>();
  const taken = new Set<string>();
  for (const table of tables) {
    const found =
      ownModel(table, all) ??
      known.find(({ app, model }) => `${app}_${model}` === table.name.toLowerCase()) ??
      byPrefix(table, apps);
    const wanted = found !== undefined && !taken.has(labelOf(found)) ? found : plain(table, apps);
    const name = { ...wanted };
    while (taken.has(labelOf(name))) name.app += "_";
    taken.add(labelOf(name));
    names.set(table.id, name);
  }
  return names;
}

export const labelOf = ({ app, model }: ModelName): string => `${app}.${model}`;

/** Finds the model of Django itself that has a table named otherwise. */
function ownModel({ name }: Table, all: readonly Table[]): ModelName | undefined {
  const [label = ""] = [...DJANGO_TABLES].find(([, table]) => table === name) ?? [];
  const [app, model] = label.split(".");
  return isDjango(all) && app !== undefined && model !== undefined ? { app, model } : undefined;
}

/** Finds the longest app that the table's name begins with: join tables have no content type. */
function byPrefix({ name }: Table, apps: readonly string[]): ModelName | undefined {
  const [app] = apps
    .filter((one) => name.startsWith(`${one}_`) && name.length > one.length + 1)
    .toSorted((a, b) => b.length - a.length);
  return app === undefined ? undefined : { app, model: name.slice(app.length + 1) };
}

function plain({ schema, name }: Table, apps: readonly string[]): ModelName {
  let app = schema ?? "main";
  while (apps.includes(app)) app += "_";
  return { app, model: name };
}

async function contentTypes(connection: Connection, all: readonly Table[]): Promise<ModelName[]> {
  const rows = await readTexts(connection, all, CONTENT_TYPES, ["app_label", "model"]);
  return rows.map(([app = "", model = ""]) => ({ app, model }));
}

const migratedApps = async (connection: Connection, all: readonly Table[]): Promise<string[]> =>
  (await readTexts(connection, all, MIGRATIONS, ["app"])).map(([app = ""]) => app);

async function readTexts(
  connection: Connection,
  all: readonly Table[],
  wanted: string,
  columns: readonly string[],
): Promise<string[][]> {
  const table = all.find(({ name }) => name === wanted);
  if (table === undefined || !columns.every((column) => table.columns.some(({ name }) => name === column))) return [];
  const list = columns.map(connection.quote).join(", ");
  const rows = await connection.rows(`select distinct ${list} from ${tableName(connection, table)} order by ${list}`);
  return rows.map((row) => row.map(String));
}

export const isDjango = (all: readonly Table[]): boolean => all.some(({ name }) => name === MIGRATIONS);
