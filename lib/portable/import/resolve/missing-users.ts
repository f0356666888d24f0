/** Creates disabled placeholder users for foreign keys whose user no longer exists. */
import { HoldfastError } from "../../../errors.ts";
import { replacementOf, type Replacement } from "../../rows/column-rules.ts";
import { columnOf, type Schema, type Table } from "../../schema/tables.ts";
import { findColumn, findTable } from "../../schema/names.ts";
import { rowsOf, tableName } from "../../engine/sql-names.ts";
import { decode } from "../../values/decode.ts";
import { stagingName, type StagedRows, keyText } from "../staging/staged-table.ts";
import type { StagedForeignKey } from "../staging/column-loaders.ts";
import type { Statements } from "../staging/statements.ts";
import type { MissingSetting } from "../target/refinement.ts";

export interface CreatedUser {
  readonly table: string;
  readonly key: string;
}

export class MissingUsers {
  readonly made: CreatedUser[] = [];
  readonly #on: Statements;
  readonly #table: Table;
  readonly #values: ReadonlyMap<string, Replacement>;

  /** Throws `E_CONFIG` for an unknown table or column, or an invalid value. */
  constructor(on: Statements, schema: Schema, { table, disabled }: MissingSetting) {
    this.#on = on;
    this.#table = findTable(schema, table, "users.table");
    this.#values = new Map(
      Object.entries(disabled).map(([name, setting]) => {
        const column = findColumn(this.#table, name, "users.disabled");
        return [column.name, replacementOf(schema, column, setting, `users.disabled.${name}`)];
      }),
    );
  }

  /**
   * Creates the rows that a foreign key refers to by plain columns and that are missing. Throws `E_IMPORT` if the
   * database requires more columns than the config sets.
   */
  async make(staging: StagedRows, { link, leaves }: StagedForeignKey): Promise<void> {
    const { quote } = this.#on;
    const { connection } = this.#on;
    const isOwn = leaves.every(({ leaf }) => leaf.through.length === 1 && leaf.parts === undefined);
    if (link.target !== this.#table.id || staging.target.table.id === link.target || !isOwn) return;
    const real = tableName(connection, this.#table);
    const keys = leaves.map(({ staged }) => `s.${quote(staged)}`);
    const match = leaves.map(({ leaf }, index) => `u.${quote(leaf.column.name)} = ${keys[index] ?? ""}`).join(" and ");
    const missing = await connection.rows(
      `select distinct ${keys.join(", ")} from ${stagingName(this.#on.connection, staging)} as s where ` +
        `${keys.map((key) => `${key} is not null`).join(" and ")} and not exists (select 1 from ` +
        `${rowsOf(connection, this.#table)} as u where ${match})`,
    );
    if (missing.length === 0) return;
    await connection.engine.sequences.raise(connection, this.#table);
    const names = leaves.map(({ leaf }) => leaf.column.name);
    const others = [...this.#values].filter(([name]) => !names.includes(name));
    this.#assertComplete([...names, ...others.map(([name]) => name)]);
    const columns = [...names, ...others.map(([name]) => name)].map(quote).join(", ");
    for (const key of missing) {
      const rest = others.map(([name, value]) =>
        decode(connection.engine.values, columnOf(this.#table, name), value()),
      );
      const values = [...key, ...rest];
      await this.#on.writeValues(
        this.#table.id,
        `insert into ${real} (${columns}) values (${values.map(() => "?").join(", ")})`,
        values,
      );
      this.made.push({ table: this.#table.id, key: keyText(key) });
    }
  }

  #assertComplete(given: readonly string[]): void {
    const lacking = this.#table.columns.filter(
      ({ name, nullable, hasDefault, identity, generated }) =>
        !given.includes(name) && !nullable && !hasDefault && identity === undefined && !generated,
    );
    if (lacking.length > 0)
      throw new HoldfastError(
        "E_IMPORT",
        `${this.#table.id}: missing rows cannot be created without ${lacking.map(({ name }) => name).join(", ")}`,
        { hint: "set these columns under portable.users.disabled" },
      );
  }
}
