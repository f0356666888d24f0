/** Converts another program's dump into a native export, so that every import takes the same path. */
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import path from "node:path";
import type { ForeignKeySettings, GenericSetting } from "../../config/settings/refinement.ts";
import { HoldfastError } from "../../errors.ts";
import { connect } from "../engines/connect.ts";
import type { Connection } from "../engine/connection.ts";
import { exportTables } from "../export/run.ts";
import { exportManifestSchema, MANIFEST } from "../format/documents.ts";
import { suspectedPolymorphic } from "../rows/polymorphic.ts";
import { readGenerics, type ReadGenerics } from "../plan/polymorphic-types.ts";
import { migrationsOf } from "../plan/applied-migrations.ts";
import { withDeclared } from "../schema/declared-keys.ts";
import { findTable } from "../schema/names.ts";
import { planPortable, type PortablePlan } from "../plan/run.ts";
import type { Schema, Table, TableId } from "../schema/tables.ts";
import { assumeTreeKeys } from "../plan/tree-keys.ts";
import { TableSelection } from "./load/table-selection.ts";
import { TableMapping } from "./load/table-mapping.ts";
import { Loader } from "./load/records.ts";
import { Lookup } from "./resolve/lookup.ts";
import { expandLastMigrations } from "./last-migrations.ts";
import { normalizeLiterals } from "./load/normalize-literals.ts";
import { KeyInterpreter } from "./resolve/key-interpretations.ts";
import type { ForeignRecord, ForeignSource } from "./read/record.ts";
import { References } from "./load/references.ts";
import { Resolver } from "./resolve/references.ts";
import { FILE, quoteName, Scratch } from "./load/scratch-database.ts";
import { fillSchema, assertUniqueRecords } from "./load/scratch-schema.ts";

export interface ConvertRequest {
  /** The keys of the config, as columns by table, and its tables by model. */
  readonly keys: Readonly<Record<string, readonly string[]>>;
  readonly models: Readonly<Record<string, string>>;
  readonly generic: readonly GenericSetting[];
  readonly foreignKeys: ForeignKeySettings;
  /** Models, apps or tables selected by flags. */
  readonly chosen: readonly string[];
  readonly excluded: readonly string[];
  /** Tables that the config leaves out, with or without records. */
  readonly excludedByConfig: readonly string[];
  /** An empty directory for all output. */
  readonly directory: string;
  readonly signal: AbortSignal;
  readonly onRecords: (records: number) => void;
  /** Called with a note for people that forbids nothing. */
  readonly onNote: (text: string) => void;
}

/**
 * Reads all records, resolves their references among themselves and in the database, and writes the export. Returns the
 * export's directory. Throws `E_PACKAGE` for damage, `E_SCHEMA` for models without a table, and `E_IMPORT` with file,
 * line and model for records that the database cannot take.
 */
export async function convertToExport(
  connection: Connection,
  source: ForeignSource,
  request: ConvertRequest,
): Promise<string> {
  const schema = withDeclared(await connection.engine.introspect(connection), request.foreignKeys);
  const scratch = new Scratch(path.join(request.directory, "records.db"), schema);
  let plan: PortablePlan;
  let planWith: (generics: ReadGenerics) => PortablePlan;
  const warnings: string[] = [...source.warnings];
  try {
    const references = new References(scratch);
    const mapping = new TableMapping(schema, request.models);
    const configured = new Map(
      Object.entries(request.keys).map(([name, columns]) => [findTable(schema, name, "keys").id, columns]),
    );
    const loader = new Loader(schema, mapping, scratch, references, configured);
    const taken = await load(source, { schema, mapping, loader, request });
    if (loader.loaded.size === 0) warnings.push("the source has no records");
    await normalizeLiterals(connection, scratch, loader.loaded.values());
    const filled = fillSchema(schema, loader, scratch);
    planWith = (generics) => planOf(filled, loader, { schema, request, taken, generics });
    plan = planWith(NO_GENERICS);
    assertUniqueRecords(plan, loader, scratch, false);
    const keyOf = (id: TableId): readonly string[] => plan.fields.key(id).columns;
    const resolver = new Resolver({
      scratch,
      references,
      readings: new KeyInterpreter(schema, configured, keyOf),
      lookup: new Lookup(scratch, connection, schema, keyOf),
      loaded: [...loader.loaded.values()],
      signal: request.signal,
      chosen: new Set(plan.tables.map(({ table }) => table.id)),
    });
    await resolver.resolve();
    warnings.push(...resolver.warnings);
    for (const id of taken.joins) dropRepeated(scratch, schema, id);
    assertUniqueRecords(plan, loader, scratch, true);
  } finally {
    scratch.close();
  }
  const output = path.join(request.directory, "export");
  const reading = await connect(
    { url: `sqlite:///${scratch.path}`, execPrefix: [], root: request.directory },
    "read",
    request.signal,
  );
  try {
    const generics = await readGenerics(reading, plan.schema, settingsIn(schema, plan, request.generic));
    plan = planWith(generics);
    for (const { table } of plan.tables)
      for (const text of suspectedPolymorphic(plan.schema, table, generics.relations)) request.onNote(text);
    const named = { output, sourceName: source.name, sourceUrl: source.url };
    const { warnings: exportWarnings } = await exportTables(reading, plan, named, () => {});
    if (generics.relations.size > 0) warnings.push(...exportWarnings);
  } finally {
    await reading.close();
  }
  const here = await migrationsOf(connection, schema);
  rewriteManifest(output, (manifest) => ({
    ...manifest,
    origin: source.made,
    schema_versions: source.migrations ?? expandLastMigrations(source.lastMigrations, here),
    import_warnings: warnings,
  }));
  return output;
}

interface Taken {
  /** Tables to be imported. */
  readonly tables: ReadonlySet<TableId>;
  /** Join tables that lists were loaded into. */
  readonly joins: ReadonlySet<TableId>;
}

async function load(
  source: ForeignSource,
  parts: {
    readonly schema: Schema;
    readonly mapping: TableMapping;
    readonly loader: Loader;
    readonly request: ConvertRequest;
  },
): Promise<Taken> {
  const { mapping, loader, request } = parts;
  const [tables, joins] = [new Set<TableId>(), new Set<TableId>()];
  const unmapped = new Map<string, ForeignRecord>();
  const choice = new TableSelection(request.chosen, request.excluded, request.excludedByConfig);
  let count = 0;
  for await (const record of source.records()) {
    if (++count % 1000 === 0) {
      request.signal.throwIfAborted();
      request.onRecords(count);
    }
    const isNew = choice.isNew(record.model);
    const table = isNew || !unmapped.has(record.model) ? mapping.tableOf(record.model) : undefined;
    const { isChosen, isExcluded } = choice.of(record.model, table);
    if (isExcluded) continue;
    if (table === undefined) {
      if (isChosen && !unmapped.has(record.model)) unmapped.set(record.model, record);
      continue;
    }
    const [own, ...lists] = loader.add(record, table);
    for (const one of lists) joins.add(one.id);
    if (isChosen) for (const one of own === undefined ? lists : [own, ...lists]) tables.add(one.id);
  }
  const [first] = unmapped.values();
  if (first !== undefined) {
    const nearest = mapping.nearest(first);
    throw new HoldfastError(
      "E_SCHEMA",
      `${first.file}, line ${first.line}: the database has no table for ${[...unmapped.keys()].join(", ")}`,
      {
        hint:
          "leave them out with --exclude, or set their tables under " +
          `portable.models${nearest === undefined ? "" : ` (perhaps ${nearest})`}`,
      },
    );
  }
  choice.assertAllUsed();
  return { tables, joins };
}

function planOf(
  filled: Schema,
  loader: Loader,
  {
    schema,
    request,
    taken,
    generics,
  }: {
    readonly schema: Schema;
    readonly request: ConvertRequest;
    readonly taken: Taken;
    readonly generics: ReadGenerics;
  },
): PortablePlan {
  const keys = new Map<string, readonly string[]>();
  for (const id of taken.joins) {
    const table = filled.tables.find((one) => one.id === id);
    const isGuarded = table?.uniques.some(({ columns }) => columns.every((name) => isLink(table, name))) === true;
    if (table !== undefined && !isGuarded)
      keys.set(
        id,
        table.foreignKeys.flatMap(({ columns }) => columns),
      );
  }
  // Rows of a table that a declared foreign key references may be in the database alone.
  const declared = filled.tables.flatMap(({ foreignKeys }) => foreignKeys.filter((link) => link.declared === true));
  for (const [name, columns] of Object.entries(request.keys)) {
    const { id } = findTable(schema, name, "keys");
    if (loader.loaded.has(id) || declared.some(({ target }) => target === id)) keys.set(id, columns);
  }
  const plan = planPortable(filled, {
    keys: Object.fromEntries(keys),
    groups: {},
    models: request.chosen.length === 0 ? [] : [...taken.tables],
    components: [],
    exclude: [],
    generics,
    // Records without a primary key are identified by nothing else.
    trees: assumeTreeKeys(filled, ({ id, primaryKey }) => loader.loaded.has(id) && primaryKey === null),
  });
  const where = `t.${quoteName(FILE)} is not null`;
  const tables = plan.tables.filter(({ table }) => taken.tables.has(table.id)).map((fields) => ({ ...fields, where }));
  const leftOut = new Map([...plan.leftOut].filter(([id]) => taken.tables.has(id)));
  return { ...plan, tables, leftOut, warnings: generics.warnings };
}

const NO_GENERICS: ReadGenerics = { relations: new Map(), warnings: [] };

/** Returns the generic relations of imported tables, with their table names in the scratch database. */
function settingsIn(schema: Schema, { tables }: PortablePlan, generic: readonly GenericSetting[]): GenericSetting[] {
  const coming = new Set(tables.map(({ table }) => table.id));
  return generic.flatMap((one) => {
    const { id } = findTable(schema, one.table, "generic");
    return coming.has(id) ? [{ ...one, table: id }] : [];
  });
}

const isLink = (table: Table, name: string): boolean => table.foreignKeys.some(({ columns }) => columns.includes(name));

/** Removes duplicate rows of a join table: a list may contain a row twice. */
function dropRepeated(scratch: Scratch, schema: Schema, id: TableId): void {
  const table = schema.tables.find((one) => one.id === id);
  const columns = table?.foreignKeys.flatMap((link) => link.columns).map(quoteName) ?? [];
  const name = scratch.quoted(id);
  scratch.run(`delete from ${name} where rowid not in (select min(rowid) from ${name} group by ${columns.join(", ")})`);
}

type Manifest = ReturnType<typeof exportManifestSchema.parse>;

/** Changes the manifest; its checksum does not cover the changed fields. */
function rewriteManifest(directory: string, change: (manifest: Manifest) => Manifest): void {
  const file = path.join(directory, MANIFEST);
  if (!existsSync(file)) throw new HoldfastError("E_INTERNAL", "the export has no manifest");
  const manifest = exportManifestSchema.parse(JSON.parse(readFileSync(file, "utf8")));
  writeFileSync(file, `${JSON.stringify(change(manifest), null, 2)}\n`);
}
