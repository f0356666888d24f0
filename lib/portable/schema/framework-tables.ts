/**
 * Detects the internal tables of frameworks, by name and columns together. Their rows belong to one installation, and
 * an export omits them unless they are requested.
 */
import { migrationTool } from "../../database/migrations.ts";
import type { Schema, Table, TableId } from "./tables.ts";

export type Role =
  | "session"
  | "cache"
  | "migrations"
  | "content-types"
  | "permissions"
  | "search-index"
  | "queue"
  | "log";

export interface FrameworkTable {
  readonly role: Role;
  /** The framework and, if another table changed the decision, that table. Shown by the plan. */
  readonly by: string;
  /** The default treatment. `by name`: rows of the target are found by natural key, and only missing ones are added. */
  readonly default: "left out" | "kept" | "by name";
}

interface Known {
  readonly role: Role;
  readonly by: string;
  /** Matches the whole name, in lower case. */
  readonly name: RegExp;
  readonly columns: readonly string[];
  readonly only?: ReadonlySet<string>;
}

const DEFAULTS: Readonly<Record<Role, FrameworkTable["default"]>> = {
  session: "left out",
  cache: "left out",
  migrations: "left out",
  "content-types": "by name",
  permissions: "by name",
  "search-index": "left out",
  queue: "left out",
  log: "kept",
};

/**
 * Describes a known table. It must have all `columns`; with `others`, used for common names, it may have only these in
 * addition. In lower case.
 */
const known = (role: Role, by: string, name: RegExp, columns: string, others?: string): Known => ({
  role,
  by,
  name,
  columns: columns.split(" "),
  ...(others === undefined ? {} : { only: new Set([...columns.split(" "), ...others.split(" ")]) }),
});

/** The known tables; the first match wins. The tables of applied migrations are in lib/database/migrations.ts. */
const KNOWN: readonly Known[] = [
  known("session", "Django", /^django_session$/, "session_key session_data expire_date"),
  known("content-types", "Django", /^django_content_type$/, "app_label model"),
  known("permissions", "Django", /^auth_permission$/, "content_type_id codename"),
  known("log", "Django", /^django_admin_log$/, "action_time action_flag content_type_id"),
  known("cache", "Django", /cache/, "cache_key value expires", ""),
  known("cache", "sorl-thumbnail", /^thumbnail_kvstore$/, "key value", ""),
  known("cache", "easy-thumbnails", /^easy_thumbnails_(?:source|thumbnail)$/, "storage_hash name modified"),
  known("cache", "easy-thumbnails", /^easy_thumbnails_thumbnaildimensions$/, "thumbnail_id width height"),
  known("search-index", "django-watson", /^watson_searchentry$/, "engine_slug content_type_id object_id content"),
  known("search-index", "Wagtail", /^wagtailsearch_indexentry$/, "content_type_id object_id title_norm"),
  known("queue", "Django Q", /^django_q_ormq$/, "key payload lock"),
  known("log", "django-axes", /^axes_access(?:log|attempt)$/, "ip_address user_agent"),
  known("log", "django-celery-results", /^django_celery_results_taskresult$/, "task_id status result"),
  known("migrations", "Rails", /^ar_internal_metadata$/, "key value"),
  known("session", "Rails", /^sessions$/, "session_id data", "id created_at updated_at"),
  known("cache", "Solid Cache", /^solid_cache_entries$/, "key value key_hash"),
  known("queue", "Solid Cable", /^solid_cable_messages$/, "channel payload"),
  known("queue", "Solid Queue", /^solid_queue_jobs$/, "queue_name class_name"),
  known(
    "queue",
    "Solid Queue",
    /^solid_queue_(?:ready|claimed|blocked|scheduled|failed|recurring)_executions$/,
    "job_id created_at",
  ),
  known("queue", "Solid Queue", /^solid_queue_processes$/, "last_heartbeat_at pid"),
  known("queue", "Solid Queue", /^solid_queue_semaphores$/, "key value expires_at"),
  known("queue", "Solid Queue", /^solid_queue_pauses$/, "queue_name created_at"),
  known("queue", "GoodJob", /^good_jobs$/, "queue_name serialized_params"),
  known("queue", "Delayed Job", /^delayed_jobs$/, "handler run_at locked_at"),
  known("queue", "Que", /^que_jobs$/, "job_class args run_at"),
  known("search-index", "pg_search", /^pg_search_documents$/, "content searchable_id searchable_type"),
  known("session", "Laravel", /^sessions$/, "id payload last_activity"),
  known("cache", "Laravel", /(?:^|_)cache$/, "key value expiration", ""),
  known("cache", "Laravel", /(?:^|_)cache_locks$/, "key owner expiration", ""),
  known("queue", "Laravel", /^jobs$/, "queue payload attempts reserved_at available_at"),
  known("queue", "Laravel", /^job_batches$/, "total_jobs pending_jobs failed_job_ids"),
  known("log", "Laravel", /^failed_jobs$/, "connection queue payload exception failed_at"),
  known("log", "Telescope", /^telescope_entries$/, "batch_id family_hash content"),
  known("session", "connect-pg-simple", /^(?:user_)?sessions?$/, "sid sess expire", ""),
  known("session", "express-mysql-session", /^sessions$/, "session_id expires data", ""),
  known("session", "connect-session-sequelize", /^sessions$/, "sid expires data", "createdat updatedat"),
  known("session", "Symfony", /^sessions$/, "sess_id sess_data sess_time"),
  known("queue", "Symfony", /^messenger_messages$/, "body headers queue_name available_at"),
  known("session", "CodeIgniter", /(?:^|_)ci_sessions$/, "id ip_address timestamp data"),
  known("session", "Spring Session", /^spring_session$/, "primary_id session_id last_access_time"),
  known(
    "session",
    "Spring Session",
    /^spring_session_attributes$/,
    "session_primary_id attribute_name attribute_bytes",
  ),
  known("session", "Ghost", /^sessions$/, "session_id session_data user_id"),
  known("session", "Directus", /^directus_sessions$/, "token expires ip"),
  known("session", "Joomla", /^[a-z0-9]+_session$/, "session_id client_id guest time data"),
  known("session", "Roundcube", /(?:^|_)session$/, "sess_id changed ip vars"),
  known("cache", "Roundcube", /(?:^|_)cache(?:_shared)?$/, "cache_key expires data", "user_id"),
  known("cache", "Roundcube", /(?:^|_)cache_(?:index|thread|messages)$/, "user_id mailbox expires data"),
  known("session", "Tiny Tiny RSS", /^ttrss_sessions$/, "id data expire"),
  known("session", "Request Tracker", /^sessions$/, "id a_session lastupdated"),
  known("session", "Zabbix", /^sessions$/, "sessionid userid lastaccess"),
  known("queue", "Oban", /^oban_jobs$/, "state queue worker args"),
  known("queue", "Oban", /^oban_peers$/, "name node expires_at"),
  known("cache", "Drupal", /^cache(?:_\w+)?$/, "cid data expire created serialized"),
  known("cache", "Drupal", /^cachetags$/, "tag invalidations", ""),
  known("cache", "Drupal", /^semaphore$/, "name value expire", ""),
  known("session", "Drupal", /^sessions$/, "uid sid hostname timestamp session"),
  known("queue", "Drupal", /^queue$/, "item_id name data expire created", ""),
  known("log", "Drupal", /^watchdog$/, "wid type message variables severity"),
  known("search-index", "Drupal", /^search_index$/, "word sid type score"),
  known("search-index", "Drupal", /^search_dataset$/, "sid type data reindex"),
  known("search-index", "Drupal", /^search_total$/, "word count", ""),
  known("cache", "MediaWiki", /(?:^|_)objectcache$/, "keyname value exptime"),
  known("cache", "MediaWiki", /(?:^|_)l10n_cache$/, "lc_lang lc_key lc_value", ""),
  known("search-index", "MediaWiki", /(?:^|_)searchindex$/, "si_page si_title si_text", ""),
  known("queue", "MediaWiki", /(?:^|_)job$/, "job_id job_cmd job_params"),
  known("migrations", "Knex", /^knex_migrations_lock$/, "index is_locked"),
  known("migrations", "Ghost", /^migrations$/, "name version currentversion"),
  known("migrations", "Ghost", /^migrations_lock$/, "lock_key locked"),
  known("migrations", "Liquibase", /^databasechangeloglock$/, "id locked lockgranted lockedby"),
  known("migrations", "Doctrine", /^doctrine_migration_versions$/, "version executed_at"),
  known("migrations", "Phinx", /(?:^|_)phinxlog$/, "version start_time end_time"),
  known("migrations", "Yii", /^(?:\w+_)?migration$/, "version apply_time", ""),
  known("migrations", "CodeIgniter", /^(?:\w+_)?migrations$/, "version class namespace batch"),
  known("migrations", "MikroORM", /^mikro_orm_migrations$/, "name executed_at"),
  known("migrations", "Payload", /^payload_migrations$/, "name batch"),
  known("migrations", "node-pg-migrate", /^pgmigrations$/, "name run_on"),
  known("migrations", "Directus", /^directus_migrations$/, "version name timestamp"),
  known("migrations", "Strapi", /^strapi_migrations(?:_internal)?$/, "name time"),
  known("migrations", "Strapi", /^strapi_database_schema$/, "schema time hash"),
];

/** Returns the framework tables of a schema. One that is referenced by an exported table is kept. */
export function detectFrameworkTables(schema: Schema): ReadonlyMap<TableId, FrameworkTable> {
  const found = new Map<TableId, FrameworkTable>();
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

function roleOf(table: Table): FrameworkTable | undefined {
  const name = table.name.toLowerCase();
  const columns = table.columns.map((column) => column.name.toLowerCase());
  const tool = migrationTool(name, columns);
  if (tool !== undefined) return { role: "migrations", by: tool, default: DEFAULTS.migrations };
  const found = KNOWN.find(
    (one) =>
      one.name.test(name) &&
      one.columns.every((column) => columns.includes(column)) &&
      columns.every((column) => one.only?.has(column) ?? true),
  );
  return found && { role: found.role, by: found.by, default: DEFAULTS[found.role] };
}
