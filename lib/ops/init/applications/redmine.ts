/** Detects Redmine: the section `production` of config/database.yml. */
import path from "node:path";
import * as z from "zod";
import type { Application, Found, FoundDatabase } from "../sources/application.ts";
import { serverUrl, sqliteUrl } from "../sources/database-url.ts";
import { isDirectory, isFile, readText, relativeTo, treeAt } from "../sources/files.ts";
import { literalExpression, secretCommands } from "../sources/secret-command.ts";
import { parseYaml } from "../sources/yaml-text.ts";
import { REDMINE_USERS } from "./user-columns.ts";

const scalar = z
  .union([z.string(), z.number()])
  .transform(String)
  .nullish()
  .transform((value) => value ?? undefined);
const sectionSchema = z.object({
  adapter: scalar,
  database: scalar,
  host: scalar,
  port: scalar,
  socket: scalar,
  username: scalar,
  password: scalar,
});
const fileSchema = z.record(z.string(), z.unknown());
type Section = z.infer<typeof sectionSchema>;

export const redmine: Application = {
  name: "Redmine",
  detect: (directory) => {
    const file = path.join(directory, "config/database.yml");
    const text = readText(file);
    const isRedmine = ["lib/redmine", "plugins"].some((name) => isDirectory(path.join(directory, name)));
    if (text === undefined || !(isRedmine || isFile(path.join(directory, "lib/redmine.rb")))) return undefined;
    const configuration = readText(path.join(directory, "config/configuration.yml")) ?? "";
    const [, attachments = "files"] = /^\s+attachments_storage_path:[ \t]*["']?([^\s"'#]+)/m.exec(configuration) ?? [];
    return {
      ...databaseOf(directory, file, text),
      trees: [...treeAt(directory, "files", attachments), ...treeAt(directory, "plugins", "plugins")],
      secretFiles: ["config/database.yml"],
      references: { prefix: "", ...REDMINE_USERS },
    };
  },
};

function databaseOf(directory: string, file: string, text: string): Pick<Found, "databases" | "unknown"> {
  const sections = fileSchema.safeParse(parseYaml(text)).data ?? {};
  const section = sectionSchema.safeParse(sections["production"]).data;
  const { adapter, database, host, port, socket, username } = section ?? {};
  const computed = [adapter, database, host, port, socket, username].some((value) => value?.includes("<%") === true);
  if (section === undefined || database === undefined || adapter === undefined || computed)
    return { databases: [], unknown: [`the database: ${file} does not set it literally under production`] };
  if (adapter.startsWith("sqlite"))
    return { databases: [{ url: sqliteUrl(relativeTo(directory, path.resolve(directory, database))) }], unknown: [] };
  const engine = adapter.startsWith("postgres") ? "postgresql" : adapter.includes("mysql") ? "mysql" : undefined;
  if (engine === undefined)
    return { databases: [], unknown: [`the database: Holdfast cannot dump ${adapter} (${file})`] };
  const server = { engine, name: database, user: username, port } as const;
  const url = serverUrl({ ...server, host: socket ?? host });
  return withPassword(url, file, sections, section);
}

function withPassword(
  url: string,
  file: string,
  sections: Readonly<Record<string, unknown>>,
  { password }: Section,
): Pick<Found, "databases" | "unknown"> {
  if (password === undefined || password === "") return { databases: [{ url }], unknown: [] };
  if (password.includes("<%"))
    return { databases: [{ url }], unknown: [`the database's password: ${file} does not set it literally`] };
  // The section itself, or the one that it merges with `<<`.
  const names = ["production", ...Object.keys(sections).filter((name) => name !== "production")];
  const commands = names.flatMap((name) =>
    secretCommands({
      file,
      form: "yaml",
      from: `^${literalExpression(name)}:`,
      to: "^[^[:space:]#]",
      before: "^[[:space:]]+password:[[:space:]]*",
    }),
  );
  const found: FoundDatabase = { url, password: { value: password, file, commands } };
  return { databases: [found], unknown: [] };
}
