/**
 * The media that pages refer to: which file a URL means, whether it may be taken, and what it is called in the bundle.
 */
import { createHash } from "node:crypto";
import { realpathSync } from "node:fs";
import type { BytePath, Entry } from "../../archive/entry.ts";
import { basename, display, fromString, isBelow, isUtf8, join, toBuffer } from "../../archive/path.ts";
import { lstatEntry } from "../../archive/tree/walk.ts";
import { HoldfastError, systemCode } from "../../errors.ts";
import type { CompiledSource } from "./request.ts";
import { decodePercent, encodePath, resolveDots, type Captured } from "./rewrite/url-template.ts";

/** A file that some page refers to. */
export interface Media {
  /** Its path relative to the site's root (absolute where it is not below it), percent-encoded: how it is recorded. */
  readonly path: string;
  /** Its name in the bundle's media directory. */
  readonly stored: BytePath;
  readonly state: MediaState;
}

/** The file on disk, or the reason why it cannot be used. */
export type MediaState =
  | { readonly file: BytePath; readonly entry: Entry }
  | { readonly missing: string }
  | { readonly unreadable: BytePath };

/** Collects the media of one bundle. The same files asked for in the same order get the same names. */
export class MediaCollector {
  readonly #site: MediaSite;
  readonly #project: Readonly<Record<string, string | number>>;
  readonly #byFile = new Map<BytePath, Media>();
  readonly #taken = new Set<string>();

  constructor(site: MediaSite, project: Readonly<Record<string, string | number>>) {
    this.#site = site;
    this.#project = project;
  }

  /** The media file that a URL's placeholders mean by a path template (absolute). Asked again, the same answer. */
  locate(template: BytePath, values: Captured): Media {
    const files = candidates(values).map((captured) => fill(template, { ...this.#projectBytes(), ...captured }));
    for (const file of files) {
      const known = this.#byFile.get(file.path);
      if (known !== undefined) return known;
    }
    const states = files.map((file) => ({ file, state: file.inside ? this.#site.look(file.path) : OUTSIDE }));
    const chosen = states.find(({ state }) => !("missing" in state)) ?? states[0];
    if (chosen === undefined) throw new HoldfastError("E_INTERNAL", "a reference without a file");
    const path = this.#site.recorded(chosen.file.path);
    const media = { path, stored: this.#name(basename(chosen.file.path), path), state: chosen.state };
    this.#byFile.set(chosen.file.path, media);
    return media;
  }

  /** Returns the requested media, sorted by their names in the bundle. */
  all(): Media[] {
    return [...this.#byFile.values()].toSorted((a, b) => (a.stored < b.stored ? -1 : 1));
  }

  #projectBytes(): Captured {
    return Object.fromEntries(Object.entries(this.#project).map(([name, value]) => [name, fromString(String(value))]));
  }

  /** A name no other file has, also where upper and lower case or composed and decomposed letters are one. */
  #name(base: BytePath, path: string): BytePath {
    const safe = safeName(base);
    const digest = createHash("sha256").update(path).digest("hex");
    const dot = safe.lastIndexOf(".") > 0 ? safe.lastIndexOf(".") : safe.length;
    for (let length = 0; ; length = length === 0 ? 8 : length + 8) {
      const name = length === 0 ? safe : `${safe.slice(0, dot)}-${digest.slice(0, length)}${safe.slice(dot)}`;
      const key = toBuffer(name).toString("utf8").normalize("NFC").toLowerCase();
      if (this.#taken.has(key)) continue;
      this.#taken.add(key);
      return name;
    }
  }
}

const OUTSIDE: MediaState = { missing: "it lies outside the site's root and of the configured media directories" };

/** The site that the media belong to: what of it may be taken. */
export class MediaSite {
  readonly #root: BytePath;
  /** The real directories that media may lie in: the root, and those that the config names. */
  readonly #trusted: readonly BytePath[];
  readonly #exclude: readonly BytePath[];
  /** Media lie many to a directory; its true place is looked up once. */
  readonly #realDirectories = new Map<BytePath, BytePath>();

  constructor(source: Pick<CompiledSource, "root" | "exclude" | "media">) {
    this.#root = source.root.replace(/\/+$/, "");
    const directories = source.media.map(({ path }) => path.slice(0, path.lastIndexOf("/", path.indexOf("{"))));
    this.#trusted = [this.#root, ...directories].flatMap(realPathIfThere);
    this.#exclude = source.exclude;
  }

  /**
   * Examines an absolute path without opening it. A link counts as its target, which must be inside the root as well.
   */
  look(path: BytePath): MediaState {
    try {
      const { real, entry } = this.#lstat(path);
      if (!this.#trusted.some((directory) => isBelow(real, directory))) return OUTSIDE;
      const isExcluded = this.#exclude.some((one) => [path, real].some((file) => file === one || isBelow(file, one)));
      if (isExcluded) return { missing: "it is left out of the backup" };
      return entry.type === "file" ? { file: real, entry } : { missing: "it is not a regular file" };
    } catch (error) {
      const code = systemCode(error);
      if (code === "EACCES" || code === "EPERM") return { unreadable: path };
      if (code !== undefined && NOT_THERE.has(code)) return { missing: "it does not exist" };
      throw error;
    }
  }

  /** Returns the recorded form of an absolute path, which `absolute` reverses. */
  recorded(file: BytePath): string {
    return encodePath(isBelow(file, this.#root) ? file.slice(this.#root.length + 1) : file);
  }

  absolute(recorded: string): BytePath {
    const path = decodePercent(recorded);
    return path.startsWith("/") ? path : `${this.#root}/${path}`;
  }

  #lstat(path: BytePath): { real: BytePath; entry: Entry } {
    const directory = path.slice(0, Math.max(path.lastIndexOf("/"), 1));
    let realDirectory = this.#realDirectories.get(directory);
    if (realDirectory === undefined) {
      realDirectory = realPath(directory);
      this.#realDirectories.set(directory, realDirectory);
    }
    const real = join(realDirectory, basename(path));
    const entry = lstatEntry(real, real);
    if (entry.type !== "symlink") return { real, entry };
    const target = realPath(real);
    return { real: target, entry: lstatEntry(target, target) };
  }
}

const NOT_THERE = new Set(["ENOENT", "ENOTDIR", "ELOOP", "ENAMETOOLONG", "EINVAL"]);

const realPath = (path: BytePath): BytePath => realpathSync.native(toBuffer(path), "buffer").toString("latin1");

function realPathIfThere(path: BytePath): BytePath[] {
  try {
    return [realPath(path === "" ? "/" : path)];
  } catch (error) {
    if (NOT_THERE.has(systemCode(error) ?? "")) return [];
    throw error;
  }
}

/**
 * Browsers send paths as UTF-8 whatever the page's own encoding is: in an old page, bytes that are no UTF-8 mean Latin
 * letters.
 */
function candidates(values: Captured): Captured[] {
  if (Object.values(values).every(isUtf8)) return [values];
  const decoder = new TextDecoder("windows-1252");
  const converted: Record<string, BytePath> = {};
  for (const [name, value] of Object.entries(values)) {
    converted[name] = isUtf8(value) ? value : fromString(decoder.decode(toBuffer(value)));
  }
  return [values, converted];
}

/**
 * Fills a path template. `inside` is false where a value climbs out of its place; `..` within a value is resolved as
 * browsers do.
 */
function fill(template: BytePath, values: Captured): { path: BytePath; inside: boolean } {
  let inside = true;
  const path = template.replaceAll(/\{(\w+)\}/g, (_all, name: string) => {
    const value = values[name];
    if (value === undefined)
      throw new HoldfastError("E_CONFIG", `${display(template)}: neither the URL nor the project has {${name}}`);
    const clean = resolveDots(value);
    if (clean === undefined || value.includes("\0")) inside = false;
    return (clean ?? "").replaceAll("\0", "");
  });
  return { path, inside };
}

const LONGEST = 180;

/**
 * A name that every file system and every program takes: no control characters, no backslash, UTF-8, at most 180 bytes.
 */
function safeName(base: BytePath): BytePath {
  // oxlint-disable-next-line no-control-regex -- control characters are what it takes out
  const clean = base.replaceAll(/[\x00-\x1f\x7f\\]/g, "_");
  const text = isUtf8(clean) ? clean : clean.replaceAll(/[\x80-\xff]/g, "_");
  if (text.length <= LONGEST) return text;
  const extension = /\.[^.]{1,20}$/.exec(text)?.[0] ?? "";
  return text.slice(0, LONGEST - extension.length).replace(/[\xc0-\xff][\x80-\xbf]*$/, "") + extension;
}
