/** Plans which parts of a dump this server and user can load, before anything is created. */
import * as z from "zod";
import { HoldfastError } from "../../../errors.ts";
import { literal, quote, type PostgresAdmin } from "../admin.ts";
import type { Archive, ArchiveEntry } from "../archive-list.ts";
import { grantsFor, rolesOf } from "./roles.ts";

export interface LoadPlan {
  /** Flags for pg_restore. */
  readonly flags: readonly string[];
  /** Rights to give when all is loaded; empty where pg_restore gives them itself. */
  readonly grants: readonly string[];
  /** The properties of the database in the dump, as statements about another name. */
  readonly properties: (database: string) => readonly string[];
  readonly warnings: readonly string[];
  /**
   * The schemas that unqualified names are looked for in, ready for SET: those of the site's sessions, then all others
   * of the dump.
   */
  readonly searchPath: string;
  /** The owner of the new database: live's, if this user may set it. */
  readonly owner: string;
  readonly entries: readonly ArchiveEntry[];
}

/** Flags of pg_restore that would not load into the scratch database. */
const REFUSED_LONG = ["create", "dbname", "file", "list", "host", "port", "username", "password", "help", "version"];
const REFUSED_SHORT = "CdflhpUWV?";
const WITH_VALUE = "FjILnNPSTt";

/** Throws `E_USAGE` for flags that must not be passed on. */
export function checkFlags(flags: readonly string[]): void {
  const bad = flags.find((flag) => {
    if (!flag.startsWith("-") || flag === "-" || flag === "--") return true;
    if (flag.startsWith("--")) {
      const name = flag.slice(2).replace(/=.*$/s, "");
      return REFUSED_LONG.some((long) => long.startsWith(name));
    }
    const letters = flag.slice(1).split("");
    const value = letters.findIndex((letter) => WITH_VALUE.includes(letter));
    return letters.slice(0, value < 0 ? undefined : value).some((letter) => REFUSED_SHORT.includes(letter));
  });
  if (bad === undefined) return;
  throw new HoldfastError("E_USAGE", `${bad} cannot be passed on to pg_restore`, {
    hint: "write each flag as one word, like --schema=public; flags that choose the target are not allowed",
  });
}

const roleSchema = z.object({ name: z.string(), usable: z.boolean() });
const extensionSchema = z.object({ name: z.string(), free: z.boolean() });
const liveSchema = z.object({ owner: z.string(), ours: z.boolean() });

/** Throws `E_RESTORE` for what cannot be; the rest is in the plan. */
export async function planLoad(
  admin: PostgresAdmin,
  archive: Archive,
  flags: readonly string[],
  searchPath: readonly string[] | undefined,
): Promise<LoadPlan> {
  const { server } = admin;
  if (!server.createdb) {
    throw new HoldfastError("E_RESTORE", `${server.user} may not create databases on this server`, {
      hint: `as a superuser: alter role "${server.user}" createdb; or give --database a superuser's URL`,
    });
  }
  const live = await liveOf(admin);
  await checkExtensions(admin, archive.entries);
  checkRights(admin, archive.entries);
  const roles = await rolesOfServer(admin);
  const known = (role: string): boolean => roles.has(role);
  checkPolicies(archive.entries, known);

  const heir = live !== undefined && roles.get(live.owner) === true ? live.owner : server.user;
  const warnings: string[] = [];
  const all = [...flags];
  const ownerless = hasFlag(flags, "no-owner", "O");
  const unusable = ownerless ? [] : [...archive.owners].filter((role) => roles.get(role) !== true).toSorted();
  if (unusable.length > 0) {
    all.push("--no-owner", ...(hasFlag(flags, "role") || heir === server.user ? [] : [`--role=${heir}`]));
    const missing = unusable.filter((role) => !known(role));
    const foreign = unusable.filter(known);
    if (missing.length > 0)
      warnings.push(`roles that are not on the server: ${missing.join(", ")}; all objects will belong to ${heir}`);
    if (foreign.length > 0)
      warnings.push(`${server.user} may not give objects to ${foreign.join(", ")}; all objects will belong to ${heir}`);
  }
  const missingSpaces = await missingTablespaces(admin, archive);
  if (missingSpaces.length > 0 && !hasFlag(flags, "no-tablespaces")) {
    all.push("--no-tablespaces");
    warnings.push(
      `the server lacks the tablespace ${missingSpaces.join(", ")}: all tables and indexes go to the default one (--no-tablespaces)`,
    );
  }
  const rights = archive.entries.filter(
    ({ name, type }) => (type === "ACL" && !name.startsWith("DATABASE ")) || type === "DEFAULT ACL",
  );
  const asRole = (role: string): boolean => roles.get(role) === true;
  const possible = rights.flatMap((entry) => grantable(entry, known, asRole, server.superuser));
  const wanted = rights.flatMap(({ statements }) => statements);
  const partly = !hasFlag(flags, "no-privileges", "x", "no-acl") && possible.length < wanted.length;
  if (partly) {
    all.push("--no-privileges");
    const missing = [...new Set(wanted.flatMap(rolesOf).filter((role) => !known(role)))].toSorted();
    const whose = missing.length > 0 ? ` of ${missing.join(", ")}, who are not on the server,` : "";
    warnings.push(`rights${whose} are left out: ${wanted.length - possible.length} of ${wanted.length} statements`);
  }
  const properties = archive.entries.filter(
    ({ name, type }) => type.startsWith("DATABASE") || name.startsWith("DATABASE "),
  );
  return {
    flags: all,
    grants: partly ? possible : [],
    properties: (database) => propertiesFor(database, properties, asRole, known),
    warnings,
    searchPath: searchPathFor(archive, properties, searchPath),
    owner: heir,
    entries: archive.entries,
  };
}

/** Returns those that are absent, and those that this user may not use. */
async function missingTablespaces(admin: PostgresAdmin, { tablespaces }: Archive): Promise<string[]> {
  if (tablespaces.size === 0) return [];
  const rows = await admin.query(
    "select spcname as name from pg_catalog.pg_tablespace where has_tablespace_privilege(oid, 'create')",
  );
  const known = new Set(rows.map(({ name }) => String(name)));
  return [...tablespaces].filter((name) => !known.has(name) && name !== "pg_default").toSorted();
}

function grantable(
  entry: ArchiveEntry,
  known: (role: string) => boolean,
  asRole: (role: string) => boolean,
  superuser: boolean,
): string[] {
  return grantsFor(entry, known, superuser).filter((sql) => {
    const forRole = sql.startsWith("ALTER DEFAULT PRIVILEGES FOR ROLE ")
      ? rolesOf(sql.replace(/ (?:IN SCHEMA|GRANT|REVOKE) [^]*$/, " "))
      : [];
    return forRole.every(asRole);
  });
}

function hasFlag(flags: readonly string[], ...names: readonly string[]): boolean {
  return flags.some((flag) =>
    names.some((name) =>
      name.length > 1
        ? flag === `--${name}` || flag.startsWith(`--${name}=`)
        : new RegExp(`^-[a-zA-Z]*${name}`).test(flag),
    ),
  );
}

async function liveOf(admin: PostgresAdmin): Promise<z.infer<typeof liveSchema> | undefined> {
  const [row] = await admin.query(
    `select pg_catalog.pg_get_userbyid(datdba) as owner, pg_has_role(datdba, 'member') as ours
     from pg_catalog.pg_database where datname = ${literal(admin.live)}`,
  );
  if (row === undefined) return undefined;
  const live = liveSchema.parse(row);
  if (live.ours) return live;
  throw new HoldfastError(
    "E_RESTORE",
    `the database ${admin.live} belongs to ${live.owner}, not to ${admin.server.user}`,
    {
      hint: `give --database the URL of ${live.owner} or of a superuser`,
    },
  );
}

async function rolesOfServer(admin: PostgresAdmin): Promise<ReadonlyMap<string, boolean>> {
  const right = admin.server.major >= 16 ? "set" : "member";
  const rows = await admin.query(
    `select rolname as name, pg_has_role(oid, '${right}') as usable from pg_catalog.pg_roles`,
  );
  return new Map(rows.map((row) => roleSchema.parse(row)).map(({ name, usable }) => [name, usable]));
}

/** Extensions whose Debian package is called otherwise than the extension. Contrib's come with the server. */
const PACKAGES: readonly (readonly [RegExp, string])[] = [
  [/^(?:postgis|address_standardizer)/, "postgis-3"],
  [/^vector$/, "pgvector"],
  [/^pg_cron$/, "cron"],
  [/^timescaledb$/, "timescaledb"],
  [/^pg_partman$/, "partman"],
  [/^pl(?:python3u|perlu?|tclu?)$/, "pl"],
];

async function checkExtensions(admin: PostgresAdmin, entries: readonly ArchiveEntry[]): Promise<void> {
  const wanted = entries.filter(({ type }) => type === "EXTENSION").map(({ name }) => name);
  if (wanted.length === 0) return;
  const rows = await admin.query(`
    select name, bool_or(not superuser or coalesce((to_jsonb(v)->>'trusted')::boolean, false)) as free
    from pg_catalog.pg_available_extension_versions v group by name`);
  const available = new Map(rows.map((row) => extensionSchema.parse(row)).map(({ name, free }) => [name, free]));
  const missing = wanted.filter((name) => !available.has(name));
  if (missing.length > 0) {
    throw new HoldfastError("E_RESTORE", `the server lacks the extension ${missing.join(", ")}`, {
      hint: `apt-get install ${[...new Set(missing.map((name) => packageOf(name, admin.server.major)))].join(" ")}`,
    });
  }
  const closed = admin.server.superuser ? [] : wanted.filter((name) => available.get(name) === false);
  if (closed.length > 0) throw superuserOnly(admin, `the extension ${closed.join(", ")}`);
}

function packageOf(extension: string, major: number): string {
  const known = PACKAGES.find(([pattern]) => pattern.test(extension))?.[1];
  if (known === "pl") return `postgresql-${extension.replace(/u$/, "")}-${major}`;
  return `postgresql-${major}-${known ?? extension.replaceAll("_", "-")}`;
}

function superuserOnly(admin: PostgresAdmin, what: string): HoldfastError {
  return new HoldfastError(
    "E_RESTORE",
    `${what} of the dump can be created by a superuser only, not by ${admin.server.user}`,
    {
      hint: "give --database a superuser's URL; the database will belong to the same role as before",
    },
  );
}

/** Throws for objects that only a superuser can create. */
function checkRights(admin: PostgresAdmin, entries: readonly ArchiveEntry[]): void {
  if (admin.server.superuser) return;
  const closed = ["EVENT TRIGGER", "FOREIGN DATA WRAPPER", ...(admin.server.major < 16 ? ["SUBSCRIPTION"] : [])];
  const found = entries.find(({ type }) => closed.includes(type));
  if (found !== undefined) throw superuserOnly(admin, `the ${found.type.toLowerCase()} ${found.name}`);
}

/** Throws for policies whose roles are missing: without its role, a policy would show rows to the wrong users. */
function checkPolicies(entries: readonly ArchiveEntry[], known: (role: string) => boolean): void {
  const statements = entries
    .filter(({ type }) => type === "POLICY" || type === "USER MAPPING")
    .flatMap((entry) => entry.statements);
  const missing = [...new Set(statements.flatMap(rolesOf))].filter((role) => !known(role));
  if (missing.length === 0) return;
  throw new HoldfastError(
    "E_RESTORE",
    `row security policies or user mappings name ${missing.join(", ")}, not on the server`,
    {
      hint: `as a superuser: ${missing.map((role) => `create role "${role}";`).join(" ")}`,
    },
  );
}

const NAME = '(?:"(?:[^"]|"")+"|[^\\s";]+)';
const RETARGET = new RegExp(
  `^((?:ALTER (?:ROLE ${NAME} IN )?|COMMENT ON |(?:GRANT|REVOKE) [A-Z, ]+ ON )DATABASE )${NAME}`,
);

/**
 * Owner, comment, settings and rights of the dump's own database. Replaced by live's, where there is one, when they are
 * exchanged.
 */
function propertiesFor(
  database: string,
  entries: readonly ArchiveEntry[],
  asRole: (role: string) => boolean,
  known: (role: string) => boolean,
): string[] {
  const statements = entries
    .flatMap((entry) => entry.statements)
    .filter((sql) => RETARGET.test(sql))
    .filter((sql) => rolesOf(sql).every(/^ALTER DATABASE [^]* OWNER TO /.test(sql) ? asRole : known));
  const quoted = `"${database.replaceAll('"', '""')}"`;
  return [
    `grant connect, temporary on database ${quoted} to public;`,
    ...statements.map((sql) => sql.replace(RETARGET, (_, before: string) => before + quoted)),
  ];
}

/**
 * Returns the path of the session that made the dump, else the database's own setting, else PostgreSQL's default. The
 * other schemas come behind it: they count only for names that would not be found at all.
 */
function searchPathFor(
  archive: Archive,
  properties: readonly ArchiveEntry[],
  recorded: readonly string[] | undefined,
): string {
  const setting = properties
    .flatMap(({ statements }) => statements)
    .map((sql) => /^ALTER DATABASE [^]*? SET search_path TO ([^]*);$/.exec(sql)?.[1])
    .find((value) => value !== undefined);
  const first = recorded?.map(quote).join(", ") ?? setting ?? `"$user", public`;
  const others = [...archive.schemas].filter((schema) => recorded?.includes(schema) !== true).map(quote);
  return [...(first === "" ? [] : [first]), ...others].join(", ") || "''";
}
