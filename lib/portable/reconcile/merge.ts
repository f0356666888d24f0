/** Redirects references from duplicate rows to the rows that stay, and removes the duplicates. */
import { HoldfastError } from "../../errors.ts";
import type { Connection } from "../engine/connection.ts";
import { columnOf, type Schema, type Table, type TableId, type Unique } from "../schema/tables.ts";
import type { PolymorphicRelations } from "../rows/polymorphic.ts";
import { rowsOf, tableName } from "../engine/sql-names.ts";
import { findConflicts } from "./conflicts.ts";
import { heldAs, heldBy, movesInto, typeCondition, type Move } from "./references.ts";
import { GOES, Pairs, type Pair } from "./row-pairs.ts";
import { pairedColumns } from "./plan.ts";

/** The number of changed rows of a table. */
export interface Merged {
  /** Rows with redirected references. */
  moved: number;
  /** Removed duplicates. */
  removed: number;
}

export class RowMerge {
  readonly counts = new Map<TableId, Merged>();
  readonly #connection: Connection;
  readonly #schema: Schema;
  readonly #generics: PolymorphicRelations;
  readonly #signal: AbortSignal;
  /** Pairs with rows about to be removed, from the outermost merge on. */
  readonly #pending: Pairs[] = [];
  #made = 0;

  constructor(
    connection: Connection,
    { schema, generics }: { readonly schema: Schema; readonly generics: PolymorphicRelations },
    signal: AbortSignal,
  ) {
    this.#connection = connection;
    this.#schema = schema;
    this.#generics = generics;
    this.#signal = signal;
  }

  /**
   * Merges the rows of `pairs`, which hold the columns of `pairedColumns`. Throws `E_TARGET` for rows that would share
   * a unique key but are not equal, and for a row that would refer to itself.
   */
  async merge(table: Table, identity: readonly string[], pairs: readonly Pair[]): Promise<void> {
    const connection = this.#connection;
    const moves = movesInto(this.#schema, this.#generics, table);
    const columns = pairedColumns(identity, moves);
    const all = new Pairs(connection, `holdfast_pairs_${this.#made++}`, { table, columns, identity });
    await all.create(pairs);
    this.#pending.push(all);
    for (const of of new Set(moves.map((move) => move.table))) {
      const own = moves.filter((move) => move.table === of);
      if (of.id === table.id) await this.#clearReferences(own, all);
      if (!(await this.#isTouched(of, own, all))) continue;
      for (const unique of [of.primaryKey, ...of.uniques])
        if (unique !== null && own.some((move) => move.columns.some((name) => unique.columns.includes(name))))
          await this.#mergeConflicts(of, own, all, unique);
      for (const move of own) {
        this.#signal.throwIfAborted();
        await this.#move(move, all);
      }
    }
    for (const move of moves) await this.#checkLeft(move, all);
    const real = tableName(connection, table);
    const gone = await connection.run(`delete from ${rowsOf(connection, table)} where ${all.isGoing(all.name, real)}`);
    this.#pending.pop();
    this.#count(table).removed += gone;
    if (gone !== pairs.length)
      throw new HoldfastError("E_TARGET", `${table.id}: removed ${gone} rows, expected ${pairs.length}`, {
        hint: "nothing was changed: another client or a trigger is changing these rows",
      });
  }

  async #mergeConflicts(table: Table, moves: readonly Move[], pairs: Pairs, unique: Unique): Promise<void> {
    const identity = table.primaryKey?.columns ?? unique.columns;
    const columns = pairedColumns(identity, movesInto(this.#schema, this.#generics, table));
    const going = await this.#going(table);
    const of = { table, moves, pairs, unique, columns, identity, going };
    const found = await findConflicts(this.#connection, this.#schema, of);
    if (found.length > 0) await this.merge(table, identity, found);
  }

  /** Sets the references of rows to be removed to NULL, so that they cannot conflict with rows that stay. */
  async #clearReferences(moves: readonly Move[], pairs: Pairs): Promise<void> {
    const connection = this.#connection;
    const real = tableName(connection, pairs.table);
    const columns = new Set(moves.flatMap((move) => move.columns));
    for (const name of columns)
      if (!pairs.columns.includes(name) && columnOf(pairs.table, name).nullable)
        await connection.run(
          `update ${rowsOf(connection, pairs.table)} set ${connection.quote(name)} = null ` +
            `where ${pairs.isGoing(pairs.name, real)}`,
        );
  }

  async #isTouched(table: Table, moves: readonly Move[], pairs: Pairs): Promise<boolean> {
    for (const move of moves) {
      const { sql, parameters } = await this.#refersToGoing(move, pairs);
      const rows = `${rowsOf(this.#connection, table)} as t join ${pairs.name} as m on ${sql}`;
      if ((await this.#connection.rows(`select 1 from ${rows} limit 1`, parameters)).length > 0) return true;
    }
    return false;
  }

  async #move(move: Move, pairs: Pairs): Promise<void> {
    const connection = this.#connection;
    const { quote } = connection;
    const { sql, parameters } = await this.#refersToGoing(move, pairs);
    const set = move.columns.map((name, at) => {
      const stays = `m.${pairs.stays(move.targetColumns[at] ?? "")}`;
      return [name, heldAs(connection, move, pairs.table, at, stays)] as const;
    });
    if (move.table.id === pairs.table.id && move.via === undefined && move.generic === undefined) {
      const own = move.targetColumns.map((name) => `m.${pairs.stays(name)} = t.${quote(name)}`).join(" and ");
      const [row] = await connection.rows(
        `select ${move.targetColumns.map((name) => `t.${quote(name)}`).join(", ")} ` +
          `from ${rowsOf(connection, move.table)} as t join ${pairs.name} as m on ${sql} and ${own} limit 1`,
        parameters,
      );
      if (row !== undefined)
        throw new HoldfastError(
          "E_TARGET",
          `${move.table.id}: row ${row.map(String).join(", ")} references its own duplicate by ` +
            `${move.columns.join(", ")}, and would refer to itself`,
          { hint: "nothing was changed: change this reference first" },
        );
    }
    this.#count(move.table).moved += await connection.run(
      connection.engine.dialect.update({
        table: rowsOf(connection, move.table),
        alias: "t",
        set,
        joins: [{ table: pairs.name, alias: "m", on: sql }],
        where: "1 = 1",
      }),
      parameters,
    );
  }

  /** Returns the condition that a row `t` that stays refers to the row to be removed of a pair `m`. */
  async #refersToGoing(move: Move, pairs: Pairs) {
    const connection = this.#connection;
    const type = typeCondition(connection, this.#schema, move);
    const names = move.targetColumns.map((name) => pairs.goes(name));
    const going = await this.#going(move.table);
    const sql = [
      heldBy(connection, move, pairs.table, "m", names),
      `m.${connection.quote(GOES)} = 1`,
      ...(type.sql === "" ? [] : [type.sql]),
      ...going.map((one) => `not ${one}`),
    ].join(" and ");
    return { sql, parameters: type.parameters };
  }

  async #going(table: Table): Promise<string[]> {
    const going: string[] = [];
    for (const one of this.#pending) if (one.table.id === table.id) going.push(one.isGoing(await one.copy(), "t"));
    return going;
  }

  async #checkLeft(move: Move, pairs: Pairs): Promise<void> {
    const connection = this.#connection;
    const { sql, parameters } = await this.#refersToGoing(move, pairs);
    const [row] = await connection.rows(
      `select count(*) from ${rowsOf(connection, move.table)} as t join ${pairs.name} as m on ${sql}`,
      parameters,
    );
    const left = Number(row?.[0]);
    if (left > 0)
      throw new HoldfastError(
        "E_TARGET",
        `${left} rows of ${move.table.id} still reference rows of ${pairs.table.id} that are to be removed`,
        {
          hint: "nothing was changed: a trigger of the database restores the references",
        },
      );
  }

  #count({ id }: Table): Merged {
    const known = this.counts.get(id) ?? { moved: 0, removed: 0 };
    this.counts.set(id, known);
    return known;
  }
}
