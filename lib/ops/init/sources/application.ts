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
  /** The columns of the first database that hold ids of users and have no foreign key. */
  readonly references?: KnownReferences;
  /** Sentences for the operator on what the files do not reveal. */
  readonly unknown: readonly string[];
}

/** References of an application's schema without foreign keys. Names of tables lack the prefix. */
export interface KnownReferences {
  /** The text that every table's name begins with. */
  readonly prefix: string;
  /** Columns that identify the rows of a table, where no constraint says so. */
  readonly keys?: Readonly<Record<string, readonly string[]>>;
  readonly columns: readonly KnownReference[];
}

export interface KnownReference {
  readonly table: string;
  readonly column: string;
  /** The table whose primary key the column holds, by the names that it has in different engines. */
  readonly target: readonly [string, ...string[]];
  /** True if only some versions of the application have the column. */
  readonly optional?: boolean;
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
