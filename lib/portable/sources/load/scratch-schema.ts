/** The part of the database's schema that external records fill, by which the scratch database is exported. */
import { HoldfastError } from "../../../errors.ts";
import type { PortablePlan } from "../../plan/run.ts";
import type { Column, Schema, Table } from "../../schema/tables.ts";
import { idColumnOf } from "./table-mapping.ts";
import type { Loaded, Loader } from "./records.ts";
import { FILE, LINE, quoteName, referenceColumn, type Scratch } from "./scratch-database.ts";

/**
 * Returns the schema without columns that no record has; a primary key that not every record has is dropped. Throws
 * `E_IMPORT` if a record lacks a required column that others have.
 */
export function fillSchema(schema: Schema, { loaded }: Loader, scratch: Scratch): Schema {
  const tables = schema.tables.map((table): Table => {
    const found = loaded.get(table.id);
    const plain: Table = { ...table, schema: null, name: scratch.nameOf(table.id) };
    return found === undefined ? plain : filledTable(plain, found, scratch);
  });
  return { ...schema, engine: "sqlite", tables };
}

function filledTable(table: Table, loaded: Loaded, scratch: Scratch): Table {
  const number = idColumnOf(table)?.name;
  const isGiven = (name: string): boolean =>
    name === number ? loaded.numbered === loaded.rows : (loaded.given.get(name) ?? 0) > 0;
  for (const column of table.columns)
    if (
      isGiven(column.name) &&
      column.name !== number &&
      !column.nullable &&
      loaded.given.get(column.name) !== loaded.rows
    )
      assertNotNull(table, column, scratch);
  const columns = table.columns.map((column): Column =>
    isGiven(column.name) || column.generated ? column : { ...column, generated: true, isUnsaid: true },
  );
  const unknown = [...loaded.unknown].map((name): Column => ({
    name,
    kind: "text",
    native: "text",
    nullable: true,
    generated: false,
    hasDefault: false,
  }));
  return {
    ...table,
    columns: [...columns, ...unknown],
    primaryKey: table.primaryKey?.columns.every(isGiven) === true ? table.primaryKey : null,
    uniques: table.uniques.filter((unique) => unique.columns.every(isGiven)),
  };
}

function assertNotNull(table: Table, { name }: Column, scratch: Scratch): void {
  const link = table.foreignKeys.some(({ columns }) => columns.includes(name));
  const waits = link ? ` and ${quoteName(referenceColumn(name))} is null` : "";
  const [first] = scratch.rows(
    `select ${quoteName(FILE)}, ${quoteName(LINE)}, count(*) over () from ${scratch.quoted(table.id)} ` +
      `where ${quoteName(name)} is null${waits} order by 2 limit 1`,
  );
  if (first === undefined) return;
  throw new HoldfastError(
    "E_IMPORT",
    `${String(first[0])}, line ${String(first[1])}: ${table.id} lacks ${name}, which is NOT NULL and ` +
      `which other records have (${String(first[2])} records lack it)`,
  );
}

/**
 * Throws `E_IMPORT` for two records with the same primary key or exported key. Before references are resolved, only
 * keys without them are checked.
 */
export function assertUniqueRecords(
  { tables }: PortablePlan,
  { loaded }: Loader,
  scratch: Scratch,
  isResolved: boolean,
): void {
  for (const { table, key } of tables) {
    const found = loaded.get(table.id);
    if (found === undefined) continue;
    if (key.kind === "none" && (idColumnOf(found.table) !== undefined || found.table.primaryKey !== null))
      throw new HoldfastError("E_IMPORT", `the records of ${table.id} have no pk, and no other columns identify them`, {
        hint: `nothing was changed: list such columns under portable.keys: {${table.id}: […]}`,
      });
    for (const columns of [table.primaryKey?.columns ?? [], key.columns]) {
      const names = columns.map(quoteName);
      const links = found.table.foreignKeys.flatMap((link) => link.columns);
      if (names.length === 0 || (!isResolved && columns.some((name) => links.includes(name)))) continue;
      const given = names.map((name) => `${name} is not null`).join(" and ");
      const [duplicates] = scratch.rows(
        `select ${names.join(", ")}, min(${quoteName(FILE)}), min(${quoteName(LINE)}), ` +
          `max(${quoteName(LINE)}), count(*) from ${scratch.quoted(table.id)} where ${given} ` +
          `and ${quoteName(FILE)} is not null group by ${names.join(", ")} having count(*) > 1 limit 1`,
      );
      if (duplicates === undefined) continue;
      const [file, first, last, count] = duplicates.slice(columns.length).map(String);
      throw new HoldfastError(
        "E_IMPORT",
        `${file ?? ""}, line ${last ?? ""}: duplicate of line ${first ?? ""}: ` +
          `${count ?? ""} records of ${table.id} have the same ${columns.join(", ")} ` +
          `(${duplicates.slice(0, columns.length).map(String).join(", ")})`,
        { hint: "nothing was changed: remove all of them but one" },
      );
    }
  }
}
