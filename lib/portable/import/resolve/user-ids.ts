/** Guards rows that hold user ids without a foreign key: imported unchanged, they would belong to other users. */
import { HoldfastError } from "../../../errors.ts";
import { kindGroupOf } from "../../schema/declared-keys.ts";
import { columnOf, type Table } from "../../schema/tables.ts";
import { type UndeclaredReference, undeclaredReferences, rawColumns } from "../../schema/implicit-references.ts";
import { tablesMeant } from "../../schema/names.ts";
import type { Targets } from "../target/resolve.ts";
import type { TargetRefinement } from "../target/refinement.ts";
import { peopleTables } from "../../schema/auth-tables.ts";
import { realRows, stagingName } from "../staging/staged-table.ts";
import type { StagingTable } from "../staging/table.ts";
import type { Statements } from "../staging/statements.ts";
import type { TableResult } from "./table-result.ts";
import { isIdentifiedById } from "../../schema/keys/exported.ts";

interface Held extends UndeclaredReference {
  readonly staging: StagingTable;
}

export class UserIds {
  /** The tables that such columns refer to: users, and those named in the config under `portable.foreign_keys`. */
  readonly tables: readonly Table[];
  readonly #on: Statements;
  readonly #targets: Targets;
  readonly #stagings: readonly StagingTable[];
  readonly #refine: TargetRefinement;
  readonly #people: readonly Table[];

  constructor(on: Statements, targets: Targets, stagings: readonly StagingTable[], refine: TargetRefinement = {}) {
    const { schema } = targets;
    this.#on = on;
    this.#targets = targets;
    this.#stagings = stagings;
    this.#refine = refine;
    const named = refine.users === undefined ? [] : tablesMeant(schema.tables, refine.users.table);
    this.#people = peopleTables(
      schema,
      named.map(({ id }) => id),
    );
    const declared = Object.values(refine.foreignKeys ?? {}).flatMap((columns) => Object.values(columns));
    this.tables = schema.tables.filter(
      (table) => this.#people.includes(table) || declared.some((name) => isNamed(table, name)),
    );
  }

  /** Throws `E_IMPORT` if the users are not imported with the rows and the database is another site's. */
  async assertImported(): Promise<void> {
    for (const users of this.tables) {
      if (this.#stagingOf(users) !== undefined || isIdentifiedById(this.#targets.fields.key(users.id), users)) continue;
      for (const held of this.#heldBy(users)) {
        const rows = await this.#on.count(
          `${stagingName(this.#on.connection, held.staging)} as s where ${this.#given(held)}`,
        );
        if (rows > 0)
          throw refusal(held, users, rows, `${users.id}, which is not in the export: the ids mean other rows here`);
      }
    }
  }

  /** Throws `E_IMPORT` if users were imported with the rows and have other ids here. */
  async assertNotRenumbered(results: readonly TableResult[]): Promise<void> {
    for (const users of this.tables) {
      const own = this.#stagingOf(users);
      const { count, samples } = results.find(({ table }) => table === users.id)?.remapped ?? { count: 0, samples: [] };
      if (own === undefined || count === 0) continue;
      for (const held of this.#heldBy(users)) {
        const rows = await this.#on.count(this.#movedOf(held, own, users));
        const [first] = samples;
        if (rows > 0)
          throw refusal(
            held,
            users,
            rows,
            `${users.id}, where row ${first?.key ?? ""} has id ${first?.is ?? ""} here ` +
              `(${first?.was ?? ""} in the export)`,
          );
      }
    }
  }

  #stagingOf({ id }: Table): StagingTable | undefined {
    return this.#stagings.find(({ target }) => target.table.id === id);
  }

  /** Returns the columns, exported unchanged, that hold ids of `users` by their names or by the config. */
  #heldBy(users: Table): Held[] {
    return this.#stagings.flatMap((staging) => {
      const table = rawColumns(staging.target.table, staging.target.fields);
      const byName = this.#people.includes(users)
        ? undeclaredReferences({ tables: [table] }, users, { isPeople: true, all: this.#targets.schema.tables })
        : [];
      const names = new Set([...byName.map(({ column }) => column.name), ...this.#declaredIn(table, users)]);
      return table.columns.flatMap((column) => (names.has(column.name) ? [{ table, column, staging }] : []));
    });
  }

  #declaredIn({ id, name }: Table, users: Table): string[] {
    const { foreignKeys = {} } = this.#refine;
    return Object.entries({ ...foreignKeys[name], ...foreignKeys[id] }).flatMap(([column, target]) =>
      isNamed(users, target) ? [column] : [],
    );
  }

  #given({ column, staging }: Held): string {
    const value = `s.${this.#on.quote(staging.of(column.name))}`;
    return kindGroupOf(column) === "integer" ? `${value} <> 0` : `${value} is not null`;
  }

  #movedOf(held: Held, own: StagingTable, users: Table): string {
    const stage = `${stagingName(this.#on.connection, held.staging)} as h`;
    const [number = ""] = users.primaryKey?.columns ?? [];
    const value = `h.${this.#on.quote(held.staging.of(held.column.name))}`;
    if (kindGroupOf(held.column) !== kindGroupOf(columnOf(users, number))) return `${stage} where ${value} is not null`;
    const was = `s.${this.#on.quote(own.of(number))}`;
    const is = `t.${this.#on.quote(number)}`;
    return (
      `${stage} join ${stagingName(this.#on.connection, own)} as s on ${was} = ${value} join ` +
      `${realRows(this.#on.connection, own)} as t on ${this.#on.match(own)} where ${was} <> ${is}`
    );
  }
}

const isNamed = ({ id, name }: Table, wanted: string | false): boolean => wanted === id || wanted === name;

function refusal({ table, column }: Held, users: Table, rows: number, what: string): HoldfastError {
  const setting = (value: string): string =>
    `portable.foreign_keys, as { ${table.name}: { ${column.name}: ${value} } }`;
  return new HoldfastError(
    "E_IMPORT",
    `${table.id}.${column.name}: ${rows} rows seem to refer, without a foreign key, to ${what}`,
    {
      hint:
        `export again with ${setting(users.name)}; if the column holds no ids of ${users.name}, set it to ` +
        "false there, or in the config here",
    },
  );
}
