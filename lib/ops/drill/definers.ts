/** Accounts to which triggers, views and routines of a MySQL or MariaDB database belong: where one is missing, whatever fires them fails. */
import { HoldfastError } from "../../errors.ts";
import type { Connection } from "../../portable/connection.ts";

export interface Definer {
  readonly user: string;
  readonly host: string;
}

/** Those that are not on the server; none where that cannot be told, or for another engine. */
export async function missingDefiners(connection: Connection): Promise<Definer[]> {
  if (connection.engine !== "mysql" && connection.engine !== "mariadb") return [];
  const accounts = await connection.rows("select user, host from mysql.user").catch(() => undefined);
  if (accounts === undefined) return [];
  const found = await connection.rows(
    `select definer from information_schema.triggers where trigger_schema = database()
     union select definer from information_schema.views where table_schema = database()
     union select definer from information_schema.routines where routine_schema = database()`,
  );
  const known = new Set(accounts.map(([user, host]) => `${String(user)}@${String(host)}`));
  return found
    .map(([definer]) => String(definer))
    .filter((definer) => definer.includes("@") && !known.has(definer))
    .map((definer) => {
      const at = definer.lastIndexOf("@");
      return { user: definer.slice(0, at), host: definer.slice(at + 1) };
    });
}

export const showDefiners = (definers: readonly Definer[]): string =>
  definers.map(({ user, host }) => `${user}@${host}`).join(", ");

/** Throws `E_TARGET` that names those of a copy on a server which is not ours. */
export function refuseDefiners(definers: readonly Definer[]): void {
  if (definers.length === 0) return;
  throw new HoldfastError(
    "E_TARGET",
    `triggers, views or routines of the copy belong to ${showDefiners(definers)}, not on the server of --database: what they do cannot be tried there`,
    { hint: "leave --database out, for a private server that has them, or create these accounts on it" },
  );
}
