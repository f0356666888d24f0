/** The interface of a detector of one application, which reads its files as data and never executes them. */

/** The findings in the files of an installation. */
export interface Found {
  readonly databases: readonly FoundDatabase[];
  /** Trees in addition to the whole directory, which every config has. */
  readonly trees: readonly FoundTree[];
  /** .gitignore patterns of files to exclude from the whole directory. */
  readonly exclude?: readonly string[];
  /** The command prefix of each database client, such as `docker exec`. */
  readonly execPrefix?: readonly string[];
  /** Files in the directory with secrets that a restore needs unredacted. */
  readonly secretFiles: readonly string[];
  /** Sentences for the operator on what the files do not reveal. */
  readonly unknown: readonly string[];
}

export interface FoundDatabase {
  /** The URL without a password. */
  readonly url: string;
  readonly password?: FoundPassword;
}

/** A password and where it is kept. The value stays in memory, and is only used to verify that a command prints it. */
export type FoundPassword =
  | { readonly value: string; readonly file: string; readonly commands: readonly (readonly string[])[] }
  /** A file whose first line is the password. */
  | { readonly file: string };

export interface FoundTree {
  readonly name: string;
  /** Relative to the directory, or absolute if it lies outside. */
  readonly path: string;
}

export interface Application {
  readonly name: string;
  /** Inspects a directory, given by its absolute path; undefined if the application is not installed in it. */
  readonly detect: (directory: string) => Found | undefined;
}
