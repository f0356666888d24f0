/** The interface of a detector: one application, recognised by its files, which are read as data and never executed. */

/** An installation, as far as its files tell. */
export interface Found {
  readonly databases: readonly FoundDatabase[];
  /** Trees beside the whole directory, which every config has. */
  readonly trees: readonly FoundTree[];
  /** Patterns of .gitignore that are left out of the whole directory. */
  readonly exclude?: readonly string[];
  /** Words before each database client, such as `docker exec`. */
  readonly execPrefix?: readonly string[];
  /** Files in the directory that hold secrets and that a restore needs whole. */
  readonly secretFiles: readonly string[];
  /** Sentences on what the files do not tell. */
  readonly unknown: readonly string[];
}

export interface FoundDatabase {
  /** Without a password. */
  readonly url: string;
  readonly password?: FoundPassword;
}

/** A password and where it is kept. The value stays in memory: it only proves that a command prints it. */
export type FoundPassword =
  | { readonly value: string; readonly file: string; readonly commands: readonly (readonly string[])[] }
  /** A file whose first line is the password. */
  | { readonly file: string };

export interface FoundTree {
  readonly name: string;
  /** Relative to the directory, or absolute where it lies outside. */
  readonly path: string;
}

export interface Application {
  readonly name: string;
  /** Looks at a directory, given by its absolute path; undefined where the application is not installed in it. */
  readonly detect: (directory: string) => Found | undefined;
}
