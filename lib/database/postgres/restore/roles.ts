/** The roles that a dump names, held against those of the server. */
import type { ArchiveEntry } from "../archive-list.ts";

const ROLE = '("(?:[^"]|"")+"|[^\\s";,]+)';
/** Matches roles in statements of pg_dump: `… TO r WITH GRANT OPTION;`, `FOR ROLE r`, `FOR r SERVER s`, and so on. */
const NAMED = [
  new RegExp(`^(?:GRANT|ALTER DEFAULT PRIVILEGES)\\b[^]*? TO ${ROLE}(?: WITH GRANT OPTION)?;$`),
  new RegExp(`^(?:REVOKE|ALTER DEFAULT PRIVILEGES)\\b[^]*? FROM ${ROLE};$`),
  new RegExp(`^ALTER DEFAULT PRIVILEGES FOR ROLE ${ROLE} `),
  new RegExp(`^ALTER ROLE ${ROLE} IN DATABASE `),
  new RegExp(`^ALTER DATABASE [^]* OWNER TO ${ROLE};$`),
  new RegExp(`^CREATE USER MAPPING FOR ${ROLE} SERVER `),
];

/** Returns the roles in a statement, without `PUBLIC`. */
export function rolesOf(statement: string): string[] {
  const named = NAMED.map((pattern) => pattern.exec(statement)?.[1]).filter((role) => role !== undefined);
  return [...new Set([...named, ...policyRoles(statement)].filter((role) => role !== "PUBLIC").map(unquote))];
}

function policyRoles(statement: string): string[] {
  const list = /^CREATE POLICY [^]*? TO ((?:"(?:[^"]|"")+"|[^\s",]+)(?:, (?:"(?:[^"]|"")+"|[^\s",]+))*)(?= |;)/.exec(
    statement,
  )?.[1];
  return list?.match(/"(?:[^"]|"")+"|[^\s",]+/g) ?? [];
}

function unquote(name: string): string {
  return name.startsWith('"') ? name.slice(1, -1).replaceAll('""', '"') : name;
}

/** Returns the role as which the next grants are given (`SET SESSION AUTHORIZATION`), if this statement names one. */
export function grantersOf(statement: string): string[] {
  const [, role] = /^SET SESSION AUTHORIZATION ([^]*);$/.exec(statement) ?? [];
  return role === undefined || role === "DEFAULT"
    ? []
    : [unquote(role.replace(/^'([^]*)'$/, (_, text: string) => text.replaceAll("''", "'")))];
}

/**
 * The rights of an entry that can be given on this server: without statements that name another role than `known`, and
 * without those that other roles granted (`SET SESSION AUTHORIZATION`) unless `asOthers`.
 */
export function grantsFor(entry: ArchiveEntry, known: (role: string) => boolean, asOthers: boolean): string[] {
  const kept: string[] = [];
  let granter: string | undefined;
  for (const statement of entry.statements) {
    const [named] = grantersOf(statement);
    if (named !== undefined) granter = named;
    const possible = granter === undefined || (asOthers && known(granter));
    if (possible && rolesOf(statement).every(known)) kept.push(statement);
    if (/^RESET SESSION AUTHORIZATION;$/.test(statement)) granter = undefined;
  }
  return kept;
}
