/** Accounts that own triggers, views or routines; statements that use these fail without their account. */
import type { Account } from "../../engine/interface.ts";
import type { Session } from "../../engine/session.ts";

/** Returns the owners in the database that the server lacks; empty if the server does not show its accounts. */
export async function missingAccounts(session: Session): Promise<Account[]> {
  const accounts = await session.rows("select user, host from mysql.user").catch(() => undefined);
  if (accounts === undefined) return [];
  const found = await session.rows(
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
