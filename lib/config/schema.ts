/**
 * The site's configuration: the schema is the type, and the JSON Schema for editors is made from it
 * (`scripts/schema.ts`).
 */
import * as z from "zod";
import { stepNameSchema } from "../model/unit.ts";
import { alertsSchema, metricsSchema } from "./settings/alerts.ts";
import { anomalySettingsSchema } from "./settings/anomalies.ts";
import { databaseSchema } from "./settings/database.ts";
import { command, flag, octal, paths, whole } from "./settings/fields.ts";
import { projectsSchema } from "./settings/projects.ts";
import { retentionSchema } from "./settings/retention.ts";
import { targetsSchema } from "./settings/targets/target.ts";
import { treeSchema } from "./settings/trees.ts";
import { portableSettingsSchema } from "./settings/portable.ts";
import { portableRefinement } from "./settings/refinement.ts";

const referenceSchema = z.strictObject({
  name: z
    .string()
    .regex(/^[\w-][\w.-]*$/)
    .describe("What the check of it calls it."),
  database: z
    .string()
    .min(1)
    .optional()
    .describe(
      "A configured database by its unit's name, or the path of an SQLite file; the first database when absent.",
    ),
  query: z.string().min(1).describe("A SELECT with a column path: files that the database names."),
  root: z.string().min(1).describe("The directory that the paths are relative to."),
  optional: paths.describe("Globs of paths, relative to that directory, that need not be there."),
});

const scalar = z.union([z.string(), z.number(), z.boolean(), z.null()]);

const reinitSchema = z
  .strictObject({
    keep: paths.describe("Tables that stay as they are, beside migrations, content types and permissions."),
    keep_rows: z
      .record(z.string(), z.record(z.string(), z.union([scalar, z.array(scalar)])))
      .default({})
      .describe("Rows that stay, by table: columns and the value, or one of the values, that each must have."),
    storage: paths.describe("Directories that are renamed and created again, empty; relative to root."),
    admin_command: command.optional().describe("Makes the first user anew, when all is cleared."),
  })
  .describe("What reinit.ts keeps, and what it does beside clearing the first database.");

const acceptedFailureSchema = z.strictObject({
  step: stepNameSchema,
  unit: z.string().optional().describe("As failures.json names it; absent for a failure of the step as a whole."),
  code: z.string(),
  reason: z.string().min(1),
  until: z.iso.date().describe("The last day on which the failure is accepted, e.g. 2027-01-31."),
});

export const siteSchema = z.strictObject({
  site: z
    .string()
    .regex(/^[A-Za-z0-9][A-Za-z0-9_-]{0,63}$/)
    .describe("The site's name; a store holds one site."),
  root: z.string().min(1).describe("The directory under which the site lies; other paths are relative to it."),
  dest: z.string().min(1).optional().describe("The store, where --dest does not say it."),
  exec_prefix: z
    .array(z.string().min(1))
    .default([])
    .describe("Put before dumps, queries and site commands, e.g. docker exec."),
  database: z
    .union([databaseSchema, z.array(databaseSchema).min(1)])
    .transform((value) => (Array.isArray(value) ? value : [value]))
    .optional()
    .describe("The site's database, or a list of them; the first is the one that projects.query asks."),
  projects: projectsSchema.optional(),
  legacy: z
    .strictObject({
      path: z.string().min(1),
      tgz_above_mb: whole(0).default(2048).describe("Larger trees become a .tgz."),
    })
    .optional()
    .describe("Old content: one unit for each directory in it."),
  audio_cache: z
    .strictObject({
      path: z.string().min(1),
      databases: paths.describe("Live SQLite files that belong to the cache."),
      shard_size_mb: whole(1).default(2048).describe("Input bytes of one part, at most."),
    })
    .optional(),
  snapshots: z
    .strictObject({
      media: paths.describe("Trees that go into full_media_tree.tgz."),
      projects: flag.default(false).describe("Whether all project trees go into full_projects_tree.tgz as well."),
    })
    .optional(),
  trees: z
    .array(treeSchema)
    .default([])
    .describe("Directories and files that are units by themselves: all that an application without projects needs."),
  roots: paths.describe(
    "Further directories that belong to the site: what no step covers in them is reported as well.",
  ),
  follow_links: flag
    .default(false)
    .describe("Also back up the targets of symlinks that point outside the site, each as a tree."),
  infra: z
    .strictObject({
      repo: z.string().optional().describe("The application's git checkout."),
      env: paths.describe("Environment files; only their keys are kept."),
      settings: paths.describe("Settings files; secrets in them are blanked out."),
      keep_values: z.array(z.string()).default([]).describe("Keys whose values are no secret and stay."),
      redact: z.array(z.string()).default([]).describe("Further keys whose values are secret."),
      nginx: paths,
      apache: paths,
      php: paths.describe("php.ini, pools of php-fpm."),
      cron: paths.describe("Files of /etc/cron.d and the like."),
      files: paths.describe("Any other text files: each is kept under its own name."),
      systemd: paths,
      crontabs: paths.describe("Users whose crontab is kept, or paths of crontab files."),
      tls: paths.describe("Certificates and keys; their names are listed, nothing of them is copied."),
    })
    .optional(),
  hooks: z
    .strictObject({ before: command.optional(), after: command.optional(), on_error: command.optional() })
    .default({})
    .describe("Commands around a run: a maintenance mode, a file-system snapshot."),
  health: z
    .strictObject({
      smoke: command.optional().describe("Succeeds when the site works."),
      service: z.strictObject({ stop: command, start: command }).optional(),
    })
    .optional(),
  drill: z
    .strictObject({
      compile: command
        .optional()
        .describe(
          "Compiles one restored project, a field of whose row is {id}, in the sandbox {root}; never the live site.",
        ),
      smoke: command
        .optional()
        .describe("Succeeds when the site restored to {root}, with its scratch database at {database_url}, works."),
    })
    .optional()
    .describe("What a drill runs in its sandbox; the database's password is in HOLDFAST_DATABASE_PASSWORD."),
  alerts: alertsSchema.prefault({}),
  metrics: metricsSchema.optional(),
  portable: z
    .strictObject({
      keys: z
        .record(z.string(), z.array(z.string()))
        .default({})
        .describe("Columns that tell the rows of a table apart; none: its primary key does."),
      components: z
        .record(z.string(), z.array(z.string()))
        .default({})
        .describe("Groups of tables for --component, beside those that are found."),
      exclude: paths.describe("Tables that are left out."),
      instance: z
        .string()
        .min(1)
        .optional()
        .describe(
          "Of which installation the database is: the same for exports and imports of one, so that rows known by their number alone are the same. The id of the store when absent.",
        ),
      settings: portableSettingsSchema
        .optional()
        .describe("The application's settings: recorded by an export, compared by a check and an import."),
      time_zone: z
        .string()
        .min(1)
        .optional()
        .describe("Area/City: of the time in the name of a ZIP; this host's when absent."),
      ...portableRefinement,
      backup: flag
        .default(false)
        .describe("Whether each run holds the databases as portable data as well: the step portable."),
      reinit: reinitSchema.optional(),
      models: z
        .record(z.string(), z.string())
        .default({})
        .describe(
          "Tables that take the records of another program's models, and columns that take their fields, where the names do not say: {app.Model: table, app.Model.field: column}.",
        ),
    })
    .optional()
    .describe("Refines what portable.ts finds out by itself."),
  references: z
    .array(referenceSchema)
    .default([])
    .refine((all) => new Set(all.map(({ name }) => name)).size === all.length, { message: "two have one name" })
    .describe("Files that databases name: verify proves that each is in the run, and lists those that no row names."),
  accepted_failures: z.array(acceptedFailureSchema).default([]),
  anomalies: anomalySettingsSchema,
  ignore: z
    .array(z.string())
    .default([])
    .describe("Globs under root that no backup needs; they are not reported as uncovered."),
  compression_level: whole(0)
    .pipe(z.number().max(9))
    .default(3)
    .describe("Deflate level of what shrinks; media are stored."),
  workers: whole(1)
    .optional()
    .describe(
      "Worker threads a step may use; when absent the number of processors, at most 3, with which a process stays under 200 MB.",
    ),
  rehash_every: whole(1)
    .default(10)
    .describe("Runs in which every reused artifact is read and hashed again at least once."),
  retention: retentionSchema
    .optional()
    .describe(
      "Which runs prune.ts keeps: the same keys as its flags. Without keep rules: 7 daily, 4 weekly, the last 2.",
    ),
  targets: targetsSchema,
  lock_file: z.string().optional().describe("A second lock beside the store's own."),
  permissions: z
    .strictObject({
      group: z.string().optional().describe("The group that may read the store."),
      directory_mode: octal.default(0o750),
      file_mode: octal.default(0o640),
    })
    .default({ directory_mode: 0o750, file_mode: 0o640 }),
});

export type SiteSettings = z.infer<typeof siteSchema>;
export type ReferenceSettings = z.infer<typeof referenceSchema>;

/** The JSON Schema that editors read. */
export function siteJsonSchema(): Record<string, unknown> {
  return z.toJSONSchema(siteSchema, { io: "input" });
}
