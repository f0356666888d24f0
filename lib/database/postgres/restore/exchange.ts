/** Exchanges PostgreSQL databases: both renames in one transaction, without connections. */
import { setTimeout as sleep } from "node:timers/promises";
import * as z from "zod";
import { HoldfastError, asHoldfastError } from "../../../errors.ts";
import { literal, quote, type PostgresAdmin } from "../admin.ts";

/** The number of attempts to end connections, and the pause after each. */
const ATTEMPTS = 5;
const STRAGGLERS_MS = 5000;

/**
 * The last line of the comment of a database that a restore made where there was none: it says that `exchangeBack` may
 * take it away again. A comment, as its owner needs no other right for it.
 */
const mark = (scratch: string): string => `Restored as ${scratch}.`;
const MARK = /(?:^|\n)Restored as [^\n]*\.$/;

/**
 * Puts `scratch` in the place of live. Any step of it may be its last: called again, it goes on by the names that it
 * finds.
 */
export async function exchange(
  admin: PostgresAdmin,
  scratch: string,
  aside: string,
  signal: AbortSignal,
): Promise<void> {
  const { live } = admin;
  const there = await present(admin, [live, scratch, aside]);
  if (!there.has(scratch)) {
    if (there.has(live)) return await admin.run(allow(live, true));
    throw gone(scratch);
  }
  if (!there.has(live)) {
    const { comment } = await propertiesOf(admin, scratch);
    const marked = comment === null ? mark(scratch) : `${comment.replace(MARK, "")}\n${mark(scratch)}`.trimStart();
    return await rename(admin, { from: scratch, to: live }, [], commentOn(scratch, marked), signal);
  }
  if (there.has(aside)) throw taken(aside);
  const carried = await carryOver(admin, live, scratch);
  await rename(admin, { from: scratch, to: live }, [{ from: live, to: aside }], carried, signal);
}

/** The way back of `exchange`, in the same manner. */
export async function exchangeBack(
  admin: PostgresAdmin,
  scratch: string,
  aside: string,
  signal: AbortSignal,
): Promise<void> {
  const { live } = admin;
  const there = await present(admin, [live, scratch, aside]);
  if (there.has(scratch) && there.has(aside) && there.has(live)) throw taken(scratch);
  if (there.has(aside)) {
    const before = there.has(live) ? [{ from: live, to: scratch }] : [];
    return await rename(admin, { from: aside, to: live }, before, "", signal);
  }
  if (there.has(scratch)) return there.has(live) ? await admin.run(allow(live, true)) : undefined;
  if (!there.has(live)) throw gone(aside);
  const { comment } = await propertiesOf(admin, live);
  if (comment === null || !`\n${comment}`.endsWith(`\n${mark(scratch)}`)) throw gone(aside);
  const before = comment.replace(MARK, "");
  await closed(admin, [live], signal, async () => {
    const renames = renaming({ from: live, to: scratch });
    await admin.run(`begin; ${commentOn(live, before === "" ? null : before)} ${renames} commit;`);
  });
}

interface Renaming {
  readonly from: string;
  readonly to: string;
}

const renaming = ({ from, to }: Renaming): string => `alter database ${quote(from)} rename to ${quote(to)};`;
const commentOn = (name: string, text: string | null): string =>
  `comment on database ${quote(name)} is ${text === null ? "null" : literal(text)};`;
const allow = (name: string, yes: boolean): string => `alter database ${quote(name)} with allow_connections ${yes};`;

/** Renames in one transaction, at the end of which connections to the new live are allowed again. */
async function rename(
  admin: PostgresAdmin,
  toLive: Renaming,
  before: readonly Renaming[],
  carried: string,
  signal: AbortSignal,
): Promise<void> {
  const names = [toLive.from, ...before.map(({ from }) => from)];
  const renames = [...before, toLive].map(renaming).join(" ");
  await closed(admin, names, signal, async () => {
    await admin.run(`begin;\n${carried}\n${renames} ${allow(toLive.to, true)}\ncommit;`);
  });
}

/** Runs `work` without connections to the databases. If that fails, they accept connections again. */
async function closed(
  admin: PostgresAdmin,
  names: readonly string[],
  signal: AbortSignal,
  work: () => Promise<void>,
): Promise<void> {
  try {
    await admin.run(names.map((name) => allow(name, false)).join("\n"));
    for (let attempt = 1; ; attempt++) {
      const left = await endConnections(admin, names, signal);
      if (left.length === 0) {
        try {
          return await work();
        } catch (error) {
          if (attempt === ATTEMPTS || (await connected(admin, names)).length === 0) throw error;
        }
      } else if (attempt === ATTEMPTS || left.every(({ ours }) => !ours)) throw held(left);
    }
  } catch (error) {
    const failure = asHoldfastError(error);
    if (signal.aborted) throw failure; // no program starts any more: the next call opens it
    for (const name of names) await admin.run(allow(name, true)).catch(() => {}); // the first error tells more
    if (failure.code !== "E_DATABASE") throw failure;
    throw new HoldfastError("E_RESTORE", failure.message, { hint: HINT, cause: error });
  }
}

const HINT = "nothing was changed; --database with a superuser's URL has every right that is needed";

const backendSchema = z.object({ role: z.string().nullable(), ours: z.boolean() });
type Backend = z.infer<typeof backendSchema>;

/**
 * Who is connected, workers of the server itself left out: they end by themselves. `ours`: we have the right to end it.
 */
async function connected(admin: PostgresAdmin, names: readonly string[], action = ""): Promise<Backend[]> {
  const rows = await admin.query(`
    select usename as role, ours ${action} from (
      select pid, usename, (select rolsuper from pg_catalog.pg_roles where rolname = current_user) or (
        not coalesce((select rolsuper from pg_catalog.pg_roles r where r.oid = usesysid), true)
        and (pg_has_role(usesysid, 'member') or pg_has_role('pg_signal_backend', 'member'))) as ours
      from pg_catalog.pg_stat_activity
      where datname in (${names.map(literal).join(", ")}) and usesysid is not null) as backend`);
  return rows.map((row) => backendSchema.parse(row));
}

/** Ends them, and gives those that are still there after a while. */
async function endConnections(admin: PostgresAdmin, names: readonly string[], signal: AbortSignal): Promise<Backend[]> {
  const end = ", case when ours then pg_terminate_backend(pid) end as ended";
  const until = Date.now() + STRAGGLERS_MS;
  for (;;) {
    const left = await connected(admin, names, end);
    if (left.length === 0 || Date.now() > until) return left;
    await sleep(100, undefined, { signal });
  }
}

function held(left: readonly Backend[]): HoldfastError {
  const roles = [...new Set(left.map(({ role }) => role ?? "?"))].join(", ");
  return new HoldfastError("E_RESTORE", `sessions of ${roles} with the database could not be ended`, {
    hint: "nothing was changed; stop what uses the database, grant pg_signal_backend, or give --database a superuser's URL",
  });
}

function gone(name: string): HoldfastError {
  const hint = "the restore was confirmed or rolled back manually; psql -l lists the databases";
  return new HoldfastError("E_RESTORE", `the server has no database ${name}`, { hint });
}

function taken(name: string): HoldfastError {
  return new HoldfastError("E_RESTORE", `the server already has a database ${name}`, {
    hint: "nothing was changed; rename or drop it, then start again",
  });
}

async function present(admin: PostgresAdmin, names: readonly string[]): Promise<ReadonlySet<string>> {
  const list = names.map(literal).join(", ");
  const rows = await admin.query(`select datname as name from pg_catalog.pg_database where datname in (${list})`);
  return new Set(rows.map(({ name }) => String(name)));
}

const settingSchema = z.object({ role: z.string().nullable(), setting: z.string() });

async function settingsOf(admin: PostgresAdmin, name: string) {
  const rows = await admin.query(`
    select r.rolname as role, unnest(s.setconfig) as setting
    from pg_catalog.pg_db_role_setting s join pg_catalog.pg_database d on d.oid = s.setdatabase
      left join pg_catalog.pg_roles r on r.oid = s.setrole
    where d.datname = ${literal(name)} and (s.setrole = 0 or r.oid is not null)`);
  return rows.map((row) => {
    const { role, setting } = settingSchema.parse(row);
    const at = setting.indexOf("=");
    return { role, key: setting.slice(0, at), value: setting.slice(at + 1) };
  });
}

const propertiesSchema = z.object({
  owner: z.string(),
  limit: z.number(),
  template: z.boolean(),
  comment: z.string().nullable(),
});
const grantSchema = z.object({ grantee: z.string().nullable(), privilege: z.string(), grantable: z.boolean() });
const labelSchema = z.object({ provider: z.string(), label: z.string() });

async function propertiesOf(admin: PostgresAdmin, name: string) {
  const where = `where datname = ${literal(name)}`;
  const [row] = await admin.query(`
    select pg_catalog.pg_get_userbyid(datdba) as owner, datconnlimit as limit, datistemplate as template,
      pg_catalog.shobj_description(oid, 'pg_database') as comment
    from pg_catalog.pg_database ${where}`);
  const grants = await admin.query(`
    select r.rolname as grantee, a.privilege_type as privilege, a.is_grantable as grantable
    from pg_catalog.pg_database d, aclexplode(coalesce(datacl, acldefault('d', datdba))) a
      left join pg_catalog.pg_roles r on r.oid = a.grantee ${where} and (a.grantee = 0 or r.oid is not null)`);
  const labels = await admin.query(`
    select provider, label from pg_catalog.pg_shseclabel l join pg_catalog.pg_database d on d.oid = l.objoid
    ${where} and l.classoid = 'pg_catalog.pg_database'::regclass`);
  return {
    ...propertiesSchema.parse(row),
    grants: grants.map((grant) => grantSchema.parse(grant)),
    labels: labels.map((label) => labelSchema.parse(label)),
    settings: await settingsOf(admin, name),
  };
}

/** The statements that give `scratch` the owner, rights, settings, limit, comment and labels of live. */
async function carryOver(admin: PostgresAdmin, live: string, scratch: string): Promise<string> {
  const [from, to] = [await propertiesOf(admin, live), await propertiesOf(admin, scratch)];
  const database = `database ${quote(scratch)}`;
  const role = (name: string | null): string => (name === null ? "public" : quote(name));
  const grantees = new Set([
    null,
    from.owner,
    ...to.grants.map(({ grantee }) => (grantee === to.owner ? from.owner : grantee)),
  ]);
  const scope = (of: string | null): string => (of === null ? database : `role ${quote(of)} in ${database}`);
  return [
    ...(from.owner === to.owner ? [] : [`alter ${database} owner to ${quote(from.owner)};`]),
    ...[...grantees].map((grantee) => `revoke all on ${database} from ${role(grantee)};`),
    ...from.grants.map(
      ({ grantee, privilege, grantable }) =>
        `grant ${privilege} on ${database} to ${role(grantee)}${grantable && grantee !== from.owner ? " with grant option" : ""};`,
    ),
    ...[...new Set(to.settings.map((setting) => setting.role))].map((of) => `alter ${scope(of)} reset all;`),
    ...from.settings.map(
      (setting) => `alter ${scope(setting.role)} set ${settingName(setting.key)} to ${settingValue(setting)};`,
    ),
    ...(from.limit === to.limit ? [] : [`alter ${database} with connection limit ${from.limit};`]),
    ...(from.template === to.template ? [] : [`alter ${database} with is_template ${from.template};`]),
    ...(from.comment === to.comment ? [] : [commentOn(scratch, from.comment)]),
    ...from.labels.map(
      ({ provider, label }) => `security label for ${quote(provider)} on ${database} is ${literal(label)};`,
    ),
  ].join("\n");
}

const settingName = (key: string): string => key.split(".").map(quote).join(".");

/** Lists that the catalogue keeps quoted: `variable_is_guc_list_quote` in src/bin/pg_dump/dumputils.c. */
const LISTS = new Set([
  "local_preload_libraries",
  "search_path",
  "session_preload_libraries",
  "shared_preload_libraries",
  "temp_tablespaces",
  "unix_socket_directories",
]);

function settingValue({ key, value }: { readonly key: string; readonly value: string }): string {
  if (!LISTS.has(key.toLowerCase())) return literal(value);
  const elements = value.match(/"(?:[^"]|"")*"|[^,\s"]+/g) ?? [""];
  return elements
    .map((word) => literal(word.startsWith('"') ? word.slice(1, -1).replaceAll('""', '"') : word))
    .join(", ");
}
