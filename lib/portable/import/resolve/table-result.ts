/** The result of an import for one table. */

/** What became of the rows of a table. */
export interface TableResult {
  readonly table: string;
  created: number;
  updated: number;
  unchanged: number;
  skipped: number;
  failed: number;
  /** Rows whose generated number is another here than where they came from, some of them. */
  readonly remapped: {
    count: number;
    readonly samples: { readonly key: string; readonly was: string; readonly is: string }[];
  };
}

/** Of rows or keys that are told of. */
export const SAMPLES = 10;
