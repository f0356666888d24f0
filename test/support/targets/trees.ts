/** Targets that hold a tree, in a directory of this host, each account of a private sshd behind a proxy that can cut. */
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import type { TargetSettings } from "../../../lib/config/settings/targets/target.ts";
import { directoryTargetSchema, rsyncTargetSchema } from "../../../lib/config/settings/targets/rsync.ts";
import { openTarget } from "../../../lib/targets/registry.ts";
import type { Target } from "../../../lib/targets/core/target.ts";
import { startSshd, type AccountKind, type TestSshd } from "../servers/sshd.ts";
import { startTcpProxy, type TcpProxy } from "../servers/tcp-proxy.ts";

export type TreeKind = "directory" | Exclude<AccountKind, "sftp">;

export interface TreeServer {
  readonly sshd: TestSshd;
  readonly proxy: TcpProxy;
  /** The settings of a target of this kind on a directory, which is made. */
  settings(kind: TreeKind, directory: string): Promise<TargetSettings>;
  stop(): Promise<void>;
}

export async function startTreeServer(): Promise<TreeServer> {
  const sshd = await startSshd();
  const proxy = await startTcpProxy(sshd.port);
  return {
    sshd,
    proxy,
    async settings(kind, directory) {
      mkdirSync(directory, { recursive: true });
      if (kind === "directory") return directoryTargetSchema.parse({ kind: "directory", path: directory });
      const { user, keyFile } = await sshd.account(kind, directory);
      return rsyncTargetSchema.parse({
        kind: "rsync",
        host: sshd.host,
        port: proxy.port,
        user,
        key_file: keyFile,
        known_hosts: sshd.knownHosts,
        ...(kind === "shell" ? { path: directory } : {}),
      });
    },
    async stop() {
      await proxy.close();
      await sshd.stop();
    },
  };
}

/** Opens a target of a store of the site `test`, and gives what it noted. */
export async function openTree(
  settings: TargetSettings,
  store: string,
  name = "away",
): Promise<Target & { readonly notes: readonly string[] }> {
  const notes: string[] = [];
  const target = await openTarget(name, settings, {
    signal: new AbortController().signal,
    store,
    site: "test",
    onBytes: () => {},
    onNote: (text) => void notes.push(text),
  });
  return { ...target, notes };
}

/** Where a tree is: a path that is needed to look at it with other tools. */
export const runsOf = (directory: string): string => join(directory, "runs");
