/** The facts of a unit that the guard judges, taken from its metadata. */
import * as z from "zod";
import { sumExtensions } from "../../archive/extensions.ts";
import { named } from "../../model/named.ts";
import { inputSchema, type StepName, type UnitMetadata } from "../../model/unit.ts";
import { layersOf, unitName } from "../../store/run/layers.ts";

export interface UnitFacts {
  readonly step: StepName;
  /** The unit; the shards of a tree are one unit, called as the tree. */
  readonly unit: string;
  readonly isShard: boolean;
  /** The run that built its artifacts; of shards, the newest such run. */
  readonly builtIn: string;
  /** Bytes of the input; of a dump, which has no tree, those of its artifacts. */
  readonly bytes: number;
  /** Null where the unit has no tree. */
  readonly files: number | null;
  /** The content digest; null where the unit has no tree, and for shards. */
  readonly content: string | null;
  /** True if the next run could reuse it. */
  readonly isReusable: boolean;
  readonly extensions: Readonly<Record<string, number>>;
  readonly deflate: { readonly bytes: number; readonly saved_bytes: number };
  /** Rows by table; null for an estimate. */
  readonly tables: ReadonlyMap<string, number | null>;
  /** The applied migrations as one text. */
  readonly migrations: string;
}

const tablesSchema = named(z.object({ rows: z.number(), exact: z.boolean().default(true) }));
/** The databases of the audio cache, by file. */
const databasesSchema = named(z.object({ tables: named(z.number()) }));
const liveSchema = z.object({
  files: z.number().int(),
  bytes: z.number().int(),
  extensions: inputSchema.shape.extensions.unwrap(),
});

/** Returns the facts of a unit. */
export function unitFacts(metadata: UnitMetadata): UnitFacts {
  const { step, built_in, input, size_bytes } = metadata;
  const layers = layersOf(metadata);
  const live = layers === undefined ? undefined : liveSchema.safeParse(metadata["live"]).data;
  const hasTree = input.content_digest !== null;
  return {
    step,
    unit: unitName(metadata),
    isShard: layers !== undefined,
    builtIn: built_in,
    bytes: hasTree ? (live?.bytes ?? input.bytes) : size_bytes,
    files: hasTree ? (live?.files ?? input.files) : null,
    content: layers === undefined ? input.content_digest : null,
    isReusable: layers === undefined && hasTree && input.fingerprint !== null,
    extensions: live?.extensions ?? input.extensions ?? {},
    deflate: input.deflate ?? { bytes: 0, saved_bytes: 0 },
    tables: tablesOf(metadata),
    migrations: JSON.stringify(metadata["migrations"] ?? null),
  };
}

function tablesOf(metadata: UnitMetadata): Map<string, number | null> {
  const tables = tablesSchema.safeParse(metadata["tables"]).data ?? {};
  const databases = databasesSchema.safeParse(metadata["databases"]).data ?? {};
  return new Map<string, number | null>([
    ...Object.entries(tables).map(([name, { rows, exact }]) => [name, exact ? rows : null] as const),
    ...Object.entries(databases).flatMap(([file, own]) =>
      Object.entries(own.tables).map(([name, rows]) => [`${file}/${name}`, rows] as const),
    ),
  ]);
}

/** Returns the facts of a step's units by name, the shards of a tree added up. */
export function mergeFacts(all: Iterable<UnitFacts>): Map<string, UnitFacts> {
  const units = new Map<string, UnitFacts>();
  for (const facts of all) {
    const known = units.get(facts.unit);
    units.set(facts.unit, known === undefined ? facts : added(known, facts));
  }
  return units;
}

const added = (a: UnitFacts, b: UnitFacts): UnitFacts => ({
  ...a,
  builtIn: a.builtIn > b.builtIn ? a.builtIn : b.builtIn,
  bytes: a.bytes + b.bytes,
  files: (a.files ?? 0) + (b.files ?? 0),
  extensions: sumExtensions([a.extensions, b.extensions]),
  deflate: {
    bytes: a.deflate.bytes + b.deflate.bytes,
    saved_bytes: a.deflate.saved_bytes + b.deflate.saved_bytes,
  },
});
