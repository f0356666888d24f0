/** The format of a restore's journal, `<store>/restores/<id>.json`. */
import * as z from "zod";
import type { BytePath } from "../../archive/entry.ts";
import { fromString, isUtf8, toBuffer } from "../../archive/path.ts";
import { projectSchema } from "../../model/unit.ts";
import { ownerSchema } from "../../store/lock/process-owner.ts";

export const PHASES = [
  "validating",
  "pre_backup",
  "restoring",
  "migrating",
  "completed",
  "confirming",
  "rolling_back",
  "failed",
  "rolled_back",
] as const;
export type Phase = (typeof PHASES)[number];

/** A path: text, or base64 if it is not UTF-8. */
const pathSchema = z
  .union([z.string(), z.object({ b64: z.string() })])
  .transform((value): BytePath =>
    typeof value === "string" ? fromString(value) : Buffer.from(value.b64, "base64").toString("latin1"),
  );

const operationSchema = z.discriminatedUnion("kind", [
  /** `fresh` (null for none) replaces `live`, which is moved to `aside`. */
  z.object({
    kind: z.literal("replace"),
    live: pathSchema,
    fresh: pathSchema.nullable(),
    aside: pathSchema,
    carry: z.array(pathSchema),
  }),
  /** The database `scratch` replaces the live one, which is renamed to `aside`. */
  z.object({ kind: z.literal("exchange"), unit: z.string(), url: z.string(), scratch: z.string(), aside: z.string() }),
  /** The dump is loaded into the live database; `safety` is a dump of its previous content, null if none was saved. */
  z.object({
    kind: z.literal("reload"),
    unit: z.string(),
    url: z.string(),
    dump: z.string(),
    safety: z.string().nullable(),
    /** True if the live database was missing or held no tables: a rollback empties it. */
    empty: z.boolean().default(false),
    begun: z.boolean(),
  }),
  /** The rows of a package are imported into the live database; `safety` is a dump of its previous content, or null. */
  z.object({
    kind: z.literal("import"),
    unit: z.string(),
    url: z.string(),
    safety: z.string().nullable(),
    /** Database names for a rollback, on engines that exchange databases. */
    scratch: z.string(),
    aside: z.string(),
    /** `begun`: the import may be committed. */
    state: z.enum(["none", "begun", "committed"]),
  }),
]);
export type Operation = z.infer<typeof operationSchema>;

/** The replacement of one tree or file by a staged one. */
export type Replace = Extract<Operation, { kind: "replace" }>;

export const journalSchema = z.object({
  format_version: z.string(),
  restore: z.string(),
  site: z.string(),
  /** The id of the run, or the name of the package's file. */
  run: z.string(),
  /** True for the restore of a migration package. */
  package: z.boolean().default(false),
  /** `in-place`, or the target directory. */
  target: z.string(),
  selection: z.record(z.string(), z.unknown()),
  phase: z.enum(PHASES),
  history: z.array(z.object({ phase: z.enum(PHASES), at: z.string() })),
  started_at: z.string(),
  finished_at: z.string().nullable(),
  process: ownerSchema,
  /** The progress of the swap. `begun`: some operations may have been made; `undoing`: they are being undone. */
  swap: z.enum(["none", "begun", "done", "undoing", "undone"]),
  operations: z.array(operationSchema),
  /** Directories and databases that exist for this restore alone. */
  bases: z.array(pathSchema),
  scratch_databases: z.array(z.object({ unit: z.string(), url: z.string(), name: z.string() })),
  /** Units of databases to migrate, because their schema is older than the code. */
  migrate: z.array(z.string()),
  /** Projects to compile from their sources. */
  rebuild: z.array(projectSchema),
  safety_run: z.string().nullable(),
  /** The operator's reason to continue without a safety dump. */
  without_safety: z.string().nullable(),
  service_stopped: z.boolean(),
  /** True while the replaced trees and databases are kept, until the restore is confirmed or rolled back. */
  kept: z.boolean(),
  by_hand: z.array(z.string()),
  warnings: z.array(z.string()),
  error: z.object({ code: z.string(), message: z.string(), hint: z.string() }).nullable(),
});
export type JournalDocument = z.infer<typeof journalSchema>;

/** The fields of a new journal that its restore chooses. */
export type JournalStart = Pick<JournalDocument, "site" | "run" | "target" | "selection" | "without_safety"> &
  Partial<Pick<JournalDocument, "package">>;

/** Returns the document in a form that JSON can represent. */
export function toJson(document: JournalDocument): unknown {
  const bytes = (value: BytePath): unknown =>
    isUtf8(value) ? toBuffer(value).toString("utf8") : { b64: toBuffer(value).toString("base64") };
  return {
    ...document,
    bases: document.bases.map(bytes),
    operations: document.operations.map((operation) =>
      operation.kind === "replace"
        ? {
            ...operation,
            live: bytes(operation.live),
            fresh: operation.fresh === null ? null : bytes(operation.fresh),
            aside: bytes(operation.aside),
            carry: operation.carry.map(bytes),
          }
        : operation,
    ),
  };
}
