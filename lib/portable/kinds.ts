/**
 * Tables that frameworks keep for themselves, told by name and columns together: what they hold belongs to one installation, and is left out of an
 * export unless somebody asks for it.
 */
import { migrationTool } from "../database/migrations.ts";
import type { Schema, Table, TableId } from "./schema.ts";

export type Role =
  | "session"
  | "cache"
  | "migrations"
  | "content-types"
  | "permissions"
  | "search-index"
  | "queue"
  | "log";

export interface Recognised {
  readonly role: Role;
  /** Whose table it is, and where another table decides about it, that as well. For the plan. */
  readonly by: string;
  /** `by name`: the target has rows of its own, which are found by their natural key, and only what it lacks is added. */
  readonly default: "left out" | "kept" | "by name";
}

interface Known {
  readonly role: Role;
  readonly by: string;
  /** Of the whole name, in lower case. */
  readonly name: RegExp;
  /** All must be there, in lower case. */
  readonly columns: readonly string[];
  /** The name is everybody's: then it may have only these beside them. */
  readonly others?: readonly string[];
  /** Unless its role says it. */
  readonly default?: Recognised["default"];
}

const DEFAULTS: Readonly<Record<Role, Recognised["default"]>> = {
  session: "left out",
  cache: "left out",
  migrations: "left out",
  "content-types": "by name",
  permissions: "by name",
  "search-index": "left out",
  queue: "left out",
  log: "kept",
};

/** Most specific first: the first that fits is taken. Tables of migrations that are known by what they apply are in lib/database/migrations.ts. */
const KNOWN: readonly Known[] = [
  ...django(),
  ...rails(),
  ...laravel(),
  ...others(),
  ...drupalAndMediaWiki(),
  ...moreMigrations(),
];

/** The tables that are known. One that another table needs, which is not left out itself, is kept. */
export function recognise(schema: Schema): ReadonlyMap<TableId, Recognised> {
  const found = new Map<TableId, Recognised>();
  for (const table of schema.tables) {
    const role = roleOf(table);
    if (role !== undefined) found.set(table.id, role);
  }
  const needed = schema.tables.filter((table) => found.get(table.id)?.default !== "left out");
  for (const table of needed) {
    for (const { target } of table.foreignKeys) {
      const role = found.get(target);
      if (role?.default !== "left out") continue;
      found.set(target, { ...role, by: `${role.by}; ${table.id} needs it`, default: "kept" });
      needed.push(...schema.tables.filter(({ id }) => id === target));
    }
  }
  return found;
}

function roleOf(table: Table): Recognised | undefined {
  const name = table.name.toLowerCase();
  const columns = table.columns.map((column) => column.name.toLowerCase());
  const tool = migrationTool(name, columns);
  if (tool !== undefined) return { role: "migrations", by: tool, default: DEFAULTS.migrations };
  const known = KNOWN.find(
    (one) =>
      one.name.test(name) &&
      one.columns.every((column) => columns.includes(column)) &&
      (one.others === undefined ||
        columns.every((column) => one.columns.includes(column) || one.others?.includes(column))),
  );
  if (known === undefined) return undefined;
  return { role: known.role, by: known.by, default: known.default ?? DEFAULTS[known.role] };
}

function django(): Known[] {
  const by = "Django";
  return [
    { role: "session", by, name: /^django_session$/, columns: ["session_key", "session_data", "expire_date"] },
    { role: "content-types", by, name: /^django_content_type$/, columns: ["app_label", "model"] },
    { role: "permissions", by, name: /^auth_permission$/, columns: ["content_type_id", "codename"] },
    { role: "log", by, name: /^django_admin_log$/, columns: ["action_time", "action_flag", "content_type_id"] },
    // CACHES names it: createcachetable makes these columns and no others.
    { role: "cache", by, name: /cache/, columns: ["cache_key", "value", "expires"], others: [] },
    { role: "cache", by: "sorl-thumbnail", name: /^thumbnail_kvstore$/, columns: ["key", "value"], others: [] },
    {
      role: "cache",
      by: "easy-thumbnails",
      name: /^easy_thumbnails_(?:source|thumbnail)$/,
      columns: ["storage_hash", "name", "modified"],
    },
    {
      role: "cache",
      by: "easy-thumbnails",
      name: /^easy_thumbnails_thumbnaildimensions$/,
      columns: ["thumbnail_id", "width", "height"],
    },
    {
      role: "search-index",
      by: "django-watson",
      name: /^watson_searchentry$/,
      columns: ["engine_slug", "content_type_id", "object_id", "content"],
    },
    {
      role: "search-index",
      by: "Wagtail",
      name: /^wagtailsearch_indexentry$/,
      columns: ["content_type_id", "object_id", "title_norm"],
    },
    { role: "queue", by: "Django Q", name: /^django_q_ormq$/, columns: ["key", "payload", "lock"] },
    { role: "log", by: "django-axes", name: /^axes_access(?:log|attempt)$/, columns: ["ip_address", "user_agent"] },
    {
      role: "log",
      by: "django-celery-results",
      name: /^django_celery_results_taskresult$/,
      columns: ["task_id", "status", "result"],
    },
  ];
}

function rails(): Known[] {
  const by = "Rails";
  return [
    { role: "migrations", by, name: /^ar_internal_metadata$/, columns: ["key", "value"] },
    {
      role: "session",
      by,
      name: /^sessions$/,
      columns: ["session_id", "data"],
      others: ["id", "created_at", "updated_at"],
    },
    { role: "cache", by: "Solid Cache", name: /^solid_cache_entries$/, columns: ["key", "value", "key_hash"] },
    { role: "queue", by: "Solid Cable", name: /^solid_cable_messages$/, columns: ["channel", "payload"] },
    { role: "queue", by: "Solid Queue", name: /^solid_queue_jobs$/, columns: ["queue_name", "class_name"] },
    {
      role: "queue",
      by: "Solid Queue",
      name: /^solid_queue_(?:ready|claimed|blocked|scheduled|failed|recurring)_executions$/,
      columns: ["job_id", "created_at"],
    },
    { role: "queue", by: "Solid Queue", name: /^solid_queue_processes$/, columns: ["last_heartbeat_at", "pid"] },
    { role: "queue", by: "Solid Queue", name: /^solid_queue_semaphores$/, columns: ["key", "value", "expires_at"] },
    { role: "queue", by: "Solid Queue", name: /^solid_queue_pauses$/, columns: ["queue_name", "created_at"] },
    { role: "queue", by: "GoodJob", name: /^good_jobs$/, columns: ["queue_name", "serialized_params"] },
    { role: "queue", by: "Delayed Job", name: /^delayed_jobs$/, columns: ["handler", "run_at", "locked_at"] },
    { role: "queue", by: "Que", name: /^que_jobs$/, columns: ["job_class", "args", "run_at"] },
    {
      role: "search-index",
      by: "pg_search",
      name: /^pg_search_documents$/,
      columns: ["content", "searchable_id", "searchable_type"],
    },
  ];
}

function laravel(): Known[] {
  const by = "Laravel";
  return [
    { role: "session", by, name: /^sessions$/, columns: ["id", "payload", "last_activity"] },
    { role: "cache", by, name: /(?:^|_)cache$/, columns: ["key", "value", "expiration"], others: [] },
    { role: "cache", by, name: /(?:^|_)cache_locks$/, columns: ["key", "owner", "expiration"], others: [] },
    { role: "queue", by, name: /^jobs$/, columns: ["queue", "payload", "attempts", "reserved_at", "available_at"] },
    { role: "queue", by, name: /^job_batches$/, columns: ["total_jobs", "pending_jobs", "failed_job_ids"] },
    { role: "log", by, name: /^failed_jobs$/, columns: ["connection", "queue", "payload", "exception", "failed_at"] },
    { role: "log", by: "Telescope", name: /^telescope_entries$/, columns: ["batch_id", "family_hash", "content"] },
  ];
}

function others(): Known[] {
  return [
    {
      role: "session",
      by: "connect-pg-simple",
      name: /^(?:user_)?sessions?$/,
      columns: ["sid", "sess", "expire"],
      others: [],
    },
    {
      role: "session",
      by: "express-mysql-session",
      name: /^sessions$/,
      columns: ["session_id", "expires", "data"],
      others: [],
    },
    {
      role: "session",
      by: "connect-session-sequelize",
      name: /^sessions$/,
      columns: ["sid", "expires", "data"],
      others: ["createdat", "updatedat"],
    },
    { role: "session", by: "Symfony", name: /^sessions$/, columns: ["sess_id", "sess_data", "sess_time"] },
    {
      role: "queue",
      by: "Symfony",
      name: /^messenger_messages$/,
      columns: ["body", "headers", "queue_name", "available_at"],
    },
    {
      role: "session",
      by: "CodeIgniter",
      name: /(?:^|_)ci_sessions$/,
      columns: ["id", "ip_address", "timestamp", "data"],
    },
    {
      role: "session",
      by: "Spring Session",
      name: /^spring_session$/,
      columns: ["primary_id", "session_id", "last_access_time"],
    },
    {
      role: "session",
      by: "Spring Session",
      name: /^spring_session_attributes$/,
      columns: ["session_primary_id", "attribute_name", "attribute_bytes"],
    },
    { role: "session", by: "Ghost", name: /^sessions$/, columns: ["session_id", "session_data", "user_id"] },
    { role: "session", by: "Directus", name: /^directus_sessions$/, columns: ["token", "expires", "ip"] },
    {
      role: "session",
      by: "Joomla",
      name: /^[a-z0-9]+_session$/,
      columns: ["session_id", "client_id", "guest", "time", "data"],
    },
    { role: "queue", by: "Oban", name: /^oban_jobs$/, columns: ["state", "queue", "worker", "args"] },
    { role: "queue", by: "Oban", name: /^oban_peers$/, columns: ["name", "node", "expires_at"] },
  ];
}

function drupalAndMediaWiki(): Known[] {
  const [drupal, wiki] = ["Drupal", "MediaWiki"];
  return [
    {
      role: "cache",
      by: drupal,
      name: /^cache(?:_\w+)?$/,
      columns: ["cid", "data", "expire", "created", "serialized"],
    },
    { role: "cache", by: drupal, name: /^cachetags$/, columns: ["tag", "invalidations"], others: [] },
    { role: "cache", by: drupal, name: /^semaphore$/, columns: ["name", "value", "expire"], others: [] },
    { role: "session", by: drupal, name: /^sessions$/, columns: ["uid", "sid", "hostname", "timestamp", "session"] },
    {
      role: "queue",
      by: drupal,
      name: /^queue$/,
      columns: ["item_id", "name", "data", "expire", "created"],
      others: [],
    },
    { role: "log", by: drupal, name: /^watchdog$/, columns: ["wid", "type", "message", "variables", "severity"] },
    { role: "search-index", by: drupal, name: /^search_index$/, columns: ["word", "sid", "type", "score"] },
    { role: "search-index", by: drupal, name: /^search_dataset$/, columns: ["sid", "type", "data", "reindex"] },
    { role: "search-index", by: drupal, name: /^search_total$/, columns: ["word", "count"], others: [] },
    { role: "cache", by: wiki, name: /(?:^|_)objectcache$/, columns: ["keyname", "value", "exptime"] },
    { role: "cache", by: wiki, name: /(?:^|_)l10n_cache$/, columns: ["lc_lang", "lc_key", "lc_value"], others: [] },
    {
      role: "search-index",
      by: wiki,
      name: /(?:^|_)searchindex$/,
      columns: ["si_page", "si_title", "si_text"],
      others: [],
    },
    { role: "queue", by: wiki, name: /(?:^|_)job$/, columns: ["job_id", "job_cmd", "job_params"] },
  ];
}

/** What tools of migration keep that does not say what has been applied, or is not read for it. */
function moreMigrations(): Known[] {
  const known = (by: string, name: RegExp, columns: readonly string[], others?: readonly string[]): Known => ({
    role: "migrations",
    by,
    name,
    columns,
    ...(others === undefined ? {} : { others }),
  });
  return [
    known("Knex", /^knex_migrations_lock$/, ["index", "is_locked"]),
    known("Ghost", /^migrations$/, ["name", "version", "currentversion"]),
    known("Ghost", /^migrations_lock$/, ["lock_key", "locked"]),
    known("Liquibase", /^databasechangeloglock$/, ["id", "locked", "lockgranted", "lockedby"]),
    known("Doctrine", /^doctrine_migration_versions$/, ["version", "executed_at"]),
    known("Phinx", /(?:^|_)phinxlog$/, ["version", "start_time", "end_time"]),
    known("Yii", /^(?:\w+_)?migration$/, ["version", "apply_time"], []),
    known("CodeIgniter", /^(?:\w+_)?migrations$/, ["version", "class", "namespace", "batch"]),
    known("MikroORM", /^mikro_orm_migrations$/, ["name", "executed_at"]),
    known("Payload", /^payload_migrations$/, ["name", "batch"]),
    known("node-pg-migrate", /^pgmigrations$/, ["name", "run_on"]),
    known("Directus", /^directus_migrations$/, ["version", "name", "timestamp"]),
    known("Strapi", /^strapi_migrations(?:_internal)?$/, ["name", "time"]),
    known("Strapi", /^strapi_database_schema$/, ["schema", "time", "hash"]),
  ];
}
