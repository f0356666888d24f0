/** Reads and validates a package from end to end, before any of it is used. */
import { createGunzip } from "node:zlib";
import type * as z from "zod";
import { consume } from "../../archive/files/consume-stream.ts";
import type { BytePath } from "../../archive/entry.ts";
import { DOCUMENT, MOST_ENTRIES, MOST_NAMES, parseJson } from "../../archive/limits.ts";
import { display, fromString } from "../../archive/path.ts";
import { realFile, streamRegular } from "../../archive/files/regular-file.ts";
import { TarReader, type TarEntry } from "../../archive/tar/reader.ts";
import { isZlibError } from "../../archive/errors.ts";
import { asHoldfastError, HoldfastError } from "../../errors.ts";
import {
  CHECKS,
  checksSchema,
  CONFIG,
  DATA,
  DUMP,
  GUIDE,
  PACKAGE_MANIFEST,
  PACKAGE_VERSION,
  packageManifestSchema,
  STORAGE,
  type Checks,
  type PackageManifest,
} from "./format.ts";
import { staysInside } from "./tree-checks.ts";

export interface OpenedPackage {
  readonly file: string;
  readonly manifest: PackageManifest;
  readonly checks: Checks;
  /** Limits for the second reading. */
  readonly limits: { readonly bytes: number; readonly entries: number; readonly depth: number };
}

/**
 * Limits of a manifest: about a line per file, with its possibly escaped name; a longer one is damaged or malicious.
 */
const BESIDE_NAMES = { document: 16 * 1024 * 1024, file: 512, nameByte: 6 };
/** Lists and objects of a manifest, besides those of its files. */
const BESIDE_FILES = 200_000;
const MAX_DEPTH = 4000;

/**
 * Validates a package without writing anything. Throws `E_PACKAGE` for a file that is not a package, is damaged, lacks
 * a file or has an extra one, or holds a name or link that points outside of it; `E_VERSION` for a newer format.
 */
export async function openMigrationPackage(name: string, signal: AbortSignal): Promise<OpenedPackage> {
  const file = realFile(name);
  const survey = new Survey();
  const reader = new TarReader((entry) => survey.end(entry), survey);
  const input = streamRegular(file, "E_PACKAGE", { highWaterMark: 256 * 1024 });
  const gunzip = createGunzip({ chunkSize: 256 * 1024 });
  let bytes = 0;
  try {
    await consume(input, gunzip, (chunk) => reader.write(chunk), signal);
    if (input.bytesRead !== gunzip.bytesWritten) fail("it has trailing bytes after its end");
    bytes = reader.end().bytes;
  } catch (error) {
    throw explain(file, error, signal);
  }
  try {
    const manifest = survey.document(PACKAGE_MANIFEST, packageManifestSchema);
    if (Number(manifest.format_version.split(".")[0]) > Number(PACKAGE_VERSION.split(".")[0]))
      throw new HoldfastError(
        "E_VERSION",
        `the package has format version ${manifest.format_version}, but this Holdfast reads ${PACKAGE_VERSION}`,
      );
    survey.compare(manifest);
    const checks = survey.document(CHECKS, checksSchema);
    return { file, manifest, checks, limits: { bytes, entries: survey.entries + 1, depth: MAX_DEPTH } };
  } catch (error) {
    throw explain(file, error, signal);
  }
}

function explain(file: string, error: unknown, signal: AbortSignal): HoldfastError {
  if (signal.aborted) return asHoldfastError(signal.reason);
  const known = isZlibError(error)
    ? new HoldfastError("E_PACKAGE", `it cannot be unpacked: ${error.message}`, { cause: error })
    : asHoldfastError(error, "E_IO");
  if (known.code !== "E_ARCHIVE" && known.code !== "E_PACKAGE") return known;
  return new HoldfastError("E_PACKAGE", `${file}: ${known.message}`, {
    cause: error,
    hint: "nothing was changed; make or fetch the package again",
  });
}

function fail(what: string): never {
  throw new HoldfastError("E_PACKAGE", what);
}

const DOCUMENTS = [PACKAGE_MANIFEST, CHECKS];
const TOPS = new Set([DATA, DUMP, STORAGE, CONFIG]);

class Survey {
  readonly #files = new Map<BytePath, { size: number; sha256: string }>();
  readonly #seen = new Set<BytePath>();
  #names = 0;
  readonly #texts = new Map<string, Buffer[]>();
  #collecting: Buffer[] | undefined;

  get entries(): number {
    return this.#seen.size;
  }

  begin(entry: Omit<TarEntry, "sha256">): void {
    const { path, type, linkname, size } = entry;
    this.#collecting = undefined;
    const parts = path.split("/");
    if (path.startsWith("/") || parts.includes("..")) fail(`${display(path)} points outside the package`);
    if (parts.includes("") || parts.includes(".")) fail(`${display(path)} is not a normalized path`);
    if (parts.length > MAX_DEPTH) fail(`${display(path.slice(0, 100))} … is nested too deeply`);
    if (this.#seen.has(path)) fail(`two entries are named ${display(path)}`);
    this.#seen.add(path);
    this.#names += path.length;
    if (this.#seen.size > MOST_ENTRIES || this.#names > MOST_NAMES)
      fail(`it has more than ${MOST_ENTRIES} entries, or ${MOST_NAMES} bytes of names`);
    const isDocument = [...DOCUMENTS, GUIDE].includes(path);
    if (isDocument ? type !== "file" : !TOPS.has(parts[0] ?? "")) fail(`${display(path)} does not belong in a package`);
    if (!["file", "directory", "symlink", "hardlink"].includes(type)) fail(`${display(path)} is a ${type}`);
    if (type === "symlink") this.#link(parts, linkname);
    if (type === "hardlink" && !this.#isOwn(parts, linkname))
      fail(`${display(path)} is a link to ${display(linkname)}, which is not a file of its tree`);
    if (DOCUMENTS.includes(path)) {
      if (size > this.#mostOfDocument()) fail(`${path} is longer than the limit`);
      this.#collecting = [];
      this.#texts.set(path, this.#collecting);
    }
  }

  data(chunk: Buffer): void {
    this.#collecting?.push(Buffer.from(chunk));
  }

  end({ path, type, size, sha256, linkname }: TarEntry): void {
    const facts = type === "hardlink" ? this.#files.get(linkname) : sha256 === null ? undefined : { size, sha256 };
    if (facts !== undefined) this.#files.set(path, facts);
  }

  /** Returns the size limit of a document; the manifest is the last entry. */
  #mostOfDocument(): number {
    const { document, file, nameByte } = BESIDE_NAMES;
    return document + this.#seen.size * file + this.#names * nameByte;
  }

  /** Compares the files with the manifest: all that it lists, and no others. */
  compare(manifest: PackageManifest): void {
    for (const { path, size_bytes, sha256 } of manifest.files) {
      const found = this.#files.get(path);
      if (found === undefined) fail(`${display(path)} is missing`);
      if (found.size !== size_bytes || found.sha256 !== sha256) fail(`${display(path)} differs from the manifest`);
      this.#files.delete(path);
    }
    this.#files.delete(PACKAGE_MANIFEST);
    const [more] = this.#files.keys();
    if (more !== undefined) fail(`the manifest does not list ${display(more)}`);
    for (const { name } of manifest.trees)
      if (!this.#seen.has(fromString(`${STORAGE}/${name}`))) fail(`${STORAGE}/${name} is missing`);
    const dump = manifest.database?.dump;
    if (dump !== null && dump !== undefined && (!dump.startsWith(`${DUMP}/`) || !this.#seen.has(fromString(dump))))
      fail(`${dump} is missing`);
  }

  document<T>(name: string, schema: z.ZodType<T>): T {
    const parts = this.#texts.get(name);
    if (parts === undefined) fail(`it has no ${name}: it is not a package, or is incomplete`);
    let value: unknown;
    try {
      value = parseJson(Buffer.concat(parts).toString("utf8"), {
        ...DOCUMENT,
        containers: BESIDE_FILES + 2 * this.#seen.size,
      });
    } catch (error) {
      fail(`${name} is not valid JSON: ${error instanceof SyntaxError ? error.message : "it is too long"}`);
    }
    const found = schema.safeParse(value);
    if (found.success) return found.data;
    const [issue] = found.error.issues;
    return fail(`${name}: ${issue?.path.join(".") ?? ""} ${issue?.message ?? "is malformed"}`);
  }

  /** Throws for a link outside of storage, or one that points outside of its own tree. */
  #link(parts: readonly string[], target: BytePath): void {
    const [top, , ...rest] = parts;
    if (top === STORAGE && rest.length > 0 && staysInside(rest.join("/"), target)) return;
    fail(`the link ${display(parts.join("/"))} points outside its tree, to ${display(target)}`);
  }

  #isOwn([top, tree]: readonly string[], target: BytePath): boolean {
    return top === STORAGE && tree !== undefined && target.startsWith(`${top}/${tree}/`) && this.#files.has(target);
  }
}
