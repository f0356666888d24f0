/** The place of a tree of runs, for rsync and for the few things that rsync cannot do. */
import type { Hands } from "./hands.ts";

/** A directory that holds `store.json`, `runs/` and `evidence/`. Paths in it are relative and plain. */
export interface Place {
  /** For messages: no part of a secret. */
  readonly address: string;
  /** The directory, if it is on this host. */
  readonly directory: string | undefined;
  /** Returns the options by which rsync connects. Throws `E_REMOTE`. */
  connection(): Promise<readonly string[]>;
  /** Returns the operand of rsync for a path; the empty path is the directory itself. */
  operand(path: string): string;
  /** Returns a path as options for the receiver take it, such as `--link-dest`. */
  anchored(path: string): string;
  /** Returns what renames and removes there; undefined for an account that may do nothing but rsync. */
  hands(): Promise<Hands | undefined>;
  close(): Promise<void>;
}

/** Joins the directory of a place with a path in it. */
export const within = (directory: string, path: string): string =>
  path === "" ? directory : `${directory.replace(/\/$/, "")}/${path}`;
