/** What becomes of rows that lead to rows which `--skip-conflicts` passed over: they are passed over as well, or the import is refused. */
import { HoldfastError } from "../../../errors.ts";
import type { ForeignKey, TableId } from "../../schema/tables.ts";
import type { Links } from "./foreign-keys.ts";
import { realRows, MATCH_STATE_COLUMN, stagingName } from "../staging/staged-table.ts";
import type { StagedForeignKey } from "../staging/column-loaders.ts";
import type { StagingTable } from "../staging/table.ts";
import type { MergeOptions } from "./options.ts";
import type { Statements } from "../staging/statements.ts";

/** A link that comes as the values of the columns that it points to. */
interface DirectLink {
  readonly link: ForeignKey;
  readonly to: StagingTable;
}

export class PassedOver {
  readonly #on: Statements;
  readonly #links: Links;
  readonly #options: MergeOptions;
  /** Tables of which new rows are not there. */
  readonly #tables = new Set<TableId>();

  constructor(on: Statements, links: Links, options: MergeOptions) {
    this.#on = on;
    this.#links = links;
    this.#options = options;
  }

  add({ target }: StagingTable): void {
    this.#tables.add(target.table.id);
  }

  /** Takes staged rows away that lead to rows which were passed over, and returns their number. */
  async dropBelow(
    staging: StagingTable,
    resolved: readonly StagedForeignKey[],
    isLater: (link: ForeignKey) => boolean,
  ): Promise<number> {
    if (!this.#options.skipConflicts || this.#tables.size === 0) return 0;
    let dropTableKeyword = 0;
    for (const staged of resolved)
      if (this.#tables.has(staged.link.target)) dropTableKeyword += await this.#links.dropLost(staging, staged);
    for (const direct of this.#directOf(staging))
      if (!isLater(direct.link) && direct.to !== staging)
        dropTableKeyword += await this.#on.dialect.connection.run(
          `delete from ${stagingName(this.#on.dialect, staging)} where ${this.#isLost(staging, direct, stagingName(this.#on.dialect, staging))}`,
        );
    staging.rows -= dropTableKeyword;
    if (dropTableKeyword > 0) this.add(staging);
    return dropTableKeyword;
  }

  /** Returns whether new rows are not there, though `ready` says that their links lead somewhere: they broke a unique constraint. */
  async hasConflicts(staging: StagingTable, ready: string): Promise<boolean> {
    const isThere = `exists (select 1 from ${realRows(this.#on.dialect, staging)} as t where ${this.#on.match(staging)})`;
    const stage = `${stagingName(this.#on.dialect, staging)} as s`;
    return (
      (await this.#on.count(
        `${stage} where s.${this.#on.quote(MATCH_STATE_COLUMN)} = 1 and ${ready} and not ${isThere}`,
      )) > 0
    );
  }

  /** Takes staged rows away that are in the database, and lead to rows of their own table which are not; returns their number. */
  async dropOld(staging: StagingTable, link: StagedForeignKey): Promise<number> {
    const dropTableKeyword = await this.#links.dropLost(staging, link, `${this.#on.quote(MATCH_STATE_COLUMN)} <> 1`);
    staging.rows -= dropTableKeyword;
    return dropTableKeyword;
  }

  /** Throws `E_IMPORT` for rows that were written and lead to rows which were passed over: they had to be written first. */
  async refuseLeft(stagings: readonly StagingTable[]): Promise<void> {
    for (const staging of stagings) {
      for (const staged of staging.links)
        if (this.#tables.has(staged.link.target)) await this.#refuse(staging, staged.link, this.#isGone(staged));
      for (const direct of this.#directOf(staging))
        await this.#refuse(staging, direct.link, this.#isLost(staging, direct, "s"));
    }
  }

  async #refuse(staging: StagingTable, { columns, target }: ForeignKey, condition: string): Promise<void> {
    const stage = stagingName(this.#on.dialect, staging);
    const isThere = `exists (select 1 from ${realRows(this.#on.dialect, staging)} as t where ${this.#on.match(staging)})`;
    const rows = await this.#on.count(`${stage} as s where ${condition} and ${isThere}`);
    if (rows > 0)
      throw new HoldfastError(
        "E_IMPORT",
        `${staging.target.table.id}: ${rows} rows link by ${columns.join(", ")} to rows of ${target} that --skip-conflicts passed over`,
        { hint: "correct the rows that conflict, or import without --skip-conflicts, which names them" },
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

  /** The row came with the import and is not in the database. MySQL knows the table of a DELETE, `own`, by its name alone. */
  #isLost(staging: StagingTable, { link, to }: DirectLink, own: string): string {
    const { quote } = this.#on;
    const pairs = link.columns.map(
      (name, index) => [link.targetColumns[index] ?? "", `${own}.${quote(staging.of(name))}`] as const,
    );
    const came = pairs.map(([name, held]) => `p.${quote(to.of(name))} = ${held}`).join(" and ");
    return `exists (select 1 from ${stagingName(this.#on.dialect, to)} as p where ${came}) and ${this.#nowhere(to, pairs)}`;
  }

  /** The number of a row `s` that was found, or chosen beforehand, is that of no row. */
  #isGone({ link, columns, leaves }: StagedForeignKey): string {
    const to = this.#options.stagingOf(link.target);
    if (to === undefined) return "1 = 0";
    const { quote } = this.#on;
    const given = leaves.map(({ staged }) => `s.${quote(staged)} is not null`).join(" or ");
    const pairs = columns.map(({ staged }, index) => [link.targetColumns[index] ?? "", `s.${quote(staged)}`] as const);
    return `(${given}) and ${this.#nowhere(to, pairs)}`;
  }

  #nowhere(to: StagingTable, pairs: readonly (readonly [name: string, held: string])[]): string {
    const same = pairs.map(([name, held]) => `r.${this.#on.quote(name)} = ${held}`).join(" and ");
    return `not exists (select 1 from ${realRows(this.#on.dialect, to)} as r where ${same})`;
  }
}
