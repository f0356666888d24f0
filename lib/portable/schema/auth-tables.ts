/** Tables that hold users and what proves who they are, told by their columns: they do not go into a package unless somebody asks for them. */
import { looseColumns } from "./implicit-references.ts";
import type { Schema, Table, TableId } from "./tables.ts";

export interface UserTable {
  readonly table: Table;
  /** The column of the password's hash, where there is one. */
  readonly password: string | null;
}

export interface UserTables {
  readonly users: readonly UserTable[];
  /** Rows that say nothing but what a user belongs to: Django's `auth_user_groups`. */
  readonly memberships: readonly TableId[];
  /** Tokens, second factors and the like: as good as a password. */
  readonly credentials: readonly TableId[];
}

const PASSWORD = new Set([
  "password",
  "passwd",
  "passwordhash",
  "hashedpassword",
  "encryptedpassword",
  "passworddigest",
  "userpass",
  "userpassword",
  "pass",
]);
const LOGIN = new Set(["username", "login", "userlogin", "email", "emailaddress", "usermail", "mail"]);
/** A user's own rows in WordPress, MediaWiki and Redmine, which declare no foreign keys; behind any prefix. */
const OWN =
  /(?:^|_)(?:usermeta|user_(?:groups|former_groups|properties|newtalk|preferences)|groups_users|email_addresses)$/;
/** Of the whole name, in small letters. */
const CREDENTIALS =
  /^(?:authtoken_token|knox_authtoken|otp_(?:totp|static|email|hotp)_\w+|two_factor_\w+|mfa_authenticator|oauth2_provider_(?:accesstoken|refreshtoken|grant|idtoken)|socialaccount_socialtoken|social_auth_usersocialauth|personal_access_tokens|oauth_(?:access_tokens|refresh_tokens|auth_codes)|password_resets?|password_reset_tokens|api_keys?|user_tokens?|bot_passwords)$/;

const plain = (name: string): string => name.toLowerCase().replaceAll("_", "");

/** `named` are ids of tables that hold users whatever their columns are. */
export function findUsers({ tables }: Schema, named: readonly TableId[] = []): UserTables {
  const credentials = tables.filter(isCredential).map(({ id }) => id);
  const users = tables.flatMap((table): UserTable[] => {
    const password = table.columns.find(({ name }) => PASSWORD.has(plain(name)))?.name ?? null;
    const isLogin = table.columns.some(({ name }) => LOGIN.has(plain(name)));
    const isUser = named.includes(table.id) || (password !== null && isLogin && !credentials.includes(table.id));
    return isUser ? [{ table, password }] : [];
  });
  const memberships = tables.filter((table) =>
    users.some((user) => isMembership(table, user.table) || isOwn(table, user.table)),
  );
  return { users, memberships: memberships.map(({ id }) => id), credentials };
}

/** Tables whose rows are users, or stand for users as MediaWiki's `actor` does. */
export function peopleTables(schema: Schema, named: readonly TableId[] = []): Table[] {
  const users = findUsers(schema, named).users.map(({ table }) => table);
  const actors = schema.tables.filter(
    (table) =>
      /(?:^|_)actors?$/.test(table.name.toLowerCase()) &&
      users.some((user) => table.id !== user.id && (leadsTo(table, user) || isLoose(table, user))),
  );
  return [...users, ...actors.filter((table) => !users.includes(table))];
}

/** The columns by which people know a user, the best one first. */
export function loginOf({ columns }: Table): string | undefined {
  const order = ["userlogin", "login", "username", "email", "emailaddress", "useremail", "usermail", "mail"];
  return order.flatMap((wanted) => columns.filter(({ name }) => plain(name) === wanted))[0]?.name;
}

/** Redmine's `tokens` are known by their columns: the name says too little. */
const isCredential = ({ name, columns }: Table): boolean =>
  CREDENTIALS.test(name.toLowerCase()) ||
  (/(?:^|_)tokens$/.test(name.toLowerCase()) &&
    ["user_id", "action", "value"].every((wanted) => columns.some((column) => column.name === wanted)));

const leadsTo = ({ foreignKeys }: Table, { id }: Table): boolean => foreignKeys.some(({ target }) => target === id);
const isLoose = (table: Table, user: Table): boolean =>
  looseColumns({ tables: [table] }, user, { isPeople: true }).length > 0;
const isOwn = (table: Table, user: Table): boolean =>
  OWN.test(table.name.toLowerCase()) && (leadsTo(table, user) || isLoose(table, user));

function isMembership(table: Table, user: Table): boolean {
  const linked = new Set(table.foreignKeys.flatMap(({ columns }) => columns));
  const own = table.columns.filter(
    ({ name }) => !linked.has(name) && table.primaryKey?.columns.includes(name) !== true,
  );
  return (
    table.name.toLowerCase().startsWith(`${user.name.toLowerCase()}_`) &&
    table.foreignKeys.some(({ target }) => target === user.id) &&
    own.length === 0
  );
}
