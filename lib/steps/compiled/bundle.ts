/**
 * Compiled texts as a zip that opens from disk and restores byte for byte.
 *
 * The bundle holds every entry of its trees under its own path. Pages and style sheets that refer to the site's media
 * are rewritten to refer to the bundle's own, under `reserved.multimedia`; the original of each such file is kept under
 * `reserved.original`, by the same path. These two names are `multimedia` and `.original`, or with `_1`, `_2` … where a
 * tree has such a name at the top of the bundle.
 *
 * Restoring, with any unzip: everything but the two reserved directories is the trees; then each `.original/X` replaces
 * `X`: `rm -r multimedia; cd .original && find . -type f -exec cp -p {} ../{} \; && cd .. && rm -r .original`
 *
 * References are rewritten in HTML, XHTML, SVG and CSS files, in every place where a browser would follow them, and in
 * comments. References to missing files become local too, so that no page uses the network, and are listed. Unchanged
 * and listed are URLs that scripts put together, references in script files (they start from the page that loads the
 * script, which may be any), links to text types that are not in the bundle, and documents in UTF-16 or beyond 32 MB.
 */
import { readdirSync } from "node:fs";
import { buildArchive } from "../../archive/build/archive.ts";
import type { BuildExtension } from "../../archive/build/request.ts";
import type { ArchiveWriter, BytePath, StoredFile } from "../../archive/entry.ts";
import { display, join, toBuffer } from "../../archive/path.ts";
import { TreeHandles } from "../../archive/tree/handles.ts";
import { FileError, readError, readStable, type ReadHooks } from "../../archive/tree/read-stable.ts";
import type { ArchiveFailure, Selected } from "../../archive/build/select-entries.ts";
import { PageFindings } from "./findings.ts";
import { bundleRecipe, withMedia } from "./fingerprint.ts";
import { MediaCollector, MediaSite, type Media } from "./media.ts";
import { findPage } from "./pages.ts";
import type { Reference } from "./rewrite/references.ts";
import type { CompiledRequest, CompiledResult, CompiledTree } from "./request.ts";
import { documentKind, Rewriter, type DocumentKind, type Target } from "./rewrite/rewriter.ts";
import { encodePath, urlTemplate, type UrlTemplate } from "./rewrite/url-template.ts";

export type { CompiledRequest, CompiledResult } from "./request.ts";

/** Documents are rewritten in memory. */
const LONGEST_DOCUMENT = 32 * 1024 * 1024;

/**
 * Builds the bundle, the same bytes for the same input. Throws what `buildArchive` throws; with failures in the result
 * there is no file. The content digest is of the trees as they are on disk, which is what a restore gives back; the
 * input's counts are theirs, too. The fingerprint covers the media as well; `planCompiledBundle` gives the same one.
 */
export async function buildCompiledBundle(request: CompiledRequest): Promise<CompiledResult> {
  const started = Date.now();
  const bundle = new Bundle(request);
  const result = await buildArchive(
    { ...request, format: "zip", roots: request.trees, recipe: bundleRecipe(request) },
    bundle,
  );
  const { media, missing, fingerprint } = bundle.mediaResult(result.input.fingerprint, started);
  return {
    ...result,
    input: { ...result.input, fingerprint },
    warnings: [...result.warnings, ...bundle.findings.warnings()],
    textTypes: bundle.findings.textTypes(),
    reserved: bundle.reserved,
    media,
    missing,
  };
}

class Bundle implements BuildExtension {
  readonly findings: PageFindings;
  readonly reserved: { readonly multimedia: string; readonly original: string };
  readonly #request: CompiledRequest;
  readonly #collector: MediaCollector;
  readonly #rewriter: Rewriter;
  readonly #mediaPaths: ReadonlyMap<UrlTemplate, BytePath>;
  readonly #gone = new Set<Media>();
  readonly #hooks: ReadHooks;

  constructor(request: CompiledRequest) {
    const { trees, media, pages, project } = request;
    this.#request = request;
    this.findings = new PageFindings(trees);
    this.#collector = new MediaCollector(new MediaSite(request), project);
    this.#mediaPaths = new Map(media.map(({ url, path }) => [urlTemplate(url, project), path]));
    const pageTemplates = pages === undefined ? [] : [urlTemplate(pages.url, project)];
    this.#rewriter = new Rewriter([...this.#mediaPaths.keys(), ...pageTemplates]);
    this.#hooks = { progress: (bytes) => request.onBytes?.(bytes) };
    const taken = topNames(trees);
    this.reserved = { multimedia: freeName("multimedia", taken), original: freeName(".original", taken) };
  }

  store(selected: Selected, writer: ArchiveWriter): StoredFile | undefined {
    const { entry } = selected;
    const tree = this.#treeOf(selected);
    this.findings.addFile(tree.textType);
    const kind = documentKind(entry.path);
    if (kind === undefined) return undefined;
    if (entry.size > LONGEST_DOCUMENT) {
      this.findings.note("too long to be searched for references", display(entry.path));
      return undefined;
    }
    const { data, changed } = readWhole(selected, this.#hooks);
    const rewritten = this.#rewrite(data, kind, selected, tree);
    if (rewritten === null) return { ...writer.addBytes(entry.path, data, entry), changed };
    writer.addBytes(entry.path, rewritten, entry);
    return { ...writer.addBytes(join(this.reserved.original, entry.path), data, entry), changed };
  }

  /** Adds the media, sorted by name. */
  finish(writer: ArchiveWriter): ArchiveFailure[] {
    const handles = new TreeHandles("/");
    try {
      return this.#addMedia(writer, handles);
    } finally {
      handles.close();
    }
  }

  /** The places of media are free of links: one that is put there meanwhile is not followed. */
  #addMedia(writer: ArchiveWriter, handles: TreeHandles): ArchiveFailure[] {
    const failures: ArchiveFailure[] = [];
    for (const media of this.#collector.all()) {
      const { state, stored } = media;
      if ("unreadable" in state) {
        failures.push({
          code: "E_UNREADABLE",
          path: display(state.unreadable),
          message: `no right to read ${display(state.unreadable)}`,
        });
      }
      if (!("file" in state)) continue;
      try {
        const name = join(this.reserved.multimedia, stored);
        const location = locate(handles, state.file);
        const { changed } = writer.addFile(name, location, state.entry, state.file);
        if (changed) this.findings.note("changed while it was read", display(name));
      } catch (error) {
        if (!(error instanceof FileError)) throw error;
        if (error.code === "E_MISSING") this.#vanished(media, state.file);
        else failures.push({ code: error.code, path: display(state.file), message: error.message });
      }
    }
    return failures;
  }

  /** The media in the bundle, those that are not, and the fingerprint that covers both. */
  mediaResult(trees: string | null, started: number) {
    const record = ({ path, stored }: Media) => ({ path, stored: encodePath(join(this.reserved.multimedia, stored)) });
    const all = this.#collector.all();
    const isThere = (media: Media): boolean => "file" in media.state && !this.#gone.has(media);
    return {
      media: all.filter(isThere).map(record),
      missing: all.filter((media) => !isThere(media)).map(record),
      fingerprint: withMedia(
        trees,
        all.map(({ path, state }) => [path, state]),
        started,
      ),
    };
  }

  #vanished(media: Media, file: BytePath): void {
    this.#gone.add(media);
    this.findings.note("vanished while reading", display(file));
  }

  #rewrite(data: Buffer, kind: DocumentKind, { entry }: Selected, tree: CompiledTree): Buffer | null {
    const page = display(entry.path);
    const utf16 = decodeUtf16(data);
    if (utf16 !== undefined) {
      if (this.#rewriter.mayRefer(utf16)) this.findings.note("in UTF-16, its references are left as they are", page);
      return null;
    }
    const isScript = kind === "script";
    const { text, unresolved, baseReplaced } = this.#rewriter.rewrite(
      data.toString("latin1"),
      kind,
      entry.path,
      (reference) => {
        if (!isScript) return this.#localise(reference, entry.path, tree);
        this.findings.note(`a reference in a script file is left as it is: ${display(reference.url)}`, page);
        return undefined;
      },
    );
    for (const url of unresolved)
      this.findings.note(`a URL that is put together elsewhere is left as it is: ${display(url)}`, page);
    if (baseReplaced) this.findings.note("its <base> leads elsewhere and was made ./", page);
    return text === null ? null : Buffer.from(text, "latin1");
  }

  #localise({ template, values, url }: Reference, name: BytePath, tree: CompiledTree): Target | undefined {
    const wanted = { page: display(name), url: display(url) };
    const mediaPath = this.#mediaPaths.get(template);
    if (mediaPath === undefined) {
      const found = findPage(this.#request.trees, { tree, path: withoutPrefix(name, tree.prefix) }, values);
      if (found === undefined) this.findings.externalLink(tree.textType, wanted.page);
      else if (!found.exists)
        this.findings.missing("pages", tree.textType, wanted, `missing page: ${display(found.path)}`);
      return found === undefined ? undefined : { path: found.path, keepQuery: true };
    }
    const media = this.#collector.locate(mediaPath, values);
    if ("missing" in media.state) {
      this.findings.missing("media", tree.textType, wanted, `missing media: ${wanted.url}: ${media.state.missing}`);
    }
    return { path: join(this.reserved.multimedia, media.stored), keepQuery: false };
  }

  #treeOf({ entry, absolute }: Selected): CompiledTree {
    const tree = this.#request.trees.find(
      ({ path, prefix }) => absolute === join(path, withoutPrefix(entry.path, prefix)),
    );
    if (tree === undefined) throw new RangeError(`${display(absolute)} is in no tree`);
    return tree;
  }
}

const withoutPrefix = (name: BytePath, prefix: BytePath): BytePath =>
  prefix === "" ? name : name.slice(prefix.length + 1);

/** Whole, as it was at one time; a copy of the reader's buffers. */
function readWhole({ absolute, location }: Selected, hooks: ReadHooks): { data: Buffer; changed: boolean } {
  let pieces: Buffer[] = [];
  const changed = readStable(
    location,
    {
      whole: (data) => {
        pieces = [Buffer.from(data)];
      },
      begin: () => {
        pieces = [];
      },
      piece: (data) => void pieces.push(Buffer.from(data)),
    },
    hooks,
    absolute,
  );
  return { data: Buffer.concat(pieces), changed };
}

/** The text of a document that begins with the byte order mark of UTF-16. */
function decodeUtf16(data: Buffer): string | undefined {
  const mark = data.length < 2 ? 0 : data.readUInt16BE(0);
  if (mark === 0xfffe) return data.toString("utf16le");
  if (mark !== 0xfeff) return undefined;
  return Buffer.from(data.subarray(0, data.length - (data.length % 2)))
    .swap16()
    .toString("utf16le");
}

function locate(handles: TreeHandles, file: BytePath): BytePath {
  try {
    return handles.locate(file.slice(1));
  } catch (error) {
    throw readError(file, error);
  }
}

/** Returns the top-level names of the bundle in lower case, because some file systems ignore case. */
function topNames(trees: readonly CompiledTree[]): Set<string> {
  const names = trees.flatMap(({ path, prefix }) => (prefix === "" ? list(path) : [prefix.split("/")[0] ?? ""]));
  return new Set(names.map((name) => name.toLowerCase()));
}

/** A directory that cannot be read becomes a failure when it is walked. */
function list(directory: BytePath): BytePath[] {
  try {
    return readdirSync(toBuffer(directory), { encoding: "latin1" });
  } catch {
    return [];
  }
}

function freeName(name: string, taken: ReadonlySet<string>): string {
  let free = name;
  for (let n = 1; taken.has(free); n++) free = `${name}_${n}`;
  return free;
}
