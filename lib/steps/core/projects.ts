/**
 * The list of projects, made once a run: by the dump's process in the dump's own snapshot where the run has one, else
 * by the first step that needs it. Every step reads the same list.
 */
import { existsSync } from "node:fs";
import path from "node:path";
import fastGlob from "fast-glob";
import * as z from "zod";
import { asHoldfastError, HoldfastError } from "../../errors.ts";
import type { SiteConfig } from "../../config/load.ts";
import { databasePassword } from "../../config/secrets.ts";
import type { DatabaseSettings } from "../../config/settings/database.ts";
import type { DatabaseSnapshot } from "../../database/snapshot.ts";
import { openSnapshot } from "../../database/engines/open.ts";
import { runCommand } from "../../exec/command.ts";
import { projectListSchema, type ProjectList } from "../../model/run.ts";
import { FORMAT_VERSION, type Project } from "../../model/unit.ts";
import { readDocument, writeDocument } from "../../store/files/json-documents.ts";

/** The file of the list inside a run. */
export const PROJECTS_FILE = "projects.json";

/** The time for which the list of existing projects is cached: many may fail at the same time. */
const CACHE_MS = 1000;

export class ProjectSource {
  readonly #config: SiteConfig;
  readonly #file: string | undefined;
  readonly #signal: AbortSignal;
  #list: Promise<ProjectList> | undefined;
  #now: { readonly at: number; readonly ids: Promise<ReadonlySet<string>> } | undefined;

  /** `file` is where the run keeps the list; without it (a dry run) nothing is written. */
  constructor(config: SiteConfig, file: string | undefined, signal: AbortSignal) {
    this.#config = config;
    this.#file = file;
    this.#signal = signal;
  }

  /** The list of this run. Throws `E_PROJECTS` when it cannot be made. */
  async list(): Promise<ProjectList> {
    this.#list ??=
      this.#file !== undefined && existsSync(this.#file)
        ? Promise.resolve(readDocument(this.#file, projectListSchema))
        : this.make();
    return await this.#list;
  }

  /** Makes the list, in `snapshot` when one is open, and keeps it for the other steps. */
  async make(snapshot?: DatabaseSnapshot): Promise<ProjectList> {
    const list = await readProjects(this.#config, this.#signal, snapshot);
    if (this.#file !== undefined) writeDocument(this.#file, list);
    this.#list = Promise.resolve(list);
    return list;
  }

  /** Checks whether the site still has the project: a missing row was deleted during the run. */
  async projectExists(project: Project): Promise<boolean> {
    if (this.#now === undefined || Date.now() - this.#now.at > CACHE_MS) {
      const ids = readProjects(this.#config, this.#signal).then(
        (list) => new Set(list.projects.map((one) => String(one.id))),
      );
      this.#now = { at: Date.now(), ids };
    }
    return (await this.#now.ids).has(String(project.id));
  }
}

/** Opens a snapshot of a configured database. */
export async function openDatabase(
  config: SiteConfig,
  database: DatabaseSettings,
  signal: AbortSignal,
): Promise<DatabaseSnapshot> {
  const password = await databasePassword(config, database, signal);
  return await openSnapshot(
    {
      url: database.url,
      ...(password === undefined ? {} : { password }),
      execPrefix: config.exec_prefix,
      root: config.root,
    },
    signal,
  );
}

async function readProjects(
  config: SiteConfig,
  signal: AbortSignal,
  snapshot?: DatabaseSnapshot,
): Promise<ProjectList> {
  const settings = config.projects;
  if (settings === undefined) throw new HoldfastError("E_CONFIG", "the config has no projects");
  const taken_at = new Date().toISOString();
  try {
    if (settings.query !== undefined)
      return listOf("query", taken_at, await queryProjects(config, settings.query, signal, snapshot));
    if (settings.glob !== undefined) return listOf("glob", taken_at, await globProjects(config.root, settings.glob));
    return listOf("command", taken_at, await commandProjects(config, settings.command ?? [], signal));
  } catch (error) {
    signal.throwIfAborted();
    const cause = asHoldfastError(error, "E_PROJECTS");
    throw new HoldfastError("E_PROJECTS", `the projects cannot be listed: ${cause.message}`, {
      hint: cause.hint,
      cause,
    });
  }
}

function listOf(from: string, taken_at: string, rows: readonly unknown[]): ProjectList {
  const result = projectListSchema.safeParse({ format_version: FORMAT_VERSION, from, taken_at, projects: rows });
  if (result.success) return result.data;
  throw new HoldfastError("E_PROJECTS", "a project has no id", {
    hint: "each row needs a column id with a number or a text",
  });
}

async function queryProjects(
  config: SiteConfig,
  query: string,
  signal: AbortSignal,
  given?: DatabaseSnapshot,
): Promise<unknown[]> {
  const [database] = config.database ?? [];
  if (database === undefined) throw new HoldfastError("E_CONFIG", "projects.query needs a database");
  const snapshot = given ?? (await openDatabase(config, database, signal));
  try {
    const rows = await snapshot.query(query);
    const [counted] = await snapshot.query(`select count(*) as n from (${query.replace(/;\s*$/, "")}) counted`);
    if (Number(counted?.["n"]) !== rows.length) {
      throw new HoldfastError(
        "E_PROJECTS",
        `the query returned ${rows.length} rows, but the database counts ${String(counted?.["n"])}`,
      );
    }
    return rows;
  } finally {
    if (given === undefined) await snapshot.close();
  }
}

async function globProjects(root: string, glob: string): Promise<Project[]> {
  const found = await fastGlob(glob, { cwd: root, onlyDirectories: true, dot: true, followSymbolicLinks: false });
  return found.toSorted().map((match) => ({ id: path.basename(match), name: path.basename(match), path: match }));
}

async function commandProjects(config: SiteConfig, argv: readonly string[], signal: AbortSignal): Promise<unknown[]> {
  const { stdout } = await runCommand([...config.exec_prefix, ...argv], { signal, cwd: config.root });
  try {
    return z.array(z.unknown()).parse(JSON.parse(stdout));
  } catch (error) {
    throw new HoldfastError("E_PROJECTS", `${argv[0] ?? "the command"} did not print a JSON array`, { cause: error });
  }
}
