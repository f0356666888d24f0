/**
 * The site's configuration: the schema is the type, and the JSON Schema for editors is made from it
 * (`scripts/schema.ts`).
 */
import * as z from "zod";
import { stepNameSchema } from "../model/unit.ts";
import { portableSettingsSchema } from "./portable-settings.ts";
import { portableRefinement } from "./portable-refinement.ts";

/** A whole number; a string of digits is one too, so that `${VAR:-2048}` can stand for it. */
const whole = (minimum: number) =>
  z
    .union([z.number().int(), z.string().regex(/^\d+$/)])
    .transform(Number)
    .pipe(z.number().int().min(minimum));
const flag = z.union([z.boolean(), z.enum(["true", "false"])]).transform((value) => value === true || value === "true");
const octal = z
  .union([z.string(), z.number()])
  .transform(String)
  .pipe(z.string().regex(/^0?[0-7]{3,4}$/, "must be an octal mode such as 0640"))
  .transform((mode) => Number.parseInt(mode, 8));
const command = z.array(z.string().min(1)).min(1).describe("A program and its arguments; never a shell line.");
const paths = z.array(z.string().min(1)).default([]);

const databaseUrl = z
  .string()
  .regex(
    /^(postgresql|postgres|mysql|mariadb|sqlite):\/\//,
    "must begin with postgresql://, mysql://, mariadb:// or sqlite:///",
  );

const databaseFields = z.strictObject({
  name: z
    .string()
    .regex(/^[\w.-]+$/)
    .optional()
    .describe("The unit's name; the database's own name when absent."),
  url: z
    .union([databaseUrl, z.record(z.string(), databaseUrl)])
    .describe(
      "postgresql://user@host/name, mysql://…, mariadb://…, sqlite:///path (four slashes: absolute). Keep passwords out of it. Or one for each engine that the key engine may name.",
    ),
  engine: z
    .string()
    .optional()
    .describe("Which url counts where there is one for each engine, e.g. ${DB_ENGINE:-postgresql}."),
  password_file: z.string().optional().describe("A file whose first line is the password."),
  password_command: command.optional().describe("A command that prints the password."),
  migrate: command.optional().describe("Migrates the schema to that of the code, after a restore of an older one."),
  migrations_wanted: command.optional().describe("Prints the migrations that the code knows."),
  exact_counts_below_rows: whole(0)
    .default(50_000_000)
    .describe("Rows of a database up to which tables are counted exactly; estimates above, marked as such."),
  digests: flag
    .default(false)
    .describe("Record a digest of each table, which a restore and a drill compare; reads every row once more."),
});

const databaseSchema = databaseFields.transform(({ engine, url, ...rest }, context) => {
  if (typeof url === "string" && engine === undefined) return { ...rest, url };
  const chosen = typeof url === "string" ? undefined : url[engine ?? ""];
  if (chosen !== undefined) return { ...rest, url: chosen };
  const message =
    typeof url === "string" ? "url must name one URL for each engine" : `must be one of ${Object.keys(url).join(", ")}`;
  context.addIssue({ code: "custom", path: ["engine"], message });
  return z.NEVER;
});

const exportSchema = z.union([
  z.strictObject({
    path: z.string().min(1).describe("Where the project's tree is, with {fields} of its row, relative to root."),
  }),
  z.strictObject({
    command: command.describe(
      "Writes the export into the directory {out}; {fields} of the project's row are filled in.",
    ),
    inputs: paths.describe(
      "What the command reads; with it an unchanged export is reused, without it the command runs every time.",
    ),
  }),
]);

const compiledSchema = z.strictObject({
  bundle: z.enum(["per_text_type", "single"]).default("per_text_type"),
  text_types: z
    .record(z.string().regex(/^[\w.-]+$/), z.strictObject({ path: z.string().min(1) }))
    .describe("Each kind of compiled text and where its pages are. The first is the default one."),
  media: z
    .array(z.strictObject({ url: z.string().min(1), path: z.string().min(1) }))
    .default([])
    .describe("URLs under which pages refer to media, and the files behind them."),
  pages: z
    .strictObject({ url: z.string().min(1) })
    .optional()
    .describe("The URL of a compiled page, for links between text types."),
  rebuild: command.optional().describe("Compiles one project again from its source."),
});

const projectsSchema = z
  .strictObject({
    query: z
      .string()
      .min(1)
      .optional()
      .describe("A SELECT on the first database; one row a project, with a column id."),
    glob: z.string().min(1).optional().describe("Directories relative to root; the last name of each is the id."),
    command: command.optional().describe("Prints a JSON array of objects, each with an id."),
    source: exportSchema.optional(),
    compiled: compiledSchema.optional(),
  })
  .refine((value) => [value.query, value.glob, value.command].filter((one) => one !== undefined).length === 1, {
    message: "needs exactly one of query, glob and command",
  });

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

const patterns = z.array(z.string().min(1)).default([]);

const treeFields = z.strictObject({
  name: z
    .string()
    .regex(/^\w[\w.-]*$/)
    .optional()
    .describe("The unit's name; its path, with _ for /, when absent."),
  path: z.string().min(1).describe("A directory, a file or . for the whole root; relative to root, or anywhere by /."),
  exclude: patterns.describe("Patterns of what is left out, by the rules of .gitignore, relative to the tree."),
  exclude_caches: flag.default(false).describe("Leave out what lies in directories with a valid CACHEDIR.TAG."),
  exclude_if_present: patterns.describe("Leave out what lies in directories that hold a file of such a name."),
  shard_above_mb: whole(0)
    .default(64)
    .describe("Input size above which the tree is kept in layered shards, so that a new file does not rewrite it."),
  shard_size_mb: whole(1).default(2048).describe("Input bytes of one shard, at most."),
});
/** Returns the settings of a tree of which nothing but the path is given. */
export const treeSettings = (path: string): TreeSettings => treeFields.parse({ path });
const treeSchema = z.union([z.string().min(1).transform(treeSettings), treeFields]);

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
export type DatabaseSettings = z.infer<typeof databaseSchema>;
export type TreeSettings = z.infer<typeof treeFields>;
export type ReferenceSettings = z.infer<typeof referenceSchema>;
export type ExportSettings = z.infer<typeof exportSchema>;
export type CompiledSettings = z.infer<typeof compiledSchema>;

/** The JSON Schema that editors read. */
export function siteJsonSchema(): Record<string, unknown> {
  return z.toJSONSchema(siteSchema, { io: "input" });
}
