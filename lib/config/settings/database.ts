/** The config section `database`. */
import * as z from "zod";
import { command, flag, whole } from "./fields.ts";

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

export const databaseSchema = databaseFields.transform(({ engine, url, ...rest }, context) => {
  if (typeof url === "string" && engine === undefined) return { ...rest, url };
  const chosen = typeof url === "string" ? undefined : url[engine ?? ""];
  if (chosen !== undefined) return { ...rest, url: chosen };
  const message =
    typeof url === "string" ? "url must name one URL for each engine" : `must be one of ${Object.keys(url).join(", ")}`;
  context.addIssue({ code: "custom", path: ["engine"], message });
  return z.NEVER;
});

export type DatabaseSettings = z.infer<typeof databaseSchema>;
