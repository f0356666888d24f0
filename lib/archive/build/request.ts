/** The request to build an archive, and its result. */
import type { Artifact, UnitInput } from "../../model/unit.ts";
import type { ArchiveWriter, BytePath, Entry, StoredFile } from "../entry.ts";
import type { ArchiveOutput } from "../output.ts";
import type { KnownXattrs } from "../xattrs/known.ts";
import type { ArchiveFailure, Selected, Selection } from "./select-entries.ts";

export interface BuildRequest extends Selection {
  readonly format: "zip" | "tgz";
  /** The file to create, without the suffix of a seal. It is never archived itself. */
  readonly output: string;
  /** Level of deflate, 0 to 9. */
  readonly level: number;
  /** Goes into the fingerprint: everything else that decides the bytes. */
  readonly recipe: string;
  /** Path of the list of entries (see entry-list.ts); no list is written without it. */
  readonly entryList?: string;
  /** The extended attributes of the roots; none is known without it. */
  readonly xattrs?: KnownXattrs;
  /** Copies a live SQLite database to a temporary file, which is removed here; else such files are read as they are. */
  readonly captureSqlite?: (file: BytePath, found: Pick<Entry, "dev" | "ino">) => Promise<string>;
  /** Creates the output and what lies beside it; files as they are when absent. */
  readonly openOutput?: (path: string) => ArchiveOutput;
  /** Looked at between entries and pieces; true ends the work with `E_INTERRUPTED`. */
  readonly cancelled: () => boolean;
  readonly onBytes?: (bytes: number) => void;
}

export interface BuildResult {
  /** 0, and an empty digest, when there are failures: nothing is left then. */
  readonly size_bytes: number;
  readonly sha256: string;
  /** The content of an archive that is sealed. */
  readonly plain?: Artifact["plain"];
  readonly entries: number;
  readonly input: UnitInput;
  readonly warnings: string[];
  readonly failures: ArchiveFailure[];
  /** Live SQLite files of which a consistent copy was taken, by their names in the archive. */
  readonly captured: string[];
  /** The entries with extended attributes. */
  readonly xattrs: number;
  /** The file of extended attributes beside a zip that has any; else null. */
  readonly sidecar: string | null;
}

/** The additions of a kind of archive to storing files unchanged. */
export interface BuildExtension {
  /**
   * Stores a replacement of a file; returns what was read of the file itself, over which the content digest is
   * computed. Undefined stores the file unchanged. A FileError it throws is treated as one of a plain file.
   */
  store?(selected: Selected, writer: ArchiveWriter): StoredFile | undefined;
  /** Adds what follows the trees, and gives the failures that this met with. */
  finish?(writer: ArchiveWriter): readonly ArchiveFailure[];
}
