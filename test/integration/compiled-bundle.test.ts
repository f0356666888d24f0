/** Bundles of whole compiled projects: unpacked by `unzip`, read by a scanner of our own, and opened page by page in a browser. */
import { execFileSync } from "node:child_process";
import { cpSync, existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import path from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import { chromium, type Browser, type Page } from "playwright-core";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { fromString } from "../../lib/archive/path.ts";
import { buildCompiledBundle, type CompiledResult } from "../../lib/steps/compiled/bundle.ts";
import { compareTrees } from "../support/compare.ts";
import { restoreBundle } from "../support/runs/restore-bundle.ts";
import { scanBundle } from "../support/runs/scan-bundle.ts";
import { makeTemp, removeTree } from "../support/temp.ts";

/** A real project, where there is one: see the README beside it. */
const REAL = path.resolve(import.meta.dirname, "../../../shared/data/clara_compiled/619");
const AUDIO = "/accounts/serve_audio_file/";
const IMAGES = "/accounts/projects/serve_project_image/";
const CHROMIUM_ARGS = [
  "--no-sandbox",
  "--disable-gpu",
  "--disable-background-networking",
  "--disable-component-update",
  "--disable-sync",
  "--no-first-run",
];

let browser: Browser;
let site: string;

beforeAll(async () => {
  browser = await chromium.launch({ executablePath: "/usr/bin/chromium", args: CHROMIUM_ARGS });
});
afterAll(async () => await browser.close());

interface Bundled {
  readonly result: CompiledResult;
  readonly directory: string;
}

async function bundle(types: readonly string[]): Promise<Bundled> {
  const output = path.join(site, `${types.join("-")}.zip`);
  const result = await buildCompiledBundle({
    output,
    level: 4,
    trees: types.map((textType) => ({
      textType,
      path: fromString(path.join(site, textType)),
      prefix: types.length === 1 ? "" : textType,
    })),
    media: [
      { url: `${AUDIO}{path}`, path: fromString(`${site}/audio/{path}`) },
      { url: `${IMAGES}{project}/{path}`, path: fromString(`${site}/images/{project}/{path}`) },
    ],
    pages: { url: "/accounts/rendered_texts/{id}/{text_type}/{page}" },
    project: { id: 619 },
    root: fromString(site),
    exclude: [],
    recipe: "test",
    cancelled: () => false,
  });
  const directory = `${output}.unpacked`;
  execFileSync("unzip", ["-q", "-K", output, "-d", directory]);
  return { result, directory };
}

/** Opens every page; gives what went to the network, and what of the media could not be loaded. */
async function openAll({ directory, result }: Bundled): Promise<{ pages: number; media: number; bad: string[] }> {
  const bad: string[] = [];
  const media = new Set<string>();
  const context = await browser.newContext();
  context.on("request", (request) => {
    if (!/^(?:file|data|blob|about):/.test(request.url())) bad.push(`network: ${request.url()}`);
  });
  context.on("requestfailed", (request) => {
    // Scripts and styles were left out of the real project; a page that is left ends the loading of its audio.
    const expected = request.url().includes("/static/") || request.failure()?.errorText === "net::ERR_ABORTED";
    if (!expected) bad.push(`failed: ${request.url()}`);
  });
  const files = htmlFiles(directory, result.reserved.original);
  const queue = [...files];
  const openQueued = async (page: Page): Promise<void> => {
    for (let file = queue.pop(); file !== undefined; file = queue.pop()) {
      await page.goto(pathToFileURL(file).href, { waitUntil: "load" });
      for (const url of await page.evaluate<string[]>(URLS_OF_MEDIA)) media.add(url);
    }
  };
  const [page, other] = [await context.newPage(), await context.newPage()];
  await Promise.all([openQueued(page), openQueued(other)]);
  for (const url of media) if (!existsSync(fileURLToPath(url))) bad.push(`missing: ${url}`);
  // What a click would play: decoded by the browser.
  for (const url of await page.evaluate<string[]>(loadAll([...media]))) bad.push(`does not load: ${url}`);
  await context.close();
  return { pages: files.length, media: media.size, bad };
}

/** Run in the page: every URL of an attribute that names a media file, as the browser resolves it. */
const URLS_OF_MEDIA = `
  Array.from(document.querySelectorAll("*"), (element) => Array.from(element.attributes))
    .flat()
    .map((attribute) => attribute.value.trim())
    .filter((value) => /^[^\\s{}]+\\.(?:mp3|wav|png|jpg|svg)$/.test(value))
    .map((value) => new URL(value, document.baseURI).href)`;

/** Run in the page: those of the URLs that do not load as audio or image. */
const loadAll = (urls: readonly string[]): string => `
  Promise.all(${JSON.stringify(urls)}.map((url) => new Promise((resolve) => {
    const isAudio = /\\.(?:mp3|wav)$/.test(url);
    const element = isAudio ? new Audio() : new Image();
    element.addEventListener(isAudio ? "loadedmetadata" : "load", () => resolve([]));
    element.addEventListener("error", () => resolve([url]));
    element.src = url;
  }))).then((failed) => failed.flat())`;

function htmlFiles(directory: string, except: string): string[] {
  return readdirSync(directory, { withFileTypes: true }).flatMap((entry) => {
    const file = path.join(directory, entry.name);
    if (entry.isDirectory()) return entry.name === except ? [] : htmlFiles(file, except);
    return /\.(?:html?|xhtml)$/i.test(entry.name) ? [file] : [];
  });
}

function restored({ directory, result }: Bundled): string {
  restoreBundle(directory, result.reserved);
  return directory;
}

describe("a small project with every kind of reference", () => {
  beforeAll(() => {
    site = makeTemp();
    for (const type of ["normal", "phonetic"])
      plantProject(path.join(site, type), type === "normal" ? "phonetic" : "normal");
    for (const name of ["en/word 1.wav", "fr/word 1.wav", "en/l'eau #2 été.wav"]) plant(`audio/${name}`, wav());
    plant("images/Prince_7/page.png", PNG);
    plant("images/Prince_7/back ground.png", PNG);
  });
  afterAll(() => removeTree(site));

  test.each([[["normal", "phonetic"]], [["normal"]]])(
    "%j opens from disk, and nothing reaches for a network",
    async (types) => {
      const bundled = await bundle(types);
      const scan = scanBundle(bundled.directory, { urls: [AUDIO, IMAGES], reserved: bundled.result.reserved });
      expect(scan).toMatchObject({ left: [], dangling: [] });
      expect(scan.present).toBeGreaterThan(10 * types.length);
      expect(await openAll(bundled)).toEqual({ pages: 3 * types.length, media: 4, bad: [] });
      const tree = restored(bundled);
      for (const type of types) {
        const restoredType = types.length === 1 ? tree : path.join(tree, type);
        expect(compareTrees(path.join(site, type), restoredType, { without: ["owner"] })).toEqual([]);
      }
    },
  );

  test("links lead from one text type to another", async () => {
    const { directory } = await bundle(["phonetic", "normal"]);
    const page = await browser.newPage();
    await page.goto(pathToFileURL(path.join(directory, "normal/page_1.html")).href);
    await page.click("#other");
    expect(page.url()).toBe(pathToFileURL(path.join(directory, "phonetic/page_1.html")).href);
    await page.close();
  });
});

describe.runIf(existsSync(REAL))("a real project", () => {
  beforeAll(() => {
    site = makeTemp();
    for (const type of ["normal", "phonetic"]) cpSync(REAL, path.join(site, type), { recursive: true });
    // One tree is as the project was published, the other as the site serves it.
    for (const name of readdirSync(path.join(site, "phonetic/content"))) {
      if (name.startsWith("concordance_")) rmSync(path.join(site, "phonetic/content", name));
    }
    toLiveForm(path.join(site, "normal/content"));
  });
  afterAll(() => removeTree(site));

  test("opens from disk as a single bundle, its media taken from the site", async () => {
    const bundled = await bundle(["normal", "phonetic"]);
    expect(bundled.result.textTypes).toMatchObject({
      normal: { files: 226, missing_media: [], missing_pages: [], external_links: 0 },
      phonetic: { files: 324, missing_media: [], external_links: 0 },
    });
    expect(bundled.result.media).toHaveLength(306);
    const scan = scanBundle(bundled.directory, {
      urls: [AUDIO, IMAGES, "/accounts/rendered_texts/619/"],
      reserved: bundled.result.reserved,
    });
    expect(scan).toMatchObject({ documents: 244, left: [], dangling: [] });
    expect(await openAll(bundled)).toMatchObject({ pages: 244, bad: [] });
    const copy = restored(bundled);
    for (const type of ["normal", "phonetic"]) {
      expect(compareTrees(path.join(site, type), path.join(copy, type), { without: ["owner"] })).toEqual([]);
    }
  });
});

/** As the site serves it: audio and images by URL instead of from a directory of the project's own. */
function toLiveForm(content: string): void {
  const names = readdirSync(path.join(content, "multimedia"));
  for (const name of names) {
    const [to, from] = [
      path.join(site, name.endsWith(".png") ? "images/Adaptation_619" : "audio/google/en/voice", name),
      path.join(content, "multimedia", name),
    ];
    mkdirSync(path.dirname(to), { recursive: true });
    renameSync(from, to);
  }
  rmSync(path.join(content, "multimedia"), { recursive: true });
  for (const name of readdirSync(content)) {
    const file = path.join(content, name);
    const live = readFileSync(file, "utf8").replaceAll(
      /(["'])(?:\.\/)?multimedia\/([^"']+)/g,
      (_all, quote: string, medium: string) => {
        return `${quote}${medium.endsWith(".png") ? `${IMAGES}Adaptation_619/` : `${AUDIO}google/en/voice/`}${medium}`;
      },
    );
    writeFileSync(file, live);
  }
}

function plant(name: string, content: string | Uint8Array): void {
  mkdirSync(path.dirname(path.join(site, name)), { recursive: true });
  writeFileSync(path.join(site, name), content);
}

/** Three pages in two directories and a style sheet. */
function plantProject(directory: string, otherType: string): void {
  const name = path.relative(site, directory);
  plant(`${name}/static/style.css`, `body { background: url("${IMAGES}Prince_7/back%20ground.png") }`);
  plant(
    `${name}/page_1.html`,
    `<!DOCTYPE html><link rel="stylesheet" href="static/style.css">
     <a id="other" href="/accounts/rendered_texts/619/${otherType}/page_1.html">other</a>
     <img src="${IMAGES}Prince_7/page.png" srcset="${IMAGES}Prince_7/page.png 1x, ${IMAGES}Prince_7/back%20ground.png 2x">
     <span data-segment-audio="${AUDIO}en/word 1.wav" onclick="new Audio('${AUDIO}fr/word 1.wav').play()">a</span>
     <span data-audio='${AUDIO}fr/word%201.wav'>b</span>
     <audio preload="auto"><source src="${AUDIO}en/l&#39;eau %232 &eacute;t&eacute;.wav"></audio>
     <p style="background: url(${IMAGES}Prince_7/page.png)">c</p>
     <script>const audio = { word: "\\/accounts\\/serve_audio_file\\/en\\/word 1.wav" }; new Image().src = "${IMAGES}Prince_7/page.png";</script>`,
  );
  plant(
    `${name}/concordance/l'eau #1.html`,
    `<img src="${IMAGES}Prince_7/page.png"><i data-audio="${AUDIO}en/word 1.wav">d</i>`,
  );
  plant(
    `${name}/concordance/svg.xhtml`,
    `<html xmlns="http://www.w3.org/1999/xhtml"><head><title>s</title><style>p { background: url(${IMAGES}Prince_7/page.png) }</style></head>
     <body><svg xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink"><image xlink:href="${IMAGES}Prince_7/page.png"/></svg><p>e</p></body></html>`,
  );
}

const PNG = Buffer.from(
  "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==",
  "base64",
);

/** A tenth of a second of silence. */
function wav(): Buffer {
  const samples = 800;
  const header = Buffer.alloc(44);
  header.write("RIFF", 0);
  header.writeUInt32LE(36 + samples, 4);
  header.write("WAVEfmt ", 8);
  header.writeUInt32LE(16, 16);
  header.writeUInt16LE(1, 20);
  header.writeUInt16LE(1, 22);
  header.writeUInt32LE(8000, 24);
  header.writeUInt32LE(8000, 28);
  header.writeUInt16LE(1, 32);
  header.writeUInt16LE(8, 34);
  header.write("data", 36);
  header.writeUInt32LE(samples, 40);
  return Buffer.concat([header, Buffer.alloc(samples, 128)]);
}
