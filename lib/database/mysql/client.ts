/** Chooses the MySQL or MariaDB client programs and their arguments. */
import { HoldfastError, type ErrorCode } from "../../errors.ts";
import { runCommand, type CommandOptions } from "../../exec/command.ts";
import { mysqlCredentials } from "../access/credentials.ts";
import type { DatabaseTarget } from "../snapshot.ts";
import { findProgram } from "../access/programs.ts";
import { describeMysql } from "./url.ts";

export interface MysqlAccess {
  readonly execPrefix: readonly string[];
  readonly database: string;
  /** Arguments that every client program gets first. */
  readonly connection: readonly string[];
  /** The whole command of the interactive client. */
  readonly client: readonly string[];
  readonly options: CommandOptions;
  remove(): void;
}

const PACKAGE = "apt-get install mariadb-client, or the mysql-client of the server's vendor";

/** Throws `E_DATABASE` when no client is installed. */
export async function accessMysql(target: DatabaseTarget, signal: AbortSignal): Promise<MysqlAccess> {
  const { execPrefix } = target;
  const location = describeMysql(target.url);
  const names = location.engine === "mysql" ? ["mysql", "mariadb"] : ["mariadb", "mysql"];
  const program = await findClient(names, execPrefix, { signal, code: "E_DATABASE" });
  if (program === undefined)
    throw new HoldfastError("E_DATABASE", `${names.join(" and ")} are not installed`, { hint: PACKAGE });
  const credentials = mysqlCredentials(target, signal);
  const { host, port, socket, user, database } = location;
  const connection = [
    ...credentials.args, // an option file must come first
    ...(host === undefined ? [] : [`--host=${host}`]),
    ...(port === undefined ? [] : [`--port=${port}`, "--protocol=TCP"]), // else "localhost" would mean the socket
    ...(socket === undefined ? [] : [`--socket=${socket}`]),
    ...(user === undefined ? [] : [`--user=${user}`]),
    "--default-character-set=utf8mb4",
  ];
  return {
    execPrefix,
    database,
    connection,
    client: [...execPrefix, program, ...connection, "--no-auto-rehash"],
    options: { signal, env: credentials.env, secrets: credentials.secrets, code: "E_DATABASE" },
    remove: credentials.remove,
  };
}

/** Returns the first of `names` that is installed; behind a prefix each is tried. */
export async function findClient(
  names: readonly string[],
  execPrefix: readonly string[],
  options: { readonly signal: AbortSignal; readonly code: ErrorCode },
): Promise<string | undefined> {
  if (execPrefix.length === 0) return findProgram(names);
  let reason: unknown;
  for (const name of names) {
    try {
      await runCommand([...execPrefix, name, "--version"], options);
      return name;
    } catch (error) {
      options.signal.throwIfAborted();
      reason = error;
    }
  }
  throw reason; // e.g. the container does not run: nobody would learn that from "not installed"
}
