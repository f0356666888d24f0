/**
 * The seam between the portable engine and a database engine: everything in which one differs from another. Each folder
 * of engines/ implements it for one family, and engines/registry.ts lists them.
 */
import type { EngineName } from "../../database/snapshot.ts";
import type { Schema } from "../schema/tables.ts";
import type { Constraints } from "./constraints.ts";
import type { Dialect } from "./dialect.ts";
import type { LargeValues } from "./large-values.ts";
import type { PathSql } from "./path-sql.ts";
import type { Sequences } from "./sequences.ts";
import type { Cell, Session } from "./session.ts";
import type { ValueRules } from "./value-rules.ts";

/** An account of a database server. */
export interface Account {
  readonly user: string;
  readonly host: string;
}

export interface PortableEngine {
  readonly name: EngineName;
  /** The last part of Django's `ENGINE` setting for it. */
  readonly djangoBackend: string;
  readonly values: ValueRules;
  readonly dialect: Dialect;
  readonly paths: PathSql;
  readonly large: LargeValues;
  readonly constraints: Constraints;
  readonly sequences: Sequences;
  /**
   * Reads the schema from the catalogue by a few queries, regardless of the number of tables. Reads no rows, except
   * those of SQLite tables with a nullable primary key. Throws `E_DATABASE`.
   */
  introspect(session: Session): Promise<Schema>;
  /** Updates the statistics of a temporary table, where they are not kept by themselves. */
  analyze(session: Session, table: string): Promise<void>;
  /** True if triggers, views and routines run with the rights of their owner, who may be missing. */
  readonly hasOwners: boolean;
  /**
   * Returns the accounts that own objects of the database and that the server lacks; empty if it does not show them.
   */
  missingAccounts(session: Session): Promise<Account[]>;
  /** Returns literals of a type as the server prints them; undefined if values have one spelling only. */
  readonly normalizeLiterals:
    | ((session: Session, type: string, literals: readonly string[]) => Promise<Cell[]>)
    | undefined;
}
