/** The faults that `config check` lists. */

/** Something that is wrong with a config. */
export interface ConfigFault {
  /** The key, such as `trees.0.path`; empty for the file as a whole. */
  readonly key: string;
  readonly line: number;
  /** Names the key. */
  readonly message: string;
  readonly hint?: string;
}
