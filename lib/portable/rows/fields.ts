/** The layout of an exported row: plain columns, and foreign keys written as the referenced row's key. */
import type { RefinedColumns, Replacement } from "./column-rules.ts";
import type { PolymorphicRelation, PolymorphicRelations } from "./polymorphic.ts";
import { chosenLinks, parentLink } from "../schema/foreign-keys.ts";
import { type Column, columnOf, type ForeignKey, type Schema, type Table, type TableId } from "../schema/tables.ts";
import type { ExportedKey, ExportedKeys } from "../schema/keys/exported.ts";

/** A column exported with its own value. */
export interface ValueField {
  readonly kind: "value";
  readonly column: Column;
  /** Replaces the stored values. Replaced values count in no digest, and existing rows keep theirs on import. */
  readonly replaced?: Replacement;
}

/** The columns of a foreign key, exported as the key of the referenced row. */
export interface LinkField {
  readonly kind: "link";
  readonly link: ForeignKey;
  readonly target: TableId;
}

/** A column that holds the primary key of a row in one of several tables, exported as that row's key. */
export interface PolymorphicField {
  readonly kind: "generic";
  readonly column: Column;
  readonly relation: PolymorphicRelation;
}

export type Field = ValueField | LinkField | PolymorphicField;

/** One value of a flattened key: a column, reached through any number of foreign keys. */
export interface KeyColumn {
  /** The foreign keys to follow from the table that has the key; empty for a column of its own. */
  readonly through: readonly ForeignKey[];
  readonly table: TableId;
  readonly column: Column;
  /**
   * The key columns of each level, for a table with a self-referential key: its value is the path from a root to the
   * row.
   */
  readonly parts?: readonly KeyColumn[];
}

/** A table with a self-referential key: a path from a root identifies each row. */
export interface Tree {
  readonly table: Table;
  /** The foreign key to the parent row; NULL for roots. */
  readonly parent: ForeignKey;
  /** The other fields of the key, which distinguish the children of one row. */
  readonly fields: readonly Field[];
  /** The values of `fields`, flattened. */
  readonly parts: readonly KeyColumn[];
}

/** The pseudo-column for the path of a row in a tree. */
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
  /** Columns that are not exported. */
  readonly leftOut?: readonly string[];
  /** The SQL condition for the exported rows, if not all are; `t` is the table. */
  readonly where?: string;
}

/** Computes the exported layout of each table of a schema. */
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

  /** Returns the tree of a table; undefined if its key is not self-referential. */
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
   * Returns the values that represent a foreign key in an export, flattened: those of the target's key. These are the
   * referenced columns themselves if the target has no natural key, or if they are its key and hold plain values.
   */
  leavesOf(link: ForeignKey): KeyColumn[] {
    const target = this.#table(link.target);
    const key = this.key(link.target);
    if (key.kind !== "natural" || this.#pointsToPlainKey(link))
      return link.targetColumns.map((name) => ({ through: [link], table: target.id, column: columnOf(target, name) }));
    return this.keyLeaves(link.target).map((leaf) => ({ ...leaf, through: [link, ...leaf.through] }));
  }

  /** Returns the values of a table's own key, flattened. */
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

  /**
   * Returns the foreign keys that are exported as raw columns although the target may give the referenced rows other
   * ids.
   */
  unfollowed(id: TableId): ForeignKey[] {
    const table = this.#table(id);
    return table.foreignKeys.filter(
      (link) =>
        this.#tables.has(link.target) &&
        this.#sharesKey(table, link) &&
        !this.#isCarried(table, link) &&
        !this.#isPlain(link),
    );
  }

  #linksOf(table: Table): readonly ForeignKey[] {
    const known = this.#links.get(table.id);
    if (known !== undefined) return known;
    const chosen = chosenLinks(table, (link) => this.#tables.has(link.target) && this.#isCarried(table, link));
    this.#links.set(table.id, chosen);
    return chosen;
  }

  /**
   * Checks whether a foreign key shares some of its columns, but not all, with the table's key, as a tenant column is.
   */
  #sharesKey(table: Table, { columns }: ForeignKey): boolean {
    const key = this.key(table.id);
    const shared = columns.filter((name) => key.columns.includes(name));
    return key.kind === "natural" && shared.length > 0 && shared.length < columns.length;
  }

  /**
   * Checks whether a foreign key can be exported as the key of the referenced row. One that shares columns with the
   * table's key cannot if the key would then depend on itself, or if it may be NULL; it need not if its raw columns
   * suffice.
   */
  #isCarried(table: Table, link: ForeignKey): boolean {
    if (!this.#sharesKey(table, link)) return true;
    return !canBeNull(table, link) && !this.#isPlain(link) && !this.#leadsTo(link.target, table.id, new Set());
  }

  /**
   * Checks whether the key of a table may depend on that of another. It does by foreign keys that it contains or shares
   * columns with.
   */
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

  /**
   * Checks whether raw column values suffice: they are the target's key, or generated ids that are exported unchanged.
   */
  #isPlain({ target, targetColumns }: ForeignKey): boolean {
    const { kind, columns } = this.key(target);
    return kind !== "natural" || isSameSet(targetColumns, columns);
  }

  /** Checks whether a foreign key references the target's key, and no column of that key is a foreign key itself. */
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

/** Checks whether the foreign key's own columns hold the value, so that the referenced row need not be read. */
export const isDirect = ({ through, column, parts }: KeyColumn, { targetColumns }: ForeignKey): boolean =>
  parts === undefined && through.length === 1 && targetColumns.includes(column.name);

const canBeNull = (table: Table, { columns }: ForeignKey): boolean =>
  columns.some((name) => columnOf(table, name).nullable);

const isSameSet = (some: readonly string[], others: readonly string[]): boolean =>
  some.length === others.length && some.every((one) => others.includes(one));
