/** The way to an S3 server: certificates of a CA that only the site trusts, and an HTTP proxy. */
import { execFileSync } from "node:child_process";
import { readFileSync, writeFileSync } from "node:fs";
import { createServer as createHttpServer } from "node:http";
import { connect, type AddressInfo, type Server } from "node:net";
import { join } from "node:path";
import { createServer as createTlsServer } from "node:tls";
import { beforeAll, beforeEach, expect, onTestFinished, test } from "vitest";
import { readLocalRun } from "../../../lib/targets/core/local-run.ts";
import { makeRun, makeStore } from "../../support/runs/stores.ts";
import { makeBucket, type S3Bucket } from "../../support/servers/s3.ts";
import { openProbed } from "../../support/targets/open.ts";
import { s3Settings } from "../../support/targets/s3.ts";
import { suiteDirectory, tempDirectory } from "../../support/temp.ts";

const RUN = "20261120T020000Z";
/** Never resolved: only the proxy knows where it is. */
const ELSEWHERE = "s3.example.invalid";
const { signal } = new AbortController();
const directory = suiteDirectory("holdfast-s3-network-");

let bucket: S3Bucket;
let store: string;

beforeAll(async () => {
  const openssl = (...argv: string[]): void => void execFileSync("openssl", argv, { cwd: directory, stdio: "ignore" });
  const key = ["-newkey", "rsa:2048", "-nodes"];
  openssl("req", "-x509", ...key, "-keyout", "ca.key", "-out", "ca.pem", "-subj", "/CN=the site's CA", "-days", "2");
  openssl("req", ...key, "-keyout", "server.key", "-out", "server.csr", "-subj", "/CN=s3");
  writeFileSync(join(directory, "names"), `subjectAltName=DNS:localhost,DNS:${ELSEWHERE}\n`);
  const by = ["-CA", "ca.pem", "-CAkey", "ca.key", "-CAcreateserial", "-extfile", "names", "-days", "2"];
  openssl("x509", "-req", "-in", "server.csr", "-out", "server.pem", ...by);
  bucket = await makeBucket("plain");
});

beforeEach(async () => {
  store = makeStore(join(tempDirectory(), "store"));
  await makeRun(store, RUN, [{ directory: "trees/1", content: "a unit\n" }]);
});

async function listening(server: Server): Promise<number> {
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  onTestFinished(() => void server.close());
  return (server.address() as AddressInfo).port;
}

/** Starts a server that takes TLS off and passes everything on to the S3 server. */
async function tlsFront(): Promise<number> {
  const [key, cert] = ["server.key", "server.pem"].map((name) => readFileSync(join(directory, name)));
  const back = Number(new URL(bucket.endpoint).port);
  const server = createTlsServer({ key: key ?? "", cert: cert ?? "" }, (socket) => {
    const upstream = connect(back, "127.0.0.1");
    for (const one of [socket, upstream]) one.on("error", () => socket.destroy()).on("close", () => upstream.destroy());
    socket.pipe(upstream).pipe(socket);
  });
  server.on("tlsClientError", () => {}); // a client that does not trust it
  return await listening(server);
}

/** Starts an HTTP proxy that knows one host; `asked` is what it was asked to connect to. */
async function proxyTo(port: number): Promise<{ readonly url: string; readonly asked: string[] }> {
  const asked: string[] = [];
  const server = createHttpServer().on("connect", ({ url = "" }, socket) => {
    asked.push(url);
    const upstream = connect(port, "127.0.0.1", () => socket.write("HTTP/1.1 200 Connection established\r\n\r\n"));
    for (const one of [socket, upstream]) one.on("error", () => socket.destroy()).on("close", () => upstream.destroy());
    socket.pipe(upstream).pipe(socket);
  });
  return { url: `http://127.0.0.1:${await listening(server)}`, asked };
}

async function pushThrough(more: Readonly<Record<string, unknown>>): Promise<string[]> {
  const settings = s3Settings(tempDirectory(), bucket, "admin", { prefix: tempDirectory().slice(1), ...more });
  const { target } = await openProbed(settings, store);
  onTestFinished(async () => await target.close());
  const local = await readLocalRun(store, RUN, signal);
  await target.push(local);
  return (await target.verify(RUN, { local, sample: { n: 1, t: 1 } })).problems.map(({ message }) => message);
}

test("a server whose certificate is by the site's own CA takes a run, with ca_file", async () => {
  const endpoint = `https://localhost:${await tlsFront()}`;
  expect(await pushThrough({ endpoint, ca_file: join(directory, "ca.pem") })).toEqual([]);
});

test("without ca_file, or with another CA, it is refused", async () => {
  const endpoint = `https://localhost:${await tlsFront()}`;
  const refused = { code: "E_REMOTE", hint: expect.stringMatching("certificate") as string };
  await expect(pushThrough({ endpoint })).rejects.toMatchObject(refused);
  const other = "/etc/ssl/certs/ca-certificates.crt";
  await expect(pushThrough({ endpoint, ca_file: other })).rejects.toMatchObject(refused);
});

test("a certificate for another name is refused", async () => {
  const endpoint = `https://127.0.0.1:${await tlsFront()}`;
  await expect(pushThrough({ endpoint, ca_file: join(directory, "ca.pem") })).rejects.toMatchObject({
    code: "E_REMOTE",
  });
});

test.each(["http", "https"])("a server that only the proxy reaches takes a run by %s", async (protocol) => {
  const port = protocol === "http" ? Number(new URL(bucket.endpoint).port) : await tlsFront();
  const proxy = await proxyTo(port);
  const more = { endpoint: `${protocol}://${ELSEWHERE}:9000`, proxy: proxy.url, ca_file: join(directory, "ca.pem") };
  expect(await pushThrough(more)).toEqual([]);
  expect(new Set(proxy.asked)).toEqual(new Set([`${ELSEWHERE}:9000`]));
});

test("a CA file that is missing is E_CONFIG, and is named", async () => {
  const refused = { code: "E_CONFIG", message: expect.stringMatching("no-ca.pem") as string };
  await expect(pushThrough({ ca_file: join(directory, "no-ca.pem") })).rejects.toMatchObject(refused);
});
