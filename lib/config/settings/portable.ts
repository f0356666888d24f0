/**
 * The config section `portable.settings`: the source of the site's settings, and the severity of a difference between
 * two sites.
 */
import * as z from "zod";

/**
 * Names whose differences forbid an import: the database's engine, where files lie, whether a key is there, who may
 * sign in.
 */
const CRITICAL = [
  "DATABASES.*.ENGINE",
  "*DB_ENGINE",
  "*DATABASE_ENGINE",
  "DB_CONNECTION",
  "DB_DIALECT",
  "*.scheme",
  "MEDIA_ROOT",
  "*STORAGE_{ROOT,PATH,DIR}",
  "*UPLOAD*_{ROOT,PATH,DIR}",
  "STORAGES.*.BACKEND",
  "STORAGES.*.OPTIONS.location",
  "DEFAULT_FILE_STORAGE",
  "FILESYSTEM_{DISK,DRIVER}",
  "SECRET_KEY",
  "SECRET_KEY_BASE",
  "APP_KEY",
  "*ENCRYPTION_KEY*",
  "AUTHENTICATION_BACKENDS*",
  "*AUTH_BACKEND*",
  "AUTH_USER_MODEL",
];

/** Names whose differences are worth a look. */
const WARNING = [
  "INSTALLED_APPS",
  "MIDDLEWARE",
  "TIME_ZONE",
  "USE_TZ",
  "TZ",
  "LANGUAGE_CODE",
  "PASSWORD_HASHERS",
  "DEFAULT_AUTO_FIELD",
  "SITE_ID",
  "MEDIA_URL",
  "*_BACKEND",
  "*.BACKEND",
];

const names = (described: string, fallback: readonly string[]) =>
  z
    .array(z.string().min(1))
    .default([...fallback])
    .describe(described);

export const portableSettingsSchema = z
  .strictObject({
    command: z
      .array(z.string().min(1))
      .min(1)
      .optional()
      .describe("Prints the settings, as JSON or as lines KEY=value; a program and its arguments, never a shell line."),
    file: z.string().min(1).optional().describe("A file that holds them, relative to root."),
    format: z
      .enum(["json", "env"])
      .optional()
      .describe("When absent, what a file is called and what a text begins with tell."),
    critical: names("Globs of names whose difference forbids an import.", CRITICAL),
    warning: names("Globs of names whose difference is a warning; others are only reported.", WARNING),
    secret: names("Globs of further names whose values are left out; whether there is one is kept.", []),
  })
  .refine(({ command, file }) => (command === undefined) !== (file === undefined), {
    message: "needs exactly one of command and file",
  });

export type PortableSettings = z.infer<typeof portableSettingsSchema>;
