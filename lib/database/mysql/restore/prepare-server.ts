/** Prepares a private server for a dump of MySQL or MariaDB. */
import { quoteMysql, text } from "../names.ts";
import type { MysqlSession } from "../session.ts";

/** Creates the accounts and roles of views, triggers and routines, with all rights but without a login. */
export async function createAccounts(session: MysqlSession, definers: ReadonlySet<string>): Promise<void> {
  for (const definer of definers) {
    const at = definer.lastIndexOf("@");
    if (at < 0) {
      await session.run(`create role if not exists ${quoteMysql(definer)}`);
      await session.run(`grant all on *.* to ${quoteMysql(definer)}`);
      continue;
    }
    const account = `${quoteMysql(definer.slice(0, at))}@${quoteMysql(definer.slice(at + 1))}`;
    const known = await session.run(`select 1 from mysql.user where concat(user, '@', host) = ${text(definer)}`);
    if (known.length > 0) continue;
    await session.run(`create user ${account} account lock`);
    await session.run(`grant all on *.* to ${account}`);
  }
}
