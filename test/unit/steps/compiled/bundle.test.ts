import { execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import {
  chmodSync,
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import path from "node:path";
import { beforeEach, describe, expect, test } from "vitest";
import { buildArchive } from "../../../../lib/archive/build/archive.ts";
import { fromString } from "../../../../lib/archive/path.ts";
import { buildCompiledBundle, type CompiledRequest } from "../../../../lib/steps/compiled/bundle.ts";
import { planCompiledBundle } from "../../../../lib/steps/compiled/plan.ts";
import { plantAwkward } from "../../../support/sites/awkward.ts";
import { compareTrees } from "../../../support/compare.ts";
import { restoreBundle } from "../../../support/runs/restore-bundle.ts";
import { scanBundle } from "../../../support/runs/scan-bundle.ts";
import { tempDirectory } from "../../../support/temp.ts";

const AUDIO = "/accounts/serve_audio_file/";
const URLS = [AUDIO, "/accounts/projects/serve_project_image/"];
let site: string;
let outputs: number;

beforeEach(() => {
  site = tempDirectory();
  outputs = 0;
});

function write(name: string, content: string | Uint8Array): void {
  const file = path.join(site, name);
  mkdirSync(path.dirname(file), { recursive: true });
  writeFileSync(file, content);
}

const page = (...urls: string[]): string => urls.map((url) => `<p><audio src="${url}"></audio>`).join("\n");

/** A request for one text type, or for a single bundle of several. */
function request(types: readonly string[], changes: Partial<CompiledRequest> = {}): CompiledRequest {
  return {
    output: path.join(site, `bundle${outputs++}.zip`),
    level: 4,
    trees: types.map((textType) => ({
      textType,
      path: fromString(path.join(site, textType)),
      prefix: types.length === 1 ? "" : textType,
    })),
    media: [
      { url: "/accounts/serve_audio_file/{path}", path: fromString(`${site}/audio/{path}`) },
      {
        url: "/accounts/projects/serve_project_image/{project}/{path}",
        path: fromString(`${site}/images/{project}/{path}`),
      },
    ],
    pages: { url: "/accounts/rendered_texts/{id}/{text_type}/{page}" },
    project: { id: 7, title: "Seven" },
    root: fromString(site),
    exclude: [],
    recipe: "test",
    cancelled: () => false,
    ...changes,
  };
}

async function build(types: readonly string[], changes: Partial<CompiledRequest> = {}) {
  const asked = request(types, changes);
  const result = await buildCompiledBundle(asked);
  const directory = mkdtempSync(path.join(site, "unpacked-"));
  const unpack = (): string => {
    // Raw names, control characters, setuid bits: what an administrator who knows the trees would ask for.
    execFileSync("unzip", ["-q", "-K", "-^", "-UU", asked.output, "-d", directory]);
    return directory;
  };
  const read = (name: string): string => execFileSync("unzip", ["-p", asked.output, name], { encoding: "utf8" });
  const names = (): string[] =>
    execFileSync("unzip", ["-Z1", asked.output], { encoding: "utf8" }).trimEnd().split("\n");
  return { asked, result, unpack, read, names };
}

describe("a bundle", () => {
  test("two media with one base name collided: each page gets its own", async () => {
    write("audio/en/a.mp3", "english");
    write("audio/fr/a.mp3", "french");
    write("audio/de/A.MP3", "german");
    write(
      "normal/page_1.html",
      page(`${AUDIO}en/a.mp3`, `${AUDIO}fr/a.mp3`, `${AUDIO}en/a.mp3?again`, `${AUDIO}de/A.MP3`),
    );
    const { result, read, names } = await build(["normal"]);
    expect(result.media.map((one) => one.path).toSorted()).toEqual([
      "audio/de/A.MP3",
      "audio/en/a.mp3",
      "audio/fr/a.mp3",
    ]);
    const [first, second, again, third] = Array.from(
      read("page_1.html").matchAll(/src="([^"]*)"/g),
      (match) => match[1] ?? "",
    );
    expect(again).toBe(first);
    expect([first, second, third].map((name) => read(name ?? ""))).toEqual(["english", "french", "german"]);
    const suffix = createHash("sha256").update("audio/fr/a.mp3").digest("hex").slice(0, 8);
    expect(second).toBe(`multimedia/a-${suffix}.mp3`);
    expect(new Set(names().map((name) => name.toLowerCase())).size).toBe(names().length);
  });

  test("links rewritten in page*.html only: all documents, of any name and depth, are rewritten", async () => {
    write("audio/a.mp3", "a");
    write("images/Prince_7/p 1.png", "p");
    const image = "/accounts/projects/serve_project_image/Prince_7/p%201.png";
    for (const name of ["page_1.html", "concordance_it's.HTM", "sub/x y/vocab.xhtml", "sub/drawing.svg"]) {
      write(`normal/${name}`, page(`${AUDIO}a.mp3`, image));
    }
    write("normal/static/style.css", `body{background:url(${image})}`);
    const { result, unpack } = await build(["normal"]);
    const scan = scanBundle(unpack(), { urls: URLS, reserved: result.reserved });
    expect(scan).toEqual({ documents: 5, present: 9, left: [], dangling: [] });
    expect(result.warnings).toEqual([]);
  });

  test("restores byte for byte from the zip alone", async () => {
    plantAwkward(path.join(site, "normal/awkward"));
    write("audio/a.mp3", "a");
    write("normal/page_1.html", Buffer.from(`\ufeff<p>é\r\n${page(`${AUDIO}a.mp3`)}\xff`, "latin1"));
    write("normal/new\nline/-rf.html", page(`${AUDIO}missing.mp3`));
    write("normal/untouched.html", "<p>nothing here");
    write("phonetic/page_1.html", page(`${AUDIO}a.mp3`));
    write("phonetic/.original/x", "mine");
    utimesSync(path.join(site, "normal/page_1.html"), 1e9, 1e9);
    chmodSync(path.join(site, "normal/page_1.html"), 0o604);
    const { result, unpack } = await build(["normal", "phonetic"]);
    const restored = unpack();
    restoreBundle(restored, result.reserved);
    const isTime = (name: string): boolean => /^awkward\/(?:before|after|.*link|loop|empty directory)/.test(name);
    const options = {
      ignore: (name: string) => name.endsWith("/fifo") || isTime(name),
      without: ["links", "owner"] as const,
    };
    expect(compareTrees(path.join(site, "normal"), path.join(restored, "normal"), options)).toEqual([]);
    expect(compareTrees(path.join(site, "phonetic"), path.join(restored, "phonetic"), options)).toEqual([]);
  });

  test("keeps originals of rewritten files only", async () => {
    write("audio/a.mp3", "a");
    write("normal/a.html", page(`${AUDIO}a.mp3`));
    write("normal/b.html", "<p>b");
    const { names, read } = await build(["normal"]);
    expect(names()).toEqual(["a.html", ".original/a.html", "b.html", "multimedia/a.mp3"]);
    expect(read(".original/a.html")).toBe(page(`${AUDIO}a.mp3`));
  });

  test("gives the content digest and the counts of the trees themselves", async () => {
    write("audio/a.mp3", "a");
    write("normal/a.html", page(`${AUDIO}a.mp3`));
    write("normal/sub/b.css", "b{}");
    write("phonetic/x.html", page(`${AUDIO}b.mp3`));
    const { asked, result } = await build(["normal", "phonetic"]);
    const plain = await buildArchive({
      format: "zip",
      output: path.join(site, "plain.zip"),
      level: 4,
      roots: asked.trees,
      exclude: [],
      recipe: "",
      cancelled: () => false,
    });
    // Of what the bundle holds beside the trees, the deflated bytes count as well.
    const ofTrees = { fingerprint: null, deflate: undefined };
    expect({ ...result.input, ...ofTrees }).toEqual({ ...plain.input, ...ofTrees });
  });

  test("is the same bytes for the same input", async () => {
    write("audio/en/a.mp3", "english");
    write("audio/fr/a.mp3", "french");
    write("normal/page_1.html", page(`${AUDIO}en/a.mp3`, `${AUDIO}fr/a.mp3`, `${AUDIO}none/a.mp3`));
    const first = await build(["normal"]);
    const moved = `${site}-moved`;
    cpSync(site, moved, { recursive: true, preserveTimestamps: true });
    rmSync(site, { recursive: true });
    renameSync(moved, site);
    const second = await build(["normal"]);
    expect(second.result.sha256).toBe(first.result.sha256);
    expect(second.result.size_bytes).toBe(statSync(second.asked.output).size);
  });

  test("reserved names that a tree has at the top are left to the tree", async () => {
    write("audio/a.mp3", "ours");
    write("normal/Multimedia/a.mp3", "theirs");
    write("normal/.original", "theirs");
    write("normal/page_1.html", page(`${AUDIO}a.mp3`, "Multimedia/a.mp3"));
    const { result, read, unpack } = await build(["normal"]);
    expect(result.reserved).toEqual({ multimedia: "multimedia_1", original: ".original_1" });
    expect(read("page_1.html")).toBe(page("multimedia_1/a.mp3", "Multimedia/a.mp3"));
    expect(read("Multimedia/a.mp3")).toBe("theirs");
    const restored = unpack();
    restoreBundle(restored, result.reserved);
    expect(compareTrees(path.join(site, "normal"), restored, { without: ["owner"] })).toEqual([]);
  });

  test("a text type may be called multimedia", async () => {
    write("audio/a.mp3", "ours");
    write("multimedia/page_1.html", page(`${AUDIO}a.mp3`));
    write("normal/page_1.html", page(`${AUDIO}a.mp3`));
    const { result, read } = await build(["normal", "multimedia"]);
    expect(result.reserved.multimedia).toBe("multimedia_1");
    expect(read("multimedia/page_1.html")).toBe(page("../multimedia_1/a.mp3"));
  });

  test("names of media: hostile, long, not UTF-8", async () => {
    const long = `${"é".repeat(125)}.mp3`;
    write("audio/a#b?c%d'e\"f\\g\nh.mp3", "hostile");
    write(`audio/${long}`, "long");
    write(`audio/other/${long}`, "long, too");
    writeFileSync(Buffer.concat([Buffer.from(`${site}/audio/`), Buffer.from("caf\xe9.mp3", "latin1")]), "bytes");
    const urls = ["a%23b%3Fc%25d'e%22f%5Cg%0Ah.mp3", long, `other/${long}`, "caf%E9.mp3"].map((name) => AUDIO + name);
    write("normal/page_1.html", page(...urls));
    const { result, unpack } = await build(["normal"]);
    const directory = unpack();
    expect(scanBundle(directory, { urls: URLS, reserved: result.reserved })).toMatchObject({
      present: 4,
      left: [],
      dangling: [],
    });
    const contents = readdirSync(`${directory}/multimedia`).map((name) =>
      readFileSync(`${directory}/multimedia/${name}`, "utf8"),
    );
    expect(contents.toSorted()).toEqual(["bytes", "hostile", "long", "long, too"]);
  });

  test("a page in an old encoding means the file that a browser would ask for", async () => {
    write("audio/café.mp3", "coffee");
    write("normal/page_1.html", Buffer.from(`<meta charset=iso-8859-1><audio src="${AUDIO}caf\xe9.mp3">`, "latin1"));
    const { result } = await build(["normal"]);
    expect(result.media).toEqual([{ path: "audio/caf%C3%A9.mp3", stored: "multimedia/caf%C3%A9.mp3" }]);
  });
});

describe("what is missing", () => {
  test("is made local all the same and listed with the pages that want it", async () => {
    write("normal/page_1.html", page(`${AUDIO}en/a b.mp3`, `${AUDIO}en/a%20b.mp3`));
    write("normal/page_2.html", page(`${AUDIO}en/a%20b.mp3`));
    const { result, read } = await build(["normal"]);
    expect(read("page_2.html")).toBe(page("multimedia/a%20b.mp3"));
    expect(result.missing).toEqual([{ path: "audio/en/a%20b.mp3", stored: "multimedia/a%20b.mp3" }]);
    expect(result.media).toEqual([]);
    expect(result.textTypes.normal?.missing_media).toEqual([
      { page: "page_1.html", url: `${AUDIO}en/a b.mp3` },
      { page: "page_1.html", url: `${AUDIO}en/a%20b.mp3` },
      { page: "page_2.html", url: `${AUDIO}en/a%20b.mp3` },
    ]);
    expect(result.warnings).toEqual([
      `missing media: ${AUDIO}en/a b.mp3: it does not exist (page_1.html)`,
      `missing media: ${AUDIO}en/a%20b.mp3: it does not exist (page_1.html and 1 more)`,
    ]);
  });

  test("media outside the site's root are refused, by whatever path", async () => {
    const outside = tempDirectory();
    writeFileSync(path.join(outside, "secret"), "secret");
    mkdirSync(path.join(site, "audio"));
    symlinkSync(path.join(outside, "secret"), path.join(site, "audio/link"));
    symlinkSync(outside, path.join(site, "audio/directory"));
    const up = path.relative(path.join(site, "audio"), outside);
    const escaped = up.replaceAll("../", "..%2F");
    write(
      "normal/page_1.html",
      page(`${AUDIO}link`, `${AUDIO}directory/secret`, `${AUDIO}${up}/secret`, `${AUDIO}x/..%2F${escaped}%2Fsecret`),
    );
    const { result, asked } = await build(["normal"]);
    expect(result.media).toEqual([]);
    expect(result.warnings.filter((line) => line.includes("outside the site's root"))).toHaveLength(4);
    expect(readFileSync(asked.output).includes("secretsecret") || readFileSync(asked.output).includes(outside)).toBe(
      false,
    );
    expect(execFileSync("unzip", ["-Z1", asked.output], { encoding: "utf8" })).not.toContain("multimedia");
  });

  test("a configured media directory may itself lie on another disk", async () => {
    const elsewhere = tempDirectory();
    writeFileSync(path.join(elsewhere, "a.mp3"), "one");
    symlinkSync(elsewhere, path.join(site, "audio"));
    write("normal/page_1.html", page(`${AUDIO}a.mp3`));
    const { read } = await build(["normal"]);
    expect(read("multimedia/a.mp3")).toBe("one");
  });

  test("a link inside the root is followed", async () => {
    write("pool/1", "one");
    mkdirSync(path.join(site, "audio"));
    symlinkSync("../pool/1", path.join(site, "audio/a.mp3"));
    write("normal/page_1.html", page(`${AUDIO}a.mp3`));
    const { read } = await build(["normal"]);
    expect(read("multimedia/a.mp3")).toBe("one");
  });

  test("directories, FIFOs and what is excluded are never taken", async () => {
    write("audio/directory/x", "x");
    write("audio/left_out/x.mp3", "x");
    execFileSync("mkfifo", [path.join(site, "audio/fifo")]);
    write(
      "normal/page_1.html",
      page(
        `${AUDIO}directory`,
        `${AUDIO}fifo`,
        `${AUDIO}left_out/x.mp3`,
        `${AUDIO}${"n".repeat(300)}`,
        `${AUDIO}a%00b`,
      ),
    );
    const { result } = await build(["normal"], { exclude: [fromString(path.join(site, "audio/left_out"))] });
    expect(result.media).toEqual([]);
    expect(result.missing).toHaveLength(5);
  });
});

describe("links to pages", () => {
  const link = (type: string, name: string): string => `<a href="/accounts/rendered_texts/7/${type}/${name}">x</a>`;

  test("lead from one text type to another in a single bundle", async () => {
    write("normal/page_1.html", `${link("phonetic", "page 1.html?a=1&amp;b#seg")}${link("normal", "page_1.html")}`);
    write("normal/sub/x.html", link("phonetic", "page%201.html"));
    write("phonetic/page 1.html", link("normal", "sub/x.html"));
    const { result, read } = await build(["normal", "phonetic"]);
    expect(read("normal/page_1.html")).toBe(
      `<a href="../phonetic/page%201.html?a=1&amp;b#seg">x</a><a href="page_1.html">x</a>`,
    );
    expect(read("normal/sub/x.html")).toBe(`<a href="../../phonetic/page%201.html">x</a>`);
    expect(read("phonetic/page 1.html")).toBe(`<a href="../normal/sub/x.html">x</a>`);
    expect(result.warnings).toEqual([]);
  });

  test("find the pages in a directory that the site serves as if it were the top", async () => {
    write("normal/content/page_1.html", link("phonetic", "page_1.html"));
    write("phonetic/content/page_1.html", link("normal", "page_1.html"));
    const { read } = await build(["normal", "phonetic"]);
    expect(read("normal/content/page_1.html")).toBe(`<a href="../../phonetic/content/page_1.html">x</a>`);
  });

  test("of another project, or of a text type that is not in the bundle, stay", async () => {
    const other = `<a href="/accounts/rendered_texts/71/normal/page_1.html">x</a>`;
    write("normal/page_1.html", `${other}${link("phonetic", "page_1.html")}${link("normal", "page_1.html")}`);
    const { result, read } = await build(["normal"]);
    expect(read("page_1.html")).toBe(`${other}${link("phonetic", "page_1.html")}<a href="page_1.html">x</a>`);
    expect(result.textTypes.normal?.external_links).toBe(1);
    expect(result.warnings).toEqual([
      "normal: links to pages that are not in this bundle stay as they are (page_1.html)",
    ]);
  });

  test("of a page that is not there are listed", async () => {
    write("normal/page_1.html", link("normal", "page_2.html"));
    const { result, read } = await build(["normal"]);
    expect(read("page_1.html")).toBe(`<a href="page_2.html">x</a>`);
    expect(result.textTypes.normal?.missing_pages).toEqual([
      { page: "page_1.html", url: "/accounts/rendered_texts/7/normal/page_2.html" },
    ]);
    expect(result.warnings).toEqual(["missing page: page_2.html (page_1.html)"]);
  });
});

describe("what is left as it is, and told", () => {
  test("UTF-16, script files, URLs that scripts put together", async () => {
    write("audio/a.mp3", "a");
    write("normal/utf16.html", Buffer.from(`\ufeff${page(`${AUDIO}a.mp3`)}`, "utf16le"));
    write("normal/app.js", `play("${AUDIO}a.mp3")`);
    write("normal/page_1.html", `<script>play("${AUDIO}" + name)</script>`);
    const { result, unpack } = await build(["normal"]);
    expect(compareTrees(path.join(site, "normal"), unpack(), { without: ["owner"] })).toEqual([]);
    expect(result.warnings).toEqual([
      `a reference in a script file is left as it is: ${AUDIO}a.mp3 (app.js)`,
      `a URL that is put together elsewhere is left as it is: ${AUDIO} (page_1.html)`,
      "in UTF-16, its references are left as they are (utf16.html)",
    ]);
  });
});

describe("failures", () => {
  test("unreadable pages, directories and media fail the bundle, and nothing is left of it", async () => {
    write("audio/a.mp3", "a");
    write("normal/page_1.html", page(`${AUDIO}a.mp3`));
    write("normal/closed.html", "x");
    write("normal/closed/x.html", "x");
    chmodSync(path.join(site, "normal/closed.html"), 0);
    chmodSync(path.join(site, "normal/closed"), 0);
    chmodSync(path.join(site, "audio/a.mp3"), 0);
    chmodSync(site, 0o777);
    const script = `
      import { buildCompiledBundle } from "./lib/steps/compiled/bundle.ts";
      const result = await buildCompiledBundle({ ...${JSON.stringify(request(["normal"]))}, cancelled: () => false });
      console.log(JSON.stringify(result.failures.map((one) => [one.code, one.path])));`;
    const printed = execFileSync(
      "setpriv",
      ["--reuid=65534", "--clear-groups", "node", "--import", "tsx", "--input-type=module", "-e", script],
      {
        encoding: "utf8",
        env: { ...process.env, HOME: "/tmp" },
      },
    );
    expect(JSON.parse(printed)).toEqual([
      ["E_UNREADABLE", path.join(site, "normal/closed")],
      ["E_UNREADABLE", path.join(site, "normal/closed.html")],
      ["E_UNREADABLE", path.join(site, "audio/a.mp3")],
    ]);
    expect(existsSync(path.join(site, "bundle0.zip"))).toBe(false);
  });

  test("cancelling ends it and leaves nothing", async () => {
    write("normal/page_1.html", "x");
    const asked = request(["normal"], { cancelled: () => true });
    await expect(buildCompiledBundle(asked)).rejects.toMatchObject({ code: "E_INTERRUPTED" });
    expect(existsSync(asked.output)).toBe(false);
  });

  test("a template whose placeholder nothing fills is the config's fault", async () => {
    write("normal/page_1.html", page("/m/a.mp3"));
    const media = [{ url: "/m/{path}", path: fromString(`${site}/{owner}/{path}`) }];
    await expect(buildCompiledBundle(request(["normal"], { media }))).rejects.toMatchObject({ code: "E_CONFIG" });
    await expect(
      buildCompiledBundle(request(["normal"], { media: [{ url: "{path}", path: "/x" }] })),
    ).rejects.toMatchObject({ code: "E_CONFIG" });
  });
});

describe("the fingerprint", () => {
  /** Until what was written is old enough to be relied on. */
  const age = (): void => void Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 2200);
  const recorded = (result: { media: { path: string }[]; missing: { path: string }[] }): string[] =>
    [...result.media, ...result.missing].map((one) => one.path);

  test("of a plan is that of the build, until a tree, one of the media or the config changes", async () => {
    write("audio/a b.mp3", "a");
    write("normal/page_1.html", page(`${AUDIO}a b.mp3`, `${AUDIO}none.mp3`));
    age();
    const { asked, result } = await build(["normal"]);
    const plan = () => planCompiledBundle({ source: asked, previousMedia: recorded(result) }).input.fingerprint;
    expect(result.input.fingerprint).toMatch(/^[0-9a-f]{64}$/);
    expect(plan()).toBe(result.input.fingerprint);
    expect(planCompiledBundle({ source: asked, previousMedia: recorded(result).toReversed() }).input).toEqual({
      ...result.input,
      content_digest: undefined,
      extensions: undefined,
      deflate: undefined,
    });
    expect(planCompiledBundle({ source: asked, previousMedia: undefined }).input.fingerprint).toBeNull();
    expect(
      planCompiledBundle({ source: { ...asked, project: { id: 7, title: "Other" } }, previousMedia: recorded(result) })
        .input.fingerprint,
    ).toBe(plan());
    expect(
      planCompiledBundle({ source: { ...asked, project: { id: 8 } }, previousMedia: recorded(result) }).input
        .fingerprint,
    ).not.toBe(plan());

    write("audio/a b.mp3", "changed");
    age();
    const changed = plan();
    expect(changed).not.toBeNull();
    expect(changed).not.toBe(result.input.fingerprint);
    mkdirSync(path.join(site, "audio/none.mp3"));
    age();
    const directory = plan();
    expect(directory).not.toBe(changed);
    rmSync(path.join(site, "audio/none.mp3"), { recursive: true });
    write("audio/none.mp3", "appeared");
    age();
    expect([changed, directory]).not.toContain(plan());
  });

  test("is not relied on when one of the media has just changed", async () => {
    write("audio/a.mp3", "a");
    write("normal/page_1.html", page(`${AUDIO}a.mp3`));
    age();
    write("audio/a.mp3", "b");
    const { result } = await build(["normal"]);
    expect(result.input.fingerprint).toBeNull();
  });
});
