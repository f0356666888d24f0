/**
 * An S3 server that keeps what S3 promises: Ceph's gateway over one monitor and one OSD in memory, by plain HTTP. It checks
 * signatures and digests of content, and has multipart uploads, versions, object lock and bucket policies.
 */
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { randomUUID } from "node:crypto";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { freePort, HOST, run, secret, startServer, type ServerProcess } from "./process.ts";

/** A user's keys. */
export interface S3Keys {
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
}

export interface S3Endpoint {
  readonly endpoint: string;
  /** Owns buckets. */
  readonly admin: S3Keys;
  /** Has no right of its own: bucket policies give it some. Its id is `writer`. */
  readonly writer: S3Keys;
}

export interface CephServer {
  readonly endpoint: S3Endpoint;
  stop(): Promise<void>;
}

/** Starts the server; it takes about 15 seconds. */
export async function startCeph(): Promise<CephServer> {
  const directory = mkdtempSync(join(tmpdir(), "holdfast-ceph-"));
  for (const name of ["mon", "osd", "run"]) mkdirSync(join(directory, name));
  const [monitor, gateway] = [await freePort(), await freePort()];
  const fsid = randomUUID();
  const config = join(directory, "ceph.conf");
  writeFileSync(config, configText(directory, fsid, monitor, gateway));
  const env = { PATH: process.env.PATH ?? "", CEPH_CONF: config };
  const once = async (...argv: string[]): Promise<string> => await run(argv, { env });
  const started: ServerProcess[] = [];
  const start = (...argv: string[]): ServerProcess => {
    const server = startServer(
      ["setpriv", "--pdeathsig", "KILL", "--", ...argv, "-f", "-c", config],
      "SIGKILL",
      () => {},
    );
    started.push(server);
    return server;
  };
  const stop = async (): Promise<void> => {
    await Promise.all(started.map(async (server) => await server.stop()));
    rmSync(directory, { recursive: true, force: true, maxRetries: 5 });
  };
  try {
    const keyring = join(directory, "keyring");
    writeFileSync(keyring, "");
    for (const name of ["mon.", "client.admin", "client.rgw", "osd.0"])
      await once(
        "ceph-authtool",
        keyring,
        "--gen-key",
        "-n",
        name,
        "--cap",
        "mon",
        "allow *",
        "--cap",
        "osd",
        "allow *",
      );
    const map = join(directory, "monmap");
    await once("monmaptool", "--create", "--fsid", fsid, "--addv", "a", `[v2:${HOST}:${monitor}]`, map);
    await once("ceph-mon", "-i", "a", "--mkfs", "--keyring", keyring, "--monmap", map);
    start("ceph-mon", "-i", "a");
    await once("ceph-osd", "-i", "0", "--mkfs", "--osd-uuid", randomUUID());
    await once("ceph", "osd", "new", readFileSync(join(directory, "osd", "fsid"), "utf8").trim(), "0");
    start("ceph-osd", "-i", "0");
    const endpoint = `http://${HOST}:${gateway}`;
    await start("radosgw", "-n", "client.rgw").ready(async () => await fetch(endpoint));
    const user = async (id: string): Promise<S3Keys> => {
      const keys = { accessKeyId: secret(), secretAccessKey: secret() };
      const given = ["--access-key", keys.accessKeyId, "--secret-key", keys.secretAccessKey];
      await once("radosgw-admin", "-n", "client.rgw", "user", "create", "--uid", id, "--display-name", id, ...given);
      return keys;
    };
    return { endpoint: { endpoint, admin: await user("admin"), writer: await user("writer") }, stop };
  } catch (error) {
    await stop();
    throw error;
  }
}

const configText = (directory: string, fsid: string, monitor: number, gateway: number): string => `[global]
fsid = ${fsid}
mon host = v2:${HOST}:${monitor}
mon initial members = a
public addr = ${HOST}
cluster addr = ${HOST}
ms bind msgr1 = false
keyring = ${directory}/keyring
mon data = ${directory}/mon
osd data = ${directory}/osd
run dir = ${directory}/run
crash dir = ${directory}/run
admin socket = ${directory}/run/$name.$pid.asok
pid file = ${directory}/run/$name.pid
log file = ${directory}/run/$name.log
osd objectstore = memstore
memstore device bytes = 8589934592
mon data avail crit = 1
mon data avail warn = 1
osd pool default size = 1
osd pool default min size = 1
osd pool default pg num = 1
osd pool default pg autoscale mode = off
osd crush chooseleaf type = 0
mon allow pool size one = true
auth allow insecure global id reclaim = false
[client.rgw]
rgw frontends = beast endpoint=${HOST}:${gateway}
rgw dynamic resharding = false
rgw override bucket index max shards = 1
rgw run sync thread = false
rgw num control oids = 1
rgw lc max objs = 1
rgw gc max objs = 1
`;
