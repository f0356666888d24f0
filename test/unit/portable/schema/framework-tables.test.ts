/** Which tables are a framework's own. */
import { expect, test } from "vitest";
import { detectFrameworkTables } from "../../../../lib/portable/schema/framework-tables.ts";
import { portableSchema, type TerseTable } from "../../../support/portable/schema.ts";

const of = (tables: Readonly<Record<string, TerseTable>>): Record<string, string> =>
  Object.fromEntries(
    [...detectFrameworkTables(portableSchema(tables))].map(([id, one]) => [
      id,
      `${one.role}, ${one.by}: ${one.default}`,
    ]),
  );

test.each<[table: string, columns: string, said: string]>([
  ["django_session", "session_key session_data expire_date", "session, Django: left out"],
  ["django_content_type", "id! app_label model", "content-types, Django: by name"],
  ["auth_permission", "id! name content_type_id codename", "permissions, Django: by name"],
  ["django_admin_log", "id! action_time action_flag content_type_id? user_id", "log, Django: kept"],
  ["axes_accessattempt", "id! ip_address user_agent attempt_time", "log, django-axes: kept"],
  ["my_cache_table", "cache_key value expires", "cache, Django: left out"],
  ["thumbnail_kvstore", "key value", "cache, sorl-thumbnail: left out"],
  ["django_migrations", "id! app name applied", "migrations, Django: left out"],
  ["schema_migrations", "version", "migrations, Rails: left out"],
  ["schema_migrations", "version inserted_at", "migrations, Ecto: left out"],
  ["schema_migrations", "version dirty", "migrations, golang-migrate: left out"],
  ["migrations", "id! migration batch", "migrations, Laravel: left out"],
  ["migrations", "id! timestamp name", "migrations, TypeORM: left out"],
  ["migrations", "id! name version currentVersion", "migrations, Ghost: left out"],
  ["migrations", "id! version class group namespace time batch", "migrations, CodeIgniter: left out"],
  ["SequelizeMeta", "name", "migrations, Sequelize: left out"],
  ["__EFMigrationsHistory", "MigrationId ProductVersion", "migrations, EF Core: left out"],
  ["DATABASECHANGELOGLOCK", "ID LOCKED LOCKGRANTED LOCKEDBY", "migrations, Liquibase: left out"],
  ["ar_internal_metadata", "key value created_at updated_at", "migrations, Rails: left out"],
  ["sessions", "id! session_id data created_at updated_at", "session, Rails: left out"],
  ["sessions", "id user_id? ip_address? user_agent? payload last_activity", "session, Laravel: left out"],
  ["session", "sid sess expire", "session, connect-pg-simple: left out"],
  ["sessions", "uid sid hostname timestamp cache session", "session, Drupal: left out"],
  ["cache", "key value expiration", "cache, Laravel: left out"],
  ["cache_locks", "key owner expiration", "cache, Laravel: left out"],
  ["cache_render", "cid data expire created serialized tags", "cache, Drupal: left out"],
  ["jobs", "id! queue payload attempts reserved_at? available_at created_at", "queue, Laravel: left out"],
  ["failed_jobs", "id! uuid connection queue payload exception failed_at", "log, Laravel: kept"],
  ["good_jobs", "id queue_name priority serialized_params scheduled_at", "queue, GoodJob: left out"],
  [
    "messenger_messages",
    "id! body headers queue_name created_at available_at delivered_at?",
    "queue, Symfony: left out",
  ],
  ["wikisearchindex", "si_page si_title si_text", ""],
  ["wiki_searchindex", "si_page si_title si_text", "search-index, MediaWiki: left out"],
  ["pg_search_documents", "id! content searchable_type searchable_id", "search-index, pg_search: left out"],
  // What people have of the same name is theirs.
  ["sessions", "id! title speaker room starts_at data", ""],
  ["sessions", "id! session_id data speaker", ""],
  ["jobs", "id! title company salary", ""],
  ["cache", "id! place geocoordinates found_by", ""],
  ["migrations", "id! bird season route", ""],
  ["queue", "item_id name data expire created priority", ""],
  ["thumbnail_kvstore", "key value owner", ""],
])("%s (%s) is: %s", (table, columns, said) => {
  expect(of({ [table]: { columns } })).toEqual(said === "" ? {} : { [table]: said });
});

test("what a table that stays needs is kept, and what that needs in turn", () => {
  const session = "session_key session_data expire_date";
  const visits: TerseTable = { columns: "id! session_key", fk: [["session_key", "django_session"]] };
  expect(of({ django_session: { columns: session, pk: "session_key" }, visits })).toEqual({
    django_session: "session, Django; visits needs it: kept",
  });
  const source: TerseTable = { columns: "id! storage_hash name modified", pk: "id" };
  const thumbnail: TerseTable = {
    columns: "id! storage_hash name modified source_id",
    pk: "id",
    fk: [["source_id", "easy_thumbnails_source"]],
  };
  const tables = { easy_thumbnails_source: source, easy_thumbnails_thumbnail: thumbnail };
  expect(Object.values(of(tables))).toEqual(["cache, easy-thumbnails: left out", "cache, easy-thumbnails: left out"]);
  const used = { columns: "id! thumb_id", fk: [["thumb_id", "easy_thumbnails_thumbnail"]] } satisfies TerseTable;
  expect(of({ ...tables, used })).toEqual({
    easy_thumbnails_thumbnail: "cache, easy-thumbnails; used needs it: kept",
    easy_thumbnails_source: "cache, easy-thumbnails; easy_thumbnails_thumbnail needs it: kept",
  });
});

test("a schema's name is not part of a table's", () => {
  expect(of({ "drizzle.__drizzle_migrations": { columns: "id! hash created_at" } })).toEqual({
    "drizzle.__drizzle_migrations": "migrations, Drizzle: left out",
  });
});
