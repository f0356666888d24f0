/** Where a MySQL connection goes and as whom: the URL first, else what the clients' option files say, as the clients have it. */
import type { ConnectionOptions } from "mysql2";
import type { DatabaseTarget } from "../../../database/snapshot.ts";
import type { DatabaseLocation } from "../../../database/access/url.ts";
import { HoldfastError } from "../../../errors.ts";

const TLS = ["ssl-ca", "ssl-capath", "ssl-cert", "ssl-key", "ssl-mode", "ssl-verify-server-cert"];
const OFF = /^(?:0|off|false|disabled|preferred)$/i;

/** Throws `E_USAGE` where they ask for TLS to another host, which the driver would leave out in silence. */
export function mysqlOptions(
  target: DatabaseTarget,
  location: Extract<DatabaseLocation, { engine: "mysql" | "mariadb" }>,
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
      `an option file of the MySQL clients asks for TLS (${tls}): portable data goes without`,
      {
        hint: "reach the server by a socket or a tunnel of this host, whose URL names localhost",
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
