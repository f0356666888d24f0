/** Starts a MariaDB server of Debian. */
import { join } from "node:path";
import { HoldfastError } from "../../errors.ts";
import { runCommand } from "../../exec/command.ts";
import { findProgram, isProgram } from "../access/programs.ts";
import { LOOPBACK, type InstalledServer, type ServerProgram } from "../server-program.ts";

export const mariadbServer: ServerProgram = { versionOf: () => undefined, find };

function find(): InstalledServer {
  const hint = "apt-get install mariadb-server";
  const program = ["/usr/sbin/mariadbd", "/usr/sbin/mysqld"].find(isProgram) ?? findProgram(["mariadbd"]);
  const install = findProgram(["mariadb-install-db"]);
  const client = findProgram(["mariadb"]);
  if (program === undefined || install === undefined || client === undefined) {
    throw new HoldfastError("E_DATABASE", "no MariaDB server is installed", { hint });
  }
  return {
    user: "mysql",
    superuser: "root",
    database: "mysql",
    scheme: "mariadb",
    hint,
    prepare: async ({ directory, password, keep }, run) => {
      const data = join(directory, "data");
      const auth = ["--auth-root-authentication-method=normal", "--skip-test-db", "--skip-name-resolve"];
      await run([install, "--no-defaults", `--datadir=${data}`, ...auth]);
      // The server reads it before it accepts connections: at no time is there a root without a password.
      await keep(`set password for root@localhost = password('${password}');
create or replace user root@'${LOOPBACK}' identified by '${password}';
grant all on *.* to root@'${LOOPBACK}' with grant option;
`);
    },
    command: ({ directory, port, secret }) => [
      program,
      "--no-defaults",
      `--datadir=${join(directory, "data")}`,
      `--init-file=${secret}`,
      `--port=${port}`,
      `--bind-address=${LOOPBACK}`,
      `--socket=${join(directory, "mariadb.sock")}`,
      `--pid-file=${join(directory, "pid")}`,
      "--skip-log-bin",
      "--skip-name-resolve",
      "--innodb-flush-log-at-trx-commit=0",
      "--innodb-flush-method=nosync",
      "--character-set-server=utf8mb4",
      "--max-allowed-packet=1073741824", // the largest there is: a row that one server took must go into this one
    ],
    probe: async ({ port, password }, options) => {
      const argv = [
        client,
        "--no-defaults",
        `--host=${LOOPBACK}`,
        `--port=${port}`,
        "--user=root",
        "--execute=select 1",
      ];
      await runCommand(argv, { ...options, env: { ...options.env, MYSQL_PWD: password } });
    },
  };
}
