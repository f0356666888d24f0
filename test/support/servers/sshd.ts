/**
 * A private sshd: on a port of 127.0.0.1, with a host key of its own, for the user that runs the tests. Each account is a
 * key with the forced command of its `authorized_keys` line, as docs/off-site.md has people write it.
 */
import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { connect } from "node:net";
import { tmpdir, userInfo } from "node:os";
import { join } from "node:path";
import { makeTemp, removeTree } from "../temp-trees.ts";
import { freePort, HOST, missing, run, startServer } from "./process.ts";

const SSHD = "/usr/sbin/sshd";

/** How an account may use a directory. */
export type AccountKind = keyof typeof LINES;

/** The options of a line of `authorized_keys`, for a directory. */
const LINES = {
  appendOnly: (directory: string) => `command="rrsync -wo -no-del -no-overwrite ${directory}",restrict`,
  readOnly: (directory: string) => `command="rrsync -ro ${directory}",restrict`,
  readWrite: (directory: string) => `command="rrsync ${directory}",restrict`,
  shell: () => "restrict",
  sftp: () => 'command="internal-sftp",restrict',
} as const;

/** Returns the options of an account's line in `authorized_keys`. */
export const accountLine = (kind: AccountKind, directory: string): string => LINES[kind](directory);

export interface SshAccount {
  readonly user: string;
  /** The file with the private key. */
  readonly keyFile: string;
}

export interface TestSshd {
  readonly host: string;
  readonly port: number;
  /** A known_hosts file with the host key, for any port of this host, a proxy's too. */
  readonly knownHosts: string;
  /** Makes an account. `directory` is absolute, without spaces. */
  account(kind: AccountKind, directory: string): Promise<SshAccount>;
  stop(): Promise<void>;
}

/** Starts the server; it needs no systemd. */
export async function startSshd(): Promise<TestSshd> {
  if (!existsSync(SSHD)) throw missing("sshd", "openssh-server");
  const directory = makeTemp("holdfast-sshd-");
  // For the separation of privileges, which root's sshd insists on; Debian's service makes it at its start.
  if (userInfo().uid === 0) mkdirSync("/run/sshd", { recursive: true, mode: 0o755 });
  const at = (name: string): string => join(directory, name);
  await makeKey(at("host_key"));
  writeFileSync(at("authorized_keys"), "", { mode: 0o600 });
  const port = await freePort();
  writeFileSync(at("sshd_config"), configOf(directory, port));
  writeFileSync(at("known_hosts"), `* ${readFileSync(at("host_key.pub"), "utf8")}`);
  const server = startServer([SSHD, "-D", "-e", "-f", at("sshd_config")], "SIGTERM", () => removeTree(directory));
  await server.ready(async () => await greeting(port));
  let count = 0;
  return {
    host: HOST,
    port,
    knownHosts: at("known_hosts"),
    async account(kind, place) {
      const keyFile = at(`key_${++count}`);
      await makeKey(keyFile);
      const line = `${accountLine(kind, place)} ${readFileSync(`${keyFile}.pub`, "utf8")}`;
      writeFileSync(at("authorized_keys"), line, { flag: "a" });
      return { user: userInfo().username, keyFile };
    },
    stop: server.stop,
  };
}

const makeKey = async (file: string): Promise<string> =>
  await run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", "holdfast-test", "-f", file]);

const configOf = (directory: string, port: number): string => `
ListenAddress ${HOST}
Port ${port}
HostKey ${directory}/host_key
AuthorizedKeysFile ${directory}/authorized_keys
PidFile none
AuthenticationMethods publickey
PermitRootLogin yes
PermitUserRC no
MaxStartups 100
# The directory is in ${tmpdir()}, which all may write to.
StrictModes no
UsePAM no
PrintMotd no
Subsystem sftp internal-sftp
# A home without the profile of whoever runs the tests: bash would read it for each command.
SetEnv HOME=${directory}
`;

/** Waits for the line that a server of SSH begins with. */
async function greeting(port: number): Promise<void> {
  await new Promise<void>((resolve, reject) => {
    const socket = connect(port, HOST);
    socket.setTimeout(2000, () => socket.destroy(new Error("no greeting")));
    socket.once("error", reject).once("data", (text) => {
      socket.destroy();
      if (String(text).startsWith("SSH-2.0-")) resolve();
      else reject(new Error(`not SSH: ${String(text)}`));
    });
  });
}
