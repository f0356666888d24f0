/** Checks whether a server can load a dump, by the requirements of the dump. */
import { HoldfastError } from "../../../errors.ts";
import type { ScriptFacts } from "./filter-script.ts";
import type { MysqlSession } from "../session.ts";

/** Throws `E_RESTORE` when it cannot; gives what will be other than it was. */
export async function checkScript(
  session: MysqlSession,
  facts: ScriptFacts,
  engine: "mysql" | "mariadb",
): Promise<string[]> {
  const warnings: string[] = [];
  await checkDatabases(session, facts.databases);
  await checkHistory(session, facts);
  await checkPacket(session, facts.largest);
  if (facts.flavour !== undefined && facts.flavour !== engine) {
    warnings.push(`the dump was made by the programs of ${facts.flavour}, the server is ${engine}`);
  }
  await checkCollations(session, facts.collations);
  warnings.push(...(await missingEngines(session, facts.storageEngines)));
  warnings.push(...(await checkDefiners(session, facts.definers, engine)));
  return warnings;
}

async function checkDatabases(session: MysqlSession, wanted: ReadonlySet<string>): Promise<void> {
  const rows = await session.run("select schema_name as name from information_schema.schemata");
  const known = new Set(rows.map(({ name }) => name));
  const missing = [...wanted].filter((name) => !known.has(name)).toSorted();
  if (missing.length === 0) return;
  throw new HoldfastError(
    "E_RESTORE",
    `the server lacks the database ${missing.join(", ")}, which views of the dump read`,
    {
      hint: `restore it first, or create it with the tables that the views name: ${missing.join(", ")}`,
    },
  );
}

async function checkHistory(session: MysqlSession, { history }: ScriptFacts): Promise<void> {
  if (!history) return;
  const rows = await session.run("show session variables like 'system_versioning_insert_history'");
  if (rows.length > 0) return;
  throw new HoldfastError("E_RESTORE", "the server does not know how to take the history of system-versioned tables", {
    hint: "restore to MariaDB 10.11 or later",
  });
}

/** A statement travels as one packet: its text and one byte before it. */
async function checkPacket(session: MysqlSession, largest: number): Promise<void> {
  const [row] = await session.run("select @@global.max_allowed_packet as packet");
  const packet = Number(row?.packet);
  if (largest + 1 <= packet) return;
  const wanted = Math.min(2 ** 30, 2 ** Math.ceil(Math.log2(largest + 1)));
  throw new HoldfastError(
    "E_RESTORE",
    `the server lacks room for a statement of ${largest} bytes: its max_allowed_packet is ${packet}`,
    { hint: `as an administrator: set global max_allowed_packet = ${wanted}` },
  );
}

async function checkCollations(session: MysqlSession, wanted: ReadonlySet<string>): Promise<void> {
  const known = new Set<string>();
  for (const column of ["collation_name", "full_collation_name"]) {
    const rows = await session
      .run(`select ${column} as name from information_schema.collation_character_set_applicability`)
      .catch(() => []); // only newer servers of MariaDB have the second
    for (const { name } of rows) known.add((name ?? "").toLowerCase());
  }
  const missing = [...wanted].filter((name) => !known.has(name));
  if (missing.length === 0 || known.size === 0) return;
  throw new HoldfastError("E_RESTORE", `the server does not know the collation ${missing.join(", ")}`, {
    hint: "restore to a server of the dump's engine and version, or a newer one",
  });
}

async function missingEngines(session: MysqlSession, wanted: ReadonlySet<string>): Promise<string[]> {
  const rows = await session.run(
    "select engine as name from information_schema.engines where support in ('YES', 'DEFAULT')",
  );
  const known = new Set(rows.map(({ name }) => (name ?? "").toLowerCase()));
  return [...wanted]
    .filter((name) => !known.has(name))
    .map((name) => `the server has no storage engine ${name}: its tables will be of the default engine`);
}

const MAY_SET = /\b(?:ALL PRIVILEGES ON \*\.\*|(?:SUPER|SET USER|SET_USER_ID|SET_ANY_DEFINER)\b.* ON \*\.\*)/;

async function checkDefiners(
  session: MysqlSession,
  definers: ReadonlySet<string>,
  engine: "mysql" | "mariadb",
): Promise<string[]> {
  const [row] = await session.run("select current_user() as account, current_role() as role");
  const foreign = [...definers].filter((definer) => definer !== row?.account);
  if (foreign.length === 0) return [];
  const grants = (await session.run("show grants")).flatMap((grant) => Object.values(grant));
  // What comes by a role is not listed by MySQL; then it will be seen when the dump is loaded.
  const certain = row?.role === null || row?.role === "NONE" || engine === "mariadb";
  if (certain && !grants.some((grant) => MAY_SET.test(grant ?? ""))) {
    const right = engine === "mariadb" ? "SET USER" : "SET_ANY_DEFINER (SET_USER_ID before MySQL 8.2)";
    throw new HoldfastError(
      "E_RESTORE",
      `views, triggers or routines of the dump belong to ${foreign.join(", ")}; ${row?.account} may not create them so`,
      {
        hint: `grant ${right} on *.* to ${row?.account}, as an administrator, or give --database with an administrator's URL`,
      },
    );
  }
  const accounts = await session
    .run("select concat(user, '@', host) as account from mysql.user")
    .catch(() => undefined);
  if (accounts === undefined) return [];
  const known = new Set(accounts.map(({ account }) => account));
  return foreign
    .filter((definer) => definer.includes("@") && !known.has(definer))
    .map(
      (definer) => `the account ${definer} is not on this server: what belongs to it will not work until it is created`,
    );
}
