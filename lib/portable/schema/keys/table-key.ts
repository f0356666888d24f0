/** The kinds of key by which the rows of a table are identified. */
import type { ForeignKey } from "../tables.ts";

/** Columns that identify a row in every database. */
export interface NaturalKey {
  readonly kind: "natural";
  readonly columns: readonly string[];
  /**
   * The foreign keys in the key, each replaced by the target's key, or exported as plain values if the target has none.
   */
  readonly nests: readonly ForeignKey[];
  /** The key is self-referential: rows are identified level by level. */
  readonly tree?: true;
  /** The database allows duplicate keys among rows without a parent, so the rows must be checked. */
  readonly rootsMayRepeat?: true;
  /** The reason for the choice, shown by the plan. */
  readonly reason: string;
}

/** The primary key that this database generated. */
export interface GeneratedKey {
  readonly kind: "reference";
  readonly columns: readonly string[];
  readonly reason: string;
}

/** Nothing identifies a row: the table is a multiset. */
export interface NoKey {
  readonly kind: "none";
  readonly reason: string;
}

export type TableKey = NaturalKey | GeneratedKey | NoKey;
