/** Tables that hold users and what proves who they are, told by their columns: they do not go into a package unless somebody asks for them. */
import type { Schema, Table, TableId } from "./schema.ts";

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
/** Of the whole name, in small letters. */
const CREDENTIALS =
  /^(?:authtoken_token|knox_authtoken|otp_(?:totp|static|email|hotp)_\w+|two_factor_\w+|mfa_authenticator|oauth2_provider_(?:accesstoken|refreshtoken|grant|idtoken)|socialaccount_socialtoken|social_auth_usersocialauth|personal_access_tokens|oauth_(?:access_tokens|refresh_tokens|auth_codes)|password_resets?|password_reset_tokens|api_keys?|user_tokens?)$/;

const plain = (name: string): string => name.toLowerCase().replaceAll("_", "");

/** `named` are ids of tables that hold users whatever their columns are. */
export function findUsers({ tables }: Schema, named: readonly TableId[] = []): UserTables {
  const credentials = tables.filter(({ name }) => CREDENTIALS.test(name.toLowerCase())).map(({ id }) => id);
  const users = tables.flatMap((table): UserTable[] => {
    const password = table.columns.find(({ name }) => PASSWORD.has(plain(name)))?.name ?? null;
    const isLogin = table.columns.some(({ name }) => LOGIN.has(plain(name)));
    const isUser = named.includes(table.id) || (password !== null && isLogin && !credentials.includes(table.id));
    return isUser ? [{ table, password }] : [];
  });
  const memberships = tables.filter((table) => users.some((user) => isMembership(table, user.table)));
  return { users, memberships: memberships.map(({ id }) => id), credentials };
}

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
