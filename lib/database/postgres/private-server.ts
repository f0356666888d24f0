/** Starts a PostgreSQL server of Debian or of PostgreSQL's own packages. */
import { join } from "node:path";
import glob from "fast-glob";
import { HoldfastError } from "../../errors.ts";
import { runCommand } from "../../exec/command.ts";
import { isProgram } from "../access/programs.ts";
import { LOOPBACK, type InstalledServer, type ServerProgram } from "../server-program.ts";

export const postgresServer: ServerProgram = {
  versionOf: (version) => /^\d+/.exec(version)?.[0],
  find,
};

function find(version: string | undefined): InstalledServer {
  const hint = `apt-get install postgresql${version === undefined ? "" : `-${version}`}`;
  const installed = glob
    .sync(["/usr/lib/postgresql/*/bin/initdb", "/usr/pgsql-*/bin/initdb"])
    .map((path) => ({ bin: path.slice(0, -"/initdb".length), major: Number(/\d+/.exec(path)?.[0]) }))
    .filter(({ bin }) => isProgram(join(bin, "initdb")) && isProgram(join(bin, "postgres")))
    .toSorted((a, b) => a.major - b.major);
  const bin = (installed.find((one) => String(one.major) === version) ?? installed.at(-1))?.bin;
  if (bin === undefined) throw new HoldfastError("E_DATABASE", "no PostgreSQL server is installed", { hint });
  return {
    user: "postgres",
    superuser: "postgres",
    database: "postgres",
    scheme: "postgresql",
    hint,
    prepare: async ({ directory, password, secret, keep }, run) => {
      await keep(password);
      const auth = ["--username=postgres", "--auth=scram-sha-256", `--pwfile=${secret}`];
      const locale = ["--encoding=UTF8", "--locale=C.UTF-8"];
      await run([join(bin, "initdb"), "-D", join(directory, "data"), ...auth, ...locale, "--no-sync"]);
    },
    command: ({ directory, port }) => {
      const settings = [
        `listen_addresses=${LOOPBACK}`,
        "fsync=off",
        "full_page_writes=off",
        "synchronous_commit=off",
        "max_wal_size=1GB",
        "wal_level=logical",
      ];
      const flags = ["-D", join(directory, "data"), "-p", `${port}`, "-k", directory];
      return [join(bin, "postgres"), ...flags, ...settings.flatMap((setting) => ["-c", setting])];
    },
    probe: async ({ port, password }, options) => {
      const url = `postgresql://postgres@${LOOPBACK}:${port}/postgres?connect_timeout=5`;
      const env = { ...options.env, PGPASSWORD: password };
      await runCommand(["psql", "-X", "-q", "-A", "-t", "--no-password", "-d", url, "-c", "select 1"], {
        ...options,
        env,
      });
    },
  };
}
