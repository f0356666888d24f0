/**
 * Finds missing accounts that own triggers, views or routines of a MySQL or MariaDB database; statements that use these
 * fail.
 */
import { HoldfastError } from "../../errors.ts";
import type { Connection } from "../../portable/connection.ts";

export interface Definer {
  readonly user: string;
  readonly host: string;
}

/** Returns the accounts that the server lacks; empty if the server does not show them, or for another engine. */
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

/** Throws `E_TARGET` with the accounts that the server of `--database` lacks. */
export function refuseDefiners(definers: readonly Definer[]): void {
  if (definers.length === 0) return;
  const accounts = showDefiners(definers);
  throw new HoldfastError(
    "E_TARGET",
    `the server of --database lacks ${accounts}, to which triggers, views or routines of the copy belong`,
    { hint: "omit --database for a private server that has these accounts, or create them on that server" },
  );
}
