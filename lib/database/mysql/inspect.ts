/** Inspects a MySQL or MariaDB database for `doctor`. */
import { HoldfastError } from "../../errors.ts";
import type { DatabaseInspector, Inspection } from "../inspection.ts";
import type { DatabaseTarget } from "../snapshot.ts";
import { accessMysql, type MysqlAccess } from "./client.ts";
import { findDumpProgram } from "./dump.ts";
import { quoteMysql } from "./names.ts";
import { blindSpots, currentAccount, missingPrivileges } from "./rights.ts";
import { MysqlSession } from "./session.ts";
import { readTables } from "./tables.ts";

/** Privileges without which the dump fails, beside SELECT. */
const REQUIRED = ["SHOW VIEW", "EVENT"];
/** Privileges on a scratch database that a restore loads a dump into. */
const SCRATCH = ["CREATE", "DROP", "ALTER", "INDEX", "INSERT", "SELECT"];

export const inspectMysql: DatabaseInspector = {
  async programs(target, signal) {
    return await withSession(target, signal, async (session, access) => {
      const [row] = await session.run("select version() as version");
      const server = row?.version ?? "";
      const kind = /mariadb/i.test(server) ? "mariadb" : "mysql";
      try {
        const { version, flavour, warning } = await findDumpProgram(access, kind);
        const [ours, theirs] = [majorOf(version), majorOf(server)];
        const older =
          flavour === kind && ours < theirs
            ? [`${version} is older than the ${kind} server ${server}: the dump may lack what it does not know`]
            : [];
        const warnings = [...(warning === undefined ? [] : [warning]), ...older];
        return {
          figure: `${kind} ${server}, ${version}`,
          faults: [],
          warnings,
          hint: `install the client of ${server}`,
        };
      } catch (error) {
        if (!(error instanceof HoldfastError) || error.code !== "E_DUMP") throw error;
        return { figure: `${kind} ${server}`, faults: [error.message], warnings: [], hint: error.hint };
      }
    });
  },

  async dumpRights(target, signal) {
    return await withSession(target, signal, async (session, { database }) => {
      const tables = (await readTables(session)).map(({ key }) => key);
      const hidden = await blindSpots(session, { database, tables });
      const required = await missingPrivileges(session, database, REQUIRED);
      const locks = await missingPrivileges(session, database, ["LOCK TABLES"]);
      const account = await currentAccount(session);
      const of = (isSelect: boolean): string[] =>
        hidden.filter(({ privilege }) => (privilege === "SELECT") === isSelect).map(({ warning }) => warning);
      return {
        figure: `as ${account}`,
        faults: [...of(true), ...required.map((privilege) => `without the ${privilege} privilege the dump fails`)],
        warnings: [
          ...of(false),
          ...locks.map(() => "without the LOCK TABLES privilege the rows are counted in the dump alone"),
        ],
        hint: `as an administrator: grant select, lock tables, show view, trigger, event on ${quoteMysql(database)}.* to ${account}`,
      };
    });
  },

  async restoreRights(target, signal) {
    return await withSession(target, signal, async (session, { database }) => {
      const account = await currentAccount(session);
      const missing = await missingPrivileges(session, `${database}_new_1`, SCRATCH);
      const pattern = `${database.replaceAll(/[_%\\]/g, String.raw`\$&`)}\\_%`;
      return {
        figure: `as ${account}`,
        faults: [],
        warnings:
          missing.length === 0 ? [] : [`${account} may not ${missing.join(", ").toLowerCase()} in new databases`],
        hint: `as an administrator: grant all on ${quoteMysql(pattern)}.* to ${account}`,
      };
    });
  },
};

/** Returns the version of a server or of a dump program as a number: 10.11 is 10011. */
function majorOf(text: string): number {
  const [, major, minor] =
    /(?:Distrib |from |Ver |^)(\d+)\.(\d+)/.exec(text.replace(/Ver \S+ Distrib/, "Distrib")) ?? [];
  return Number(major) * 1000 + Number(minor);
}

async function withSession(
  target: DatabaseTarget,
  signal: AbortSignal,
  inspect: (session: MysqlSession, access: MysqlAccess) => Promise<Inspection>,
): Promise<Inspection> {
  const access = await accessMysql(target, signal);
  const session = new MysqlSession(access);
  try {
    return await inspect(session, access);
  } finally {
    await session.close();
    access.remove();
  }
}
