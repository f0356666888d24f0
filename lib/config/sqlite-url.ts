/** The URL of an SQLite file: `sqlite:///relative/to/root.db`, or with four slashes an absolute path. */

/** The path of the file that an SQLite URL names; undefined for a URL of another engine, or of none. */
export const sqliteFile = (url: string): string | undefined => /^sqlite:\/\/\/(.+)$/is.exec(url)?.[1];
