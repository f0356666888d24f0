/** The request to build a compiled bundle, and its result. */
import type { BuildRequest } from "../../archive/build/request.ts";
import type { BytePath } from "../../archive/entry.ts";
import type { ArchiveFailure } from "../../archive/build/select-entries.ts";
import type { UnitInput } from "../../model/unit.ts";

export interface CompiledTree {
  readonly textType: string;
  /** Absolute. */
  readonly path: BytePath;
  /** Prefix of the tree in the bundle: "" for a single text type, else its name. */
  readonly prefix: BytePath;
}

/** The input of a bundle, which decides its content together with the files. */
export interface CompiledSource {
  /** One for a bundle per text type, several for a single one. */
  readonly trees: readonly CompiledTree[];
  /** URL templates and the absolute path templates of the files behind them. */
  readonly media: readonly { readonly url: string; readonly path: BytePath }[];
  /** The URL template of a compiled page: `{text_type}` and `{page}` are read from the URL. */
  readonly pages?: { readonly url: string };
  /** The fields that fill `{id}`, `{internal_id}` … in the templates. */
  readonly project: Readonly<Record<string, string | number>>;
  /**
   * The site's root, absolute: media are taken from it and from the directories that `media` names, never from
   * elsewhere.
   */
  readonly root: BytePath;
  /** Absolute paths that are left out, with what is below them. */
  readonly exclude: readonly BytePath[];
  /** Goes into the fingerprint. */
  readonly recipe: string;
}

export interface CompiledRequest extends CompiledSource, Pick<BuildRequest, "captureSqlite" | "xattrs"> {
  /** The zip to create. */
  readonly output: string;
  readonly level: number;
  readonly cancelled: () => boolean;
  readonly onBytes?: (bytes: number) => void;
}

/** A reference to a missing file: the page, by its path in the bundle, and the URL as written there. */
export interface WantedBy {
  readonly page: string;
  readonly url: string;
}

export interface TextTypeResult {
  readonly files: number;
  readonly missing_media: readonly WantedBy[];
  /** Links to pages that are not in the compiled tree. */
  readonly missing_pages: readonly WantedBy[];
  /** Links to pages of text types that are not in this bundle: left as they are. */
  readonly external_links: number;
}

export interface CompiledResult {
  readonly size_bytes: number;
  readonly sha256: string;
  readonly entries: number;
  readonly input: UnitInput;
  readonly warnings: string[];
  readonly failures: ArchiveFailure[];
  readonly textTypes: Record<string, TextTypeResult>;
  /** The top-level names of the bundle that are not part of any tree. */
  readonly reserved: { readonly multimedia: string; readonly original: string };
  /** The media in the bundle: path relative to the site's root, and entry of the bundle, both percent-encoded. */
  readonly media: { readonly path: string; readonly stored: string }[];
  /** Missing media, in the form of `media`. */
  readonly missing: { readonly path: string; readonly stored: string }[];
  /** Live SQLite files of which a consistent copy was taken. */
  readonly captured: string[];
  /** The entries with extended attributes, and the file of these beside the zip; null if there are none. */
  readonly xattrs: number;
  readonly sidecar: string | null;
}
