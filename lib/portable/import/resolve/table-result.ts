/** The result of an import for one table. */

/** The number of rows of a table by what was done with them. */
export interface TableResult {
  readonly table: string;
  created: number;
  updated: number;
  unchanged: number;
  skipped: number;
  failed: number;
  /** Rows whose generated id differs from that in the export, with samples. */
  readonly remapped: {
    count: number;
    readonly samples: { readonly key: string; readonly was: string; readonly is: string }[];
  };
}

/** The number of rows or keys that a message lists. */
export const SAMPLES = 10;
