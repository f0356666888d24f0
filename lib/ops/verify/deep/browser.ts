/**
 * Opens pages from disk in headless Chromium, and reports pages that do not open and media that fail to load.
 * A driver page opens them one by one in a frame and sends the result by a request. Chromium's only access to the
 * network is our own proxy, which answers nothing else, so scripts of a page can neither fetch nor send anything.
 */
import { mkdirSync, writeFileSync } from "node:fs";
import { createServer, type Server } from "node:http";
import { randomUUID } from "node:crypto";
import path from "node:path";
import { pathToFileURL } from "node:url";
import * as z from "zod";
import { findProgram } from "../../../database/access/programs.ts";
import { HoldfastError } from "../../../errors.ts";
import { startCommand, type RunningCommand } from "../../../exec/command.ts";
import type { BrowserHome } from "./browser-home.ts";

const resultSchema = z.object({
  /** The number of distinct media URLs requested. */
  media: z.number(),
  /** Each page with the URL that failed; null for the page itself. */
  failed: z.array(z.object({ page: z.string(), url: z.string().nullable() })),
});
export type BrowserResult = z.infer<typeof resultSchema>;

const HOST = "127.0.0.1";
const START_MS = 60_000;
const PAGE_MS = 20_000;
const MOST_RESULT = 64 * 1024 * 1024;

/** Finds the program of Chromium on this host. */
export const findChromium = (): string | undefined =>
  findProgram(["chromium", "chromium-browser", "google-chrome", "google-chrome-stable"]);

/** Opens `pages`, absolute paths of files in `home`. Throws `E_COMMAND` if the browser gives no result. */
export async function openPages(
  chromium: string,
  pages: readonly string[],
  home: BrowserHome,
  signal: AbortSignal,
): Promise<BrowserResult> {
  const directory = path.join(home.directory, "browser");
  mkdirSync(directory);
  const token = randomUUID();
  const driver = path.join(directory, "check.html");
  writeFileSync(driver, driverPage(pages, token));
  await home.hand();
  const ended = new AbortController();
  const within = AbortSignal.any([signal, ended.signal]);
  const { server, port, result } = await listen(token);
  let browser: RunningCommand | undefined;
  try {
    const argv = [chromium, ...flagsOf(directory, port), pathToFileURL(driver).href];
    browser = startCommand([...home.account.as, "env", "-i", ...environmentOf(home.directory), ...argv], {
      signal: within,
      cwd: "/",
      alone: true,
      timeout: START_MS + pages.length * PAGE_MS,
    });
    browser.stdin.on("error", () => {}).end();
    browser.stdout.resume();
    const gone = browser.done.then(() => {
      throw new HoldfastError("E_COMMAND", "chromium ended without a result");
    });
    return resultSchema.parse(JSON.parse(await Promise.race([result, gone])));
  } finally {
    ended.abort();
    await browser?.done.catch(() => {});
    server.close();
    server.closeAllConnections();
  }
}

/**
 * The environment of the browser: nothing inherited, which may hold passwords, and all temporary files in its
 * directory.
 */
const environmentOf = (directory: string): string[] => [
  `PATH=${process.env["PATH"] ?? ""}`,
  "LANG=C.UTF-8",
  ...["HOME", "TMPDIR", "XDG_RUNTIME_DIR"].map((name) => `${name}=${directory}`),
];

/** The flags of the browser. Chromium's own sandbox stays on: on a host that does not allow it, no page is opened. */
const flagsOf = (directory: string, port: number): string[] => [
  "--headless",
  "--disable-gpu",
  "--disable-breakpad",
  "--disable-dev-shm-usage",
  "--disable-extensions",
  "--disable-background-networking",
  "--disable-component-update",
  "--disable-sync",
  "--no-first-run",
  "--allow-file-access-from-files",
  `--user-data-dir=${path.join(directory, "profile")}`,
  `--proxy-server=http://${HOST}:${port}`,
  "--proxy-bypass-list=<-loopback>",
];

/** Starts a proxy that rejects every request but the result. */
async function listen(token: string): Promise<{ server: Server; port: number; result: Promise<string> }> {
  let tell: (text: string) => void = () => {};
  const result = new Promise<string>((resolve) => (tell = resolve));
  const server = createServer((request, response) => {
    const isResult = request.url?.endsWith(`/${token}`) === true;
    let body = "";
    request.setEncoding("utf8").on("data", (text: string) => {
      if (isResult && body.length < MOST_RESULT) body += text;
    });
    request.on("end", () => {
      response.writeHead(isResult ? 204 : 403).end();
      if (isResult) tell(body);
    });
  });
  server.on("connect", (_request, socket) => socket.destroy());
  server.on("clientError", (_error, socket) => socket.destroy());
  await new Promise<void>((resolve, reject) => server.once("error", reject).listen(0, HOST, resolve));
  const address = server.address();
  return { server, port: typeof address === "object" && address !== null ? address.port : 0, result };
}

/**
 * Builds the driver page. URLs of files are percent-encoded, and `<` is escaped, so that no page can inject a script.
 */
const driverPage = (pages: readonly string[], token: string): string => `<!DOCTYPE html>
<meta charset="utf-8"><body><script>
const pages = ${JSON.stringify(pages.map((page) => pathToFileURL(page).href)).replaceAll("<", "\\u003c")};
const media = new Map();
const failed = [];
const isMedia = (value) => /^[^\\s{}]+\\.(?:mp3|wav|ogg|oga|opus|m4a|aac|flac|mp4|webm|png|jpe?g|gif|webp|svg)(?:[?#]\\S*)?$/i.test(value);
function look(page, node, base) {
  for (const element of node.querySelectorAll("*"))
    for (const { name, value } of element.attributes)
      if (name !== "href" || element.localName !== "a")
        if (isMedia(value.trim())) media.set(new URL(value.trim(), base).href, page);
}
const openPage = (page) => new Promise((resolve) => {
  const frame = document.createElement("iframe");
  const end = (fault) => {
    clearTimeout(limit);
    if (fault) failed.push({ page, url: null });
    frame.remove();
    resolve();
  };
  const limit = setTimeout(() => end(true), ${PAGE_MS - 5000});
  frame.onload = () => {
    try {
      look(page, frame.contentDocument, frame.contentDocument.baseURI);
      end(false);
    } catch {
      end(true);
    }
  };
  frame.src = page;
  document.body.append(frame);
});
const isThere = (url) => new Promise((resolve) => {
  const request = new XMLHttpRequest();
  request.onreadystatechange = () => {
    if (request.readyState < 2 || request.status >= 400) return;
    resolve(request.readyState < 4 || request.status === 200 || request.response !== "");
    if (request.readyState < 4) request.abort();
  };
  request.onerror = () => resolve(false);
  request.onload = () => resolve(request.status < 400);
  try {
    request.open("GET", url);
    request.send();
  } catch {
    resolve(false);
  }
});
(async () => {
  for (const page of pages) await openPage(page);
  for (const [url, page] of media) if (!(await isThere(url))) failed.push({ page, url });
  const body = JSON.stringify({ media: media.size, failed });
  await fetch("http://holdfast.invalid/${token}", { method: "POST", mode: "no-cors", body });
})();
</script>
`;
