/** Targets that hold a tree, in a directory of this host, each account of a private sshd behind a proxy that can cut. */
import { createHash } from "node:crypto";
import { lstatSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { TargetSettings } from "../../../lib/config/settings/targets/target.ts";
import { directoryTargetSchema, rsyncTargetSchema } from "../../../lib/config/settings/targets/rsync.ts";
import { openTarget } from "../../../lib/targets/registry.ts";
import type { Target } from "../../../lib/targets/core/target.ts";
import { filesOf } from "../files.ts";
import { startSshd, type AccountKind, type TestSshd } from "../servers/sshd.ts";
import { startTcpProxy, type TcpProxy } from "../servers/tcp-proxy.ts";
import type { TargetFixture } from "./fixture.ts";

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
    root: store,
    capabilities: undefined,
    onBytes: () => {},
    onNote: (text) => void notes.push(text),
  });
  return { ...target, notes };
}

/** A target on an empty directory, which this host looks into; with a server of its own where it needs one. */
export async function treeFixture(directory: string, kind: "directory" | "shell"): Promise<TargetFixture> {
  const server = kind === "directory" ? undefined : await startTreeServer();
  const there = join(directory, "there");
  mkdirSync(there);
  const settings =
    server === undefined
      ? directoryTargetSchema.parse({ kind: "directory", path: there })
      : await server.settings(kind, there);
  return {
    settings,
    hasVersions: false,
    promises: { can_read: true, can_list: true, can_delete: true, signed_payload: null, object_lock: null },
    placeOf: ({ run, path }) => `runs/${run}/${path}`,
    digests: async () => await Promise.resolve(digestsBelow(there)),
    write: async (place, content) => {
      // Another file, not another content of one that several runs share.
      rmSync(join(there, place), { force: true });
      writeFileSync(join(there, place), content);
      await Promise.resolve();
    },
    remove: async (place) => await Promise.resolve(rmSync(join(there, place))),
    close: async () => await server?.stop(),
  };
}

/** Hashes all files below a directory; links such as `latest` lead to what is there anyway. */
export const digestsBelow = (directory: string): Map<string, string> =>
  new Map(
    filesOf(directory)
      .filter((file) => !lstatSync(join(directory, file)).isSymbolicLink())
      .map((file) => [
        file,
        createHash("sha256")
          .update(readFileSync(join(directory, file)))
          .digest("hex"),
      ]),
  );
