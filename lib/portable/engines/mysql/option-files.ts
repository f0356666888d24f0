/** Determines the server and the user of a MySQL connection: by the URL first, else by the clients' option files. */
import type { ConnectionOptions } from "mysql2";
import type { DatabaseTarget } from "../../../database/snapshot.ts";
import type { MysqlLocation } from "../../../database/mysql/url.ts";
import { HoldfastError } from "../../../errors.ts";

const TLS = ["ssl-ca", "ssl-capath", "ssl-cert", "ssl-key", "ssl-mode", "ssl-verify-server-cert"];
const OFF = /^(?:0|off|false|disabled|preferred)$/i;

/**
 * Returns the connection options. Throws `E_USAGE` if option files require TLS to another host, which the driver would
 * silently omit.
 */
export function mysqlOptions(
  target: DatabaseTarget,
  location: MysqlLocation,
  files: ReadonlyMap<string, string>,
): ConnectionOptions & { readonly password?: string } {
  const host = location.host ?? files.get("host") ?? "localhost";
  const port = location.port ?? files.get("port");
  const isHere = host === "localhost" && location.port === undefined;
  const socket = location.socket ?? (isHere ? files.get("socket") : undefined);
  const user = location.user ?? files.get("user");
  const password = target.password ?? files.get("password") ?? process.env["MYSQL_PWD"];
  const tls = TLS.find((name) => files.has(name) && !OFF.test(files.get(name) ?? ""));
  if (tls !== undefined && socket === undefined && !["localhost", "127.0.0.1", "::1"].includes(host))
    throw new HoldfastError(
      "E_USAGE",
      `an option file of the MySQL clients requires TLS (${tls}), which portable connections do not support`,
      {
        hint: "connect through a socket or a tunnel on this host, with localhost in the URL",
      },
    );
  return {
    database: location.database,
    ...(socket === undefined ? { host } : { socketPath: socket }),
    ...(port === undefined ? {} : { port: Number(port) }),
    ...(user === undefined ? {} : { user }),
    ...(password === undefined ? {} : { password }),
  };
}
