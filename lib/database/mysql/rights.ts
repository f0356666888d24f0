/** Finds objects that a MySQL or MariaDB user may not see, and that a dump by that user would lack silently. */
import { quoteMysql } from "./names.ts";
import type { MysqlSession } from "./session.ts";

interface Grant {
  readonly privileges: ReadonlySet<string>;
  /** `*.*`, `database.*`, or a single table. */
  readonly level: "global" | "database" | "table";
  readonly database: string;
  readonly table: string;
}

const NAME = "(`(?:[^`]|``)*`|\\*|[\\w$%]+)";
const GRANT = new RegExp(`^GRANT (.+?) ON (?:TABLE )?${NAME}\\.${NAME} TO `, "i");
const ROUTINE_RIGHTS = ["EXECUTE", "CREATE ROUTINE", "ALTER ROUTINE", "SHOW CREATE ROUTINE", "SHOW_ROUTINE"];

/** A kind of object that a dump lacks, and the privilege on it that the user does not have. */
interface BlindSpot {
  readonly privilege: string;
  readonly warning: string;
}

/** Returns those of the privileges that the session's user does not have on a whole database. */
export async function missingPrivileges(
  session: MysqlSession,
  database: string,
  wanted: readonly string[],
): Promise<string[]> {
  const grants = await grantsOf(session);
  return wanted.filter((privilege) => !isGranted(grants, privilege, database));
}

const isGranted = (grants: readonly Grant[], privilege: string, database: string): boolean =>
  grants.some(
    ({ privileges, level, database: pattern }) =>
      (level === "global" || (level === "database" && matches(pattern, database))) &&
      (privileges.has(privilege) || privileges.has("ALL PRIVILEGES") || privileges.has("ALL")),
  );

/** Returns one for each kind of object that the session's user may not see all of. */
export async function blindSpots(
  session: MysqlSession,
  { database, tables }: { readonly database: string; readonly tables: readonly string[] },
): Promise<BlindSpot[]> {
  const grants = await grantsOf(session);
  const all = (privilege: string): boolean => isGranted(grants, privilege, database);
  const onTable = (privilege: string, table: string): boolean =>
    grants.some(
      (grant) =>
        grant.level === "table" &&
        grant.database === database &&
        grant.table === table &&
        (grant.privileges.has(privilege) || grant.privileges.has("ALL PRIVILEGES")),
    );
  const account = await currentAccount(session);
  const how = (privilege: string, on = `${quoteMysql(database)}.*`): string =>
    `(as an administrator: grant ${privilege} on ${on} to ${account})`;
  const found: BlindSpot[] = [];
  const add = (privilege: string, warning: string): void => void found.push({ privilege, warning });
  if (!all("SELECT"))
    add(
      "SELECT",
      `without the SELECT privilege on the whole database, tables that the user cannot read are missing from the dump ${how("select")}`,
    );
  const dark = tables.filter((table) => !onTable("TRIGGER", table));
  if (!all("TRIGGER") && dark.length > 0)
    add("TRIGGER", `without the TRIGGER privilege, its triggers are missing from the dump ${how("trigger")}`);
  const mayReadAll = grants.some(
    ({ privileges, level, database: pattern, table }) =>
      (privileges.has("SELECT") || privileges.has("ALL PRIVILEGES")) &&
      (level === "global" || (pattern === "mysql" && (level === "database" || table === "proc"))),
  );
  if (!mayReadAll && !ROUTINE_RIGHTS.some(all))
    add(
      "SHOW_ROUTINE",
      "without a privilege on routines, procedures and functions of other users are missing from the dump " +
        how("select", "mysql.proc").replace(")", "; show_routine on *.* in MySQL)"),
    );
  return found;
}

/** Returns the session's account as a statement names it. */
export async function currentAccount(session: MysqlSession): Promise<string> {
  const [user] = await session.run("select current_user() as account");
  return quotedAccount(user?.account ?? "");
}

/** Lists grants, with those of the active role, which MySQL lists only on request. */
async function grantsOf(session: MysqlSession): Promise<Grant[]> {
  const own = await session.run("show grants");
  const [row] = await session.run("select current_role() as roles").catch(() => []);
  const roles = row?.roles ?? "NONE";
  const withRoles =
    roles === "NONE" || roles === ""
      ? []
      : await session.run(`show grants for current_user() using ${roles}`).catch(() => []); // MariaDB has listed them
  return [...own, ...withRoles].flatMap((line) => Object.values(line).flatMap((text) => readGrant(text ?? "")));
}

/** Reads a line of SHOW GRANTS; grants of roles and on routines give none. */
export function readGrant(line: string): Grant[] {
  const [, list = "", database = "", table = ""] = GRANT.exec(line) ?? [];
  if (list === "" || /^(?:PROCEDURE|FUNCTION|PACKAGE)/i.test(database)) return [];
  // Rights on single columns say nothing of the table.
  const privileges = new Set(
    list
      .replaceAll(/ \([^)]*\)/g, " (columns)")
      .split(",")
      .map((privilege) => privilege.trim().toUpperCase()),
  );
  const level = database === "*" ? "global" : table === "*" ? "database" : "table";
  return [{ privileges, level, database: unquote(database), table: unquote(table) }];
}

/** Checks whether the pattern of a grant covers a database: unescaped `%` and `_` are wildcards. */
function matches(pattern: string, database: string): boolean {
  const expression = pattern.replaceAll(/\\(.)|([%_])|[.*+?^${}()|[\]\\]/g, (all, escaped?: string, wild?: string) =>
    wild === "%" ? "[^]*" : wild === "_" ? "[^]" : `\\${escaped ?? all}`.replace(/^\\([\w%])$/, "$1"),
  );
  return new RegExp(`^${expression}$`, "i").test(database);
}

function unquote(name: string): string {
  return name.startsWith("`") ? name.slice(1, -1).replaceAll("``", "`") : name;
}

function quotedAccount(user: string): string {
  const at = user.lastIndexOf("@");
  return `${quoteMysql(user.slice(0, at))}@${quoteMysql(user.slice(at + 1))}`;
}
