/** Handles rows that refer to rows which `--skip-conflicts` skipped: they are skipped as well, or the import fails. */
import { HoldfastError } from "../../../errors.ts";
import type { ForeignKey, TableId } from "../../schema/tables.ts";
import type { ForeignKeyResolver } from "./foreign-keys.ts";
import { realRows, MATCH_STATE_COLUMN, stagingName } from "../staging/staged-table.ts";
import type { StagedForeignKey } from "../staging/column-loaders.ts";
import type { StagingTable } from "../staging/table.ts";
import type { MergeOptions } from "./options.ts";
import type { Statements } from "../staging/statements.ts";

/** A foreign key that is exported as the values of the referenced columns. */
interface DirectLink {
  readonly link: ForeignKey;
  readonly to: StagingTable;
}

export class SkippedRows {
  readonly #on: Statements;
  readonly #links: ForeignKeyResolver;
  readonly #options: MergeOptions;
  /** Tables with new rows that were not inserted. */
  readonly #tables = new Set<TableId>();

  constructor(on: Statements, links: ForeignKeyResolver, options: MergeOptions) {
    this.#on = on;
    this.#links = links;
    this.#options = options;
  }

  add({ target }: StagingTable): void {
    this.#tables.add(target.table.id);
  }

  /** Removes staged rows that refer to skipped rows, and returns their number. */
  async dropBelow(
    staging: StagingTable,
    resolved: readonly StagedForeignKey[],
    isLater: (link: ForeignKey) => boolean,
  ): Promise<number> {
    if (!this.#options.skipConflicts || this.#tables.size === 0) return 0;
    let dropped = 0;
    for (const staged of resolved)
      if (this.#tables.has(staged.link.target)) dropped += await this.#links.dropLost(staging, staged);
    for (const direct of this.#directOf(staging))
      if (!isLater(direct.link) && direct.to !== staging)
        dropped += await this.#on.connection.run(
          `delete from ${stagingName(this.#on.connection, staging)} where ` +
            this.#isLost(staging, direct, stagingName(this.#on.connection, staging)),
        );
    staging.rows -= dropped;
    if (dropped > 0) this.add(staging);
    return dropped;
  }

  /**
   * Checks whether new rows are missing although `ready` says that their references are resolved: they broke a unique
   * constraint.
   */
  async hasConflicts(staging: StagingTable, ready: string): Promise<boolean> {
    const isInserted = this.#isInserted(staging);
    const stage = `${stagingName(this.#on.connection, staging)} as s`;
    return (
      (await this.#on.count(
        `${stage} where s.${this.#on.quote(MATCH_STATE_COLUMN)} = 1 and ${ready} and not ${isInserted}`,
      )) > 0
    );
  }

  #isInserted(staging: StagingTable): string {
    const real = realRows(this.#on.connection, staging);
    return `exists (select 1 from ${real} as t where ${this.#on.match(staging)})`;
  }

  /**
   * Removes staged rows that exist in the database but refer to missing rows of their own table; returns their number.
   */
  async dropOld(staging: StagingTable, link: StagedForeignKey): Promise<number> {
    const dropped = await this.#links.dropLost(staging, link, `${this.#on.quote(MATCH_STATE_COLUMN)} <> 1`);
    staging.rows -= dropped;
    return dropped;
  }

  /** Throws `E_IMPORT` for rows that were written and refer to skipped rows. */
  async assertNoneReferenced(stagings: readonly StagingTable[]): Promise<void> {
    for (const staging of stagings) {
      for (const staged of staging.links)
        if (this.#tables.has(staged.link.target)) await this.#assertNone(staging, staged.link, this.#isGone(staged));
      for (const direct of this.#directOf(staging))
        await this.#assertNone(staging, direct.link, this.#isLost(staging, direct, "s"));
    }
  }

  async #assertNone(staging: StagingTable, { columns, target }: ForeignKey, condition: string): Promise<void> {
    const stage = stagingName(this.#on.connection, staging);
    const isInserted = this.#isInserted(staging);
    const rows = await this.#on.count(`${stage} as s where ${condition} and ${isInserted}`);
    if (rows > 0)
      throw new HoldfastError(
        "E_IMPORT",
        `${staging.target.table.id}: ${rows} rows reference by ${columns.join(", ")} rows of ${target} ` +
          "skipped by --skip-conflicts",
        { hint: "correct the conflicting rows; an import without --skip-conflicts names them" },
      );
  }

  #directOf({ target }: StagingTable): DirectLink[] {
    return target.fields.flatMap((field) => {
      if (field?.kind !== "link" || !field.direct || !this.#tables.has(field.link.target)) return [];
      const to = this.#options.stagingOf(field.link.target);
      return to !== undefined && field.link.targetColumns.every((name) => to.has(name))
        ? [{ link: field.link, to }]
        : [];
    });
  }

  /**
   * Returns the condition that the row referred to is part of the import but missing from the database. MySQL accepts
   * the table of a DELETE, `own`, by its name alone.
   */
  #isLost(staging: StagingTable, { link, to }: DirectLink, own: string): string {
    const { quote } = this.#on;
    const pairs = link.columns.map(
      (name, index) => [link.targetColumns[index] ?? "", `${own}.${quote(staging.of(name))}`] as const,
    );
    const came = pairs.map(([name, held]) => `p.${quote(to.of(name))} = ${held}`).join(" and ");
    return (
      `exists (select 1 from ${stagingName(this.#on.connection, to)} as p where ${came}) and ` +
      this.#isMissing(to, pairs)
    );
  }

  /** Returns the condition that the resolved or pre-assigned id of a row `s` belongs to no row. */
  #isGone({ link, columns, leaves }: StagedForeignKey): string {
    const to = this.#options.stagingOf(link.target);
    if (to === undefined) return "1 = 0";
    const { quote } = this.#on;
    const given = leaves.map(({ staged }) => `s.${quote(staged)} is not null`).join(" or ");
    const pairs = columns.map(({ staged }, index) => [link.targetColumns[index] ?? "", `s.${quote(staged)}`] as const);
    return `(${given}) and ${this.#isMissing(to, pairs)}`;
  }

  #isMissing(to: StagingTable, pairs: readonly (readonly [name: string, held: string])[]): string {
    const same = pairs.map(([name, held]) => `r.${this.#on.quote(name)} = ${held}`).join(" and ");
    return `not exists (select 1 from ${realRows(this.#on.connection, to)} as r where ${same})`;
  }
}
