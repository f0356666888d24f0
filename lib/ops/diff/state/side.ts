/** A state of the site that is compared: a run, or the site as it is now. */
import type { DatabaseFacts } from "../../../database/snapshot.ts";
import type { StepName } from "../../../model/unit.ts";
import type { Entries } from "./entries.ts";

export interface SideUnit {
  readonly step: StepName;
  /** The unit; the shards of a tree are one unit, called as the tree. */
  readonly unit: string;
  readonly bytes: number;
  /** A digest that is the same for equal content; null where only the parts can be compared. */
  readonly digest: string | null;
  /** True if its files are listed without unpacking anything: by zips, or beside the shards of a tree. */
  readonly hasList: boolean;
  /** True if its archives hold trees of the site. */
  readonly isArchive: boolean;
  /** Of the input when the unit was built; null if it is not known. */
  readonly fingerprint: string | null;
  /** Returns its files by path; undefined if it has no archive. With `contents` a tgz is read to its end. */
  readonly entries: (contents: boolean) => Promise<Entries | undefined>;
}

/** What is compared of a database. */
export type SideDatabase = Pick<DatabaseFacts, "tables" | "migrations">;

export interface Side {
  /** The id of the run, or `live`. */
  readonly name: string;
  readonly units: ReadonlyMap<string, SideUnit>;
  readonly databases: ReadonlyMap<string, SideDatabase>;
  /** Digests of the files of `infra`, and of the config, by name. */
  readonly settings: ReadonlyMap<string, string>;
  /** Why something of it cannot be compared. */
  readonly notes: readonly string[];
}

export const keyOf = ({ step, unit }: Pick<SideUnit, "step" | "unit">): string => `${step}/${unit}`;

/** The config as a run used it. */
export const CONFIG_FILE = "site.yaml";
