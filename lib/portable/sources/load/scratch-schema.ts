/** The database's schema as far as foreign records fill it: what an export of the scratch database goes by. */
import { HoldfastError } from "../../../errors.ts";
import type { PortablePlan } from "../../plan/run.ts";
import type { Column, Schema, Table } from "../../schema/tables.ts";
import { numberOf } from "./table-mapping.ts";
import type { Loaded, Loader } from "./records.ts";
import { FILE, LINE, quoteName, referenceColumn, type Scratch } from "./scratch-database.ts";

/** Columns that no record gives do not travel; a number that not every record has is none. Throws `E_IMPORT` where a record lacks what the others have. */
export function fillSchema(schema: Schema, { loaded }: Loader, scratch: Scratch): Schema {
  const tables = schema.tables.map((table): Table => {
    const found = loaded.get(table.id);
    const plain: Table = { ...table, schema: null, name: scratch.nameOf(table.id) };
    return found === undefined ? plain : filledTable(plain, found, scratch);
  });
  return { ...schema, engine: "sqlite", tables };
}

function filledTable(table: Table, loaded: Loaded, scratch: Scratch): Table {
  const number = numberOf(table)?.name;
  const isGiven = (name: string): boolean =>
    name === number ? loaded.numbered === loaded.rows : (loaded.given.get(name) ?? 0) > 0;
  for (const column of table.columns)
    if (
      isGiven(column.name) &&
      column.name !== number &&
      !column.nullable &&
      loaded.given.get(column.name) !== loaded.rows
    )
      refuseMissing(table, column, scratch);
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

function refuseMissing(table: Table, { name }: Column, scratch: Scratch): void {
  const link = table.foreignKeys.some(({ columns }) => columns.includes(name));
  const waits = link ? ` and ${quoteName(referenceColumn(name))} is null` : "";
  const [first] = scratch.rows(
    `select ${quoteName(FILE)}, ${quoteName(LINE)}, count(*) over () from ${scratch.quoted(table.id)} where ${quoteName(name)} is null${waits} order by 2 limit 1`,
  );
  if (first === undefined) return;
  throw new HoldfastError(
    "E_IMPORT",
    `${String(first[0])}, line ${String(first[1])}: ${table.id} has no ${name} here, which other records have, and which may not be NULL (${String(first[2])} records)`,
  );
}

/**
 * Throws `E_IMPORT` where two records are one: by their number, or by the key that they travel by. Before links have been found, only what holds none can
 * be looked at.
 */
export function refuseTwins(
  { tables }: PortablePlan,
  { loaded }: Loader,
  scratch: Scratch,
  areLinksFound: boolean,
): void {
  for (const { table, key } of tables) {
    const found = loaded.get(table.id);
    if (found === undefined) continue;
    if (key.kind === "none" && (numberOf(found.table) !== undefined || found.table.primaryKey !== null))
      throw new HoldfastError(
        "E_IMPORT",
        `the records of ${table.id} have no pk, and no other column tells them apart`,
        { hint: `nothing was changed: name such columns under portable.keys: {${table.id}: […]}` },
      );
    for (const columns of [table.primaryKey?.columns ?? [], key.columns]) {
      const names = columns.map(quoteName);
      const links = found.table.foreignKeys.flatMap((link) => link.columns);
      if (names.length === 0 || (!areLinksFound && columns.some((name) => links.includes(name)))) continue;
      const given = names.map((name) => `${name} is not null`).join(" and ");
      const [twins] = scratch.rows(
        `select ${names.join(", ")}, min(${quoteName(FILE)}), min(${quoteName(LINE)}), max(${quoteName(LINE)}), count(*) from ${scratch.quoted(table.id)} where ${given} and ${quoteName(FILE)} is not null group by ${names.join(", ")} having count(*) > 1 limit 1`,
      );
      if (twins === undefined) continue;
      const [file, first, last, count] = twins.slice(columns.length).map(String);
      throw new HoldfastError(
        "E_IMPORT",
        `${file ?? ""}, line ${last ?? ""}: ${table.id} (${twins.slice(0, columns.length).map(String).join(", ")}) was there before, in line ${first ?? ""}: ${count ?? ""} records have one ${columns.join(", ")}`,
        { hint: "nothing was changed: take all of them but one out" },
      );
    }
  }
}
