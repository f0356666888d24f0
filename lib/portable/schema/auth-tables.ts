/** Detects tables of users and of credentials by their columns. An export omits them unless they are requested. */
import { undeclaredReferences } from "./implicit-references.ts";
import type { Schema, Table, TableId } from "./tables.ts";

export interface UserTable {
  readonly table: Table;
  /** The column of the password hash, if any. */
  readonly password: string | null;
}

export interface UserTables {
  readonly users: readonly UserTable[];
  /** Tables of rows that only assign users to something: Django's `auth_user_groups`. */
  readonly memberships: readonly TableId[];
  /** Tables of tokens, second factors and the like, which are as good as a password. */
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
/** Matches a user's own rows in WordPress, MediaWiki and Redmine, which declare no foreign keys; any prefix. */
const OWN =
  /(?:^|_)(?:usermeta|user_(?:groups|former_groups|properties|newtalk|preferences)|groups_users|email_addresses)$/;
/** Matches the whole name, in lower case. */
const CREDENTIALS =
  /^(?:authtoken_token|knox_authtoken|otp_(?:totp|static|email|hotp)_\w+|two_factor_\w+|mfa_authenticator|oauth2_provider_(?:accesstoken|refreshtoken|grant|idtoken)|socialaccount_socialtoken|social_auth_usersocialauth|personal_access_tokens|oauth_(?:access_tokens|refresh_tokens|auth_codes)|password_resets?|password_reset_tokens|api_keys?|user_tokens?|bot_passwords)$/;

const plain = (name: string): string => name.toLowerCase().replaceAll("_", "");

/** Finds the tables of users, memberships and credentials. `named` tables hold users regardless of their columns. */
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

/** Returns the tables of users and of their representatives, such as MediaWiki's `actor`. */
export function peopleTables(schema: Schema, named: readonly TableId[] = []): Table[] {
  const users = findUsers(schema, named).users.map(({ table }) => table);
  const actors = schema.tables.filter(
    (table) =>
      /(?:^|_)actors?$/.test(table.name.toLowerCase()) &&
      users.some((user) => table.id !== user.id && (leadsTo(table, user) || isLoose(table, user))),
  );
  return [...users, ...actors.filter((table) => !users.includes(table))];
}

/** Returns the column by which people best recognize a user. */
export function loginOf({ columns }: Table): string | undefined {
  const order = ["userlogin", "login", "username", "email", "emailaddress", "useremail", "usermail", "mail"];
  return order.flatMap((wanted) => columns.filter(({ name }) => plain(name) === wanted))[0]?.name;
}

/** Checks for a table of credentials. Redmine's `tokens` is recognized by its columns: the name is too common. */
const isCredential = ({ name, columns }: Table): boolean =>
  CREDENTIALS.test(name.toLowerCase()) ||
  (/(?:^|_)tokens$/.test(name.toLowerCase()) &&
    ["user_id", "action", "value"].every((wanted) => columns.some((column) => column.name === wanted)));

const leadsTo = ({ foreignKeys }: Table, { id }: Table): boolean => foreignKeys.some(({ target }) => target === id);
const isLoose = (table: Table, user: Table): boolean =>
  undeclaredReferences({ tables: [table] }, user, { isPeople: true }).length > 0;
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
