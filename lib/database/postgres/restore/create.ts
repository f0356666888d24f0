/** Making an empty database like another one. */
import * as z from "zod";
import { literal, quote, type PostgresAdmin } from "../admin.ts";
import type { ArchiveEntry } from "../archive-list.ts";

/** The columns of pg_database that decide what a database can hold; their names vary with the server's version. */
const likeSchema = z.object({
  encoding: z.string(),
  provider: z.string().nullable(),
  collate: z.string().nullable(),
  ctype: z.string().nullable(),
  locale: z.string().nullable(),
  rules: z.string().nullable(),
  /** Null where we have no right to it, and for the default one. */
  tablespace: z.string().nullable(),
});

/** Returns options of CREATE DATABASE to copy those of `name`; undefined if it does not exist. */
async function optionsOfDatabase(admin: PostgresAdmin, name: string): Promise<string | undefined> {
  const [row] = await admin.query(`
    select pg_catalog.pg_encoding_to_char(encoding) as encoding, j->>'datlocprovider' as provider, j->>'datcollate' as collate,
      j->>'datctype' as ctype, coalesce(j->>'datlocale', j->>'daticulocale') as locale, j->>'daticurules' as rules,
      (select spcname from pg_catalog.pg_tablespace t where t.oid = dattablespace and spcname <> 'pg_default'
        and has_tablespace_privilege(t.oid, 'create')) as tablespace
    from (select d.*, to_jsonb(d) as j from pg_catalog.pg_database d where datname = ${literal(name)}) as database`);
  if (row === undefined) return undefined;
  const like = likeSchema.parse(row);
  const options: [string, string | null][] = [
    ["encoding", like.encoding],
    ["lc_collate", like.collate],
    ["lc_ctype", like.ctype],
  ];
  if (like.provider === "i") options.push(["icu_locale", like.locale], ["icu_rules", like.rules]);
  if (like.provider === "b") options.push(["builtin_locale", like.locale]);
  const provider =
    like.provider === "i" ? " locale_provider = icu" : like.provider === "b" ? " locale_provider = builtin" : "";
  const words = options.filter(([, value]) => value !== null).map(([key, value]) => `${key} = ${literal(value ?? "")}`);
  return `${words.join(" ")}${provider}${like.tablespace === null ? "" : ` tablespace = ${quote(like.tablespace)}`}`;
}

/** Returns the options of the dump's own CREATE DATABASE, without its tablespace. */
function optionsOfDump(entries: readonly ArchiveEntry[]): string {
  const create = entries
    .flatMap(({ type, statements }) => (type === "DATABASE" ? statements : []))
    .find((sql) => sql.startsWith("CREATE DATABASE "));
  const options = create === undefined ? undefined : /TEMPLATE = template0 ?([^]*);$/.exec(create)?.[1];
  return (options ?? "encoding = 'UTF8'").replace(/ ?TABLESPACE = (?:"(?:[^"]|"")+"|\S+)/, "");
}

/**
 * Returns the locale of the dump's database if the server lacks it. Tries a collation and rolls it back, if the
 * encodings are equal.
 */
export async function lacksLocale(admin: PostgresAdmin, entries: readonly ArchiveEntry[]): Promise<string | undefined> {
  if (await admin.exists(admin.live)) return undefined;
  const options = optionsOfDump(entries);
  const words = ["LC_COLLATE", "LC_CTYPE", "LOCALE"].map(
    (key) => new RegExp(`\\b${key} = '((?:[^']|'')*)'`).exec(options)?.[1],
  );
  const locales = [...new Set(words.filter((word) => word !== undefined))];
  for (const locale of locales) {
    if (
      await admin.works(`begin; create collation pg_temp.holdfast (provider = libc, locale = '${locale}'); rollback;`)
    )
      continue;
    return locale;
  }
  return undefined;
}

/** Databases of the server itself: a new database takes nothing from them. */
const MAINTENANCE = new Set(["postgres", "template1"]);

/** The encoding in options of CREATE DATABASE. */
const encodingIn = (options: string): string | undefined => /\bencoding = '([^']*)'/i.exec(options)?.[1];

/** Returns the encodings of live and of the dump where they differ: the bytes of one may mean nothing in the other. */
export async function otherEncoding(
  admin: PostgresAdmin,
  entries: readonly ArchiveEntry[],
): Promise<{ readonly live: string; readonly dump: string } | undefined> {
  const live = encodingIn((await optionsOfLive(admin)) ?? "");
  const dump = encodingIn(optionsOfDump(entries));
  return live === undefined || dump === undefined || live === dump ? undefined : { live, dump };
}

const optionsOfLive = async (admin: PostgresAdmin): Promise<string | undefined> =>
  MAINTENANCE.has(admin.live) ? undefined : await optionsOfDatabase(admin, admin.live);

/**
 * Creates the database `name`: like live where that has the encoding of the dump, else as the dump says, else with the
 * dump's encoding and another locale. Nobody but its owner and superusers can connect to it.
 */
export async function createLike(
  admin: PostgresAdmin,
  name: string,
  { entries, owner }: { readonly entries: readonly ArchiveEntry[]; readonly owner: string },
): Promise<void> {
  const like = await optionsOfLive(admin);
  const asDumped = optionsOfDump(entries);
  const encoding = encodingIn(asDumped) ?? "UTF8";
  const options =
    like !== undefined && encodingIn(like) === encoding
      ? [like]
      : [asDumped, `encoding = '${encoding}'`, `encoding = '${encoding}' lc_collate = 'C' lc_ctype = 'C'`];
  await tryOptions(
    admin,
    name,
    options.map((words) => `owner = ${quote(owner)} ${words}`),
  );
  await admin.run(
    `revoke all on database ${quote(name)} from public; alter database ${quote(name)} with allow_connections true;`,
  );
}

async function tryOptions(
  admin: PostgresAdmin,
  name: string,
  [options = "", ...others]: readonly string[],
): Promise<void> {
  try {
    await admin.run(`create database ${quote(name)} with template = template0 allow_connections = false ${options};`);
  } catch (error) {
    if (others.length === 0 || (await admin.exists(name))) throw error;
    await tryOptions(admin, name, others);
  }
}
