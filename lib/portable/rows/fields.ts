/** What a row is made of when it travels: columns of its own, and links to rows of other tables by their keys. */
import type { RefinedColumns, Replacement } from "./column-rules.ts";
import type { PolymorphicRelation, PolymorphicRelations } from "./polymorphic.ts";
import { chosenLinks, parentLink } from "../schema/foreign-keys.ts";
import { type Column, columnOf, type ForeignKey, type Schema, type Table, type TableId } from "../schema/tables.ts";
import type { ExportedKey, ExportedKeys } from "../schema/keys/exported.ts";

/** A column that carries its own value. */
export interface ValueField {
  readonly kind: "value";
  readonly column: Column;
  /** What travels in place of its values: they count in no digest, and rows that are there keep theirs. */
  readonly replaced?: Replacement;
}

/** Columns of a foreign key, carried as the key of the row that they point to. */
export interface LinkField {
  readonly kind: "link";
  readonly link: ForeignKey;
  readonly target: TableId;
}

/** A column that holds the number of a row in one table or another, carried as that row's key. */
export interface PolymorphicField {
  readonly kind: "generic";
  readonly column: Column;
  readonly relation: PolymorphicRelation;
}

export type Field = ValueField | LinkField | PolymorphicField;

/** One value of a flattened key: reached through links, one after the other, and at last a column. */
export interface KeyColumn {
  /** From the table that has the key; empty for a column of its own. */
  readonly through: readonly ForeignKey[];
  readonly table: TableId;
  readonly column: Column;
  /** Of a table whose key holds itself: the value is the way to its row, from a root, and these are the parts of the key at each level. */
  readonly parts?: readonly KeyColumn[];
}

/** A table whose key holds itself: its rows are known by the way from a root to them. */
export interface Tree {
  readonly table: Table;
  /** To the row above; NULL at the roots. */
  readonly parent: ForeignKey;
  /** What tells the rows below one row apart: the other fields of the key. */
  readonly fields: readonly Field[];
  /** Their values, flattened. */
  readonly parts: readonly KeyColumn[];
}

/** What stands for a row of a tree. */
const PATH: Column = {
  name: "path",
  kind: "text",
  native: "text",
  nullable: true,
  generated: false,
  hasDefault: false,
};

export interface TableLayout {
  readonly table: Table;
  readonly key: ExportedKey;
  readonly fields: readonly Field[];
  /** Columns that do not travel. */
  readonly leftOut?: readonly string[];
  /** SQL that holds for the rows that travel, where not all do; `t` is the table. */
  readonly where?: string;
}

/** The tables of a schema as they travel. */
export class RowLayout {
  readonly schema: Schema;
  readonly #tables: ReadonlyMap<TableId, Table>;
  readonly #keys: ExportedKeys;
  readonly #refined: Partial<RefinedColumns>;

  readonly #generics: PolymorphicRelations;
  readonly #links = new Map<TableId, readonly ForeignKey[]>();

  constructor(
    schema: Schema,
    keys: ExportedKeys,
    refined: Partial<RefinedColumns> = {},
    generics: PolymorphicRelations = new Map(),
  ) {
    this.schema = schema;
    this.#tables = new Map(schema.tables.map((table) => [table.id, table]));
    this.#keys = keys;
    this.#refined = refined;
    this.#generics = generics;
  }

  of(id: TableId): TableLayout {
    const table = this.#table(id);
    const key = this.key(id);
    const links = this.#linksOf(table);
    const fields: Field[] = [];
    const done = new Set<string>();
    for (const column of table.columns) {
      if (column.generated || done.has(column.name)) continue;
      const link = links.find(({ columns }) => columns.includes(column.name));
      const replaced = this.#refined.replaced?.get(id)?.get(column.name);
      const relation = this.#generics.get(id)?.find((one) => one.column === column.name);
      if (relation !== undefined) fields.push({ kind: "generic", column, relation });
      else if (link === undefined) fields.push({ kind: "value", column, ...(replaced && { replaced }) });
      else fields.push({ kind: "link", link, target: link.target });
      for (const name of link?.columns ?? [column.name]) done.add(name);
    }
    const leftOut = this.#refined.leftOut?.get(id);
    return { table, key, fields, ...(leftOut && { leftOut }) };
  }

  key(id: TableId): ExportedKey {
    return this.#keys.get(id) ?? { kind: "none", columns: [], reason: "" };
  }

  /** Undefined for a table whose key does not hold itself. */
  tree(id: TableId): Tree | undefined {
    const key = this.key(id);
    if (key.kind !== "natural") return undefined;
    const table = this.#table(id);
    const parent = parentLink(table, key.columns, (target) => this.#tables.has(target));
    if (parent === undefined) return undefined;
    const fields = this.of(id).fields.filter(
      (field) =>
        !(field.kind === "link" && field.link.name === parent.name) &&
        (field.kind === "link" ? field.link.columns : [field.column.name]).some((name) => key.columns.includes(name)),
    );
    return { table, parent, fields, parts: fields.flatMap((field) => this.#leavesIn(id, field)) };
  }

  /**
   * The values that a link to `id` is carried as, flattened: those of the target's key. A target without a key, or a link to other columns than
   * its key where that is a reference, is carried by the very columns it points to.
   */
  leavesOf(link: ForeignKey): KeyColumn[] {
    const target = this.#table(link.target);
    const key = this.key(link.target);
    if (key.kind !== "natural" || this.#pointsToPlainKey(link))
      return link.targetColumns.map((name) => ({ through: [link], table: target.id, column: columnOf(target, name) }));
    return this.keyLeaves(link.target).map((leaf) => ({ ...leaf, through: [link, ...leaf.through] }));
  }

  /** The values of a table's own key, flattened. */
  keyLeaves(id: TableId): KeyColumn[] {
    const tree = this.tree(id);
    if (tree !== undefined) return [{ through: [], table: id, column: PATH, parts: tree.parts }];
    const { fields, key } = this.of(id);
    return fields
      .filter((field) =>
        (field.kind === "link" ? field.link.columns : [field.column.name]).some((name) => key.columns.includes(name)),
      )
      .flatMap((field) => this.#leavesIn(id, field));
  }

  #leavesIn(id: TableId, field: Field): KeyColumn[] {
    return field.kind === "link" ? this.leavesOf(field.link) : [{ through: [], table: id, column: field.column }];
  }

  /** Links whose columns travel as they are, though the rows that they lead to may have other numbers elsewhere. */
  unfollowed(id: TableId): ForeignKey[] {
    const table = this.#table(id);
    return table.foreignKeys.filter(
      (link) => this.#tables.has(link.target) && this.#sharesKey(table, link) && !this.#isCarried(table, link) && !this.#isPlain(link),
    ); // prettier-ignore
  }

  #linksOf(table: Table): readonly ForeignKey[] {
    const known = this.#links.get(table.id);
    if (known !== undefined) return known;
    const chosen = chosenLinks(table, (link) => this.#tables.has(link.target) && this.#isCarried(table, link));
    this.#links.set(table.id, chosen);
    return chosen;
  }

  /** Some of its columns are of the table's own key, as the tenant of all rows is, and some are not. */
  #sharesKey(table: Table, { columns }: ForeignKey): boolean {
    const key = this.key(table.id);
    const shared = columns.filter((name) => key.columns.includes(name));
    return key.kind === "natural" && shared.length > 0 && shared.length < columns.length;
  }

  /**
   * Whether a link can stand for its columns. One that shares some with the key cannot where the key would need itself by it, nor where it may be NULL; it
   * need not where it points to what its target is known by.
   */
  #isCarried(table: Table, link: ForeignKey): boolean {
    if (!this.#sharesKey(table, link)) return true;
    return !canBeNull(table, link) && !this.#isPlain(link) && !this.#leadsTo(link.target, table.id, new Set());
  }

  /** Whether the key of a table may need that of another, by links that it holds or shares columns with. */
  #leadsTo(from: TableId, to: TableId, seen: Set<TableId>): boolean {
    if (from === to) return true;
    if (seen.has(from)) return false;
    seen.add(from);
    const table = this.#table(from);
    const key = this.key(from);
    const holds = (link: ForeignKey): boolean =>
      this.#tables.has(link.target) &&
      link.columns.some((name) => key.columns.includes(name)) &&
      !(this.#sharesKey(table, link) && (canBeNull(table, link) || this.#isPlain(link)));
    return (
      key.kind === "natural" && table.foreignKeys.some((link) => holds(link) && this.#leadsTo(link.target, to, seen))
    );
  }

  /** Its columns mean the same elsewhere: those of its target's key, or numbers that travel as they are. */
  #isPlain({ target, targetColumns }: ForeignKey): boolean {
    const { kind, columns } = this.key(target);
    return kind !== "natural" || isSameSet(targetColumns, columns);
  }

  /** A link to the key's own columns needs no look at the target, as long as these columns are no links themselves. */
  #pointsToPlainKey(link: ForeignKey): boolean {
    const { columns: key } = this.key(link.target);
    const inner = this.#linksOf(this.#table(link.target));
    return (
      isSameSet(link.targetColumns, key) && !inner.some(({ columns }) => columns.some((name) => key.includes(name)))
    );
  }

  #table(id: TableId): Table {
    const table = this.#tables.get(id);
    if (table === undefined) throw new RangeError(`${id} is not in the schema`);
    return table;
  }
}

/** Carried by the link's own columns, without a look at the row that they lead to. */
export const isDirect = ({ through, column, parts }: KeyColumn, { targetColumns }: ForeignKey): boolean =>
  parts === undefined && through.length === 1 && targetColumns.includes(column.name);

const canBeNull = (table: Table, { columns }: ForeignKey): boolean =>
  columns.some((name) => columnOf(table, name).nullable);

const isSameSet = (some: readonly string[], others: readonly string[]): boolean =>
  some.length === others.length && some.every((one) => others.includes(one));
