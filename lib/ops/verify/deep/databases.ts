/** Restores each dump into a scratch database, and compares that with what was recorded in the dump's snapshot. */
import path from "node:path";
import { compareTables } from "../../../database/compare-facts.ts";
import { hasDigests } from "../../../database/facts-digest.ts";
import type { DatabaseFacts, DatabaseTarget } from "../../../database/snapshot.ts";
import { splitPassword, urlWithDatabase } from "../../../database/access/url.ts";
import { databaseEngine, engineOfUrl } from "../../../database/engines/registry.ts";
import { openRestorer } from "../../../database/engines/open.ts";
import { asHoldfastError } from "../../../errors.ts";
import { PrivateServers } from "../../scratch/private-servers.ts";
import { Sandbox, spareName } from "../../scratch/sandbox.ts";
import { loadScratch, scratchName } from "../../scratch/load.ts";
import type { DatabaseItem } from "../../runs/unit-items.ts";
import { databaseItems } from "../stored/migrations.ts";
import { PortableImports } from "./portable-imports.ts";
import type { RunInventory } from "../inventory/run-inventory.ts";
import { count, type Finding, type Problem } from "../../checks/check.ts";

/** Errors with a cause on this host, not in the dump. */
const NOT_THE_DUMP = new Set(["E_NO_SPACE", "E_DATABASE", "E_TARGET", "E_MISSING", "E_COMMAND", "E_TIMEOUT"]);

/** Throws `E_DATABASE` if the configured server for scratch databases does not answer. */
export async function requireScratchServer(scratch: string, signal: AbortSignal): Promise<void> {
  const restorer = await openRestorer(targetOf(scratch), signal);
  try {
    await restorer.present();
  } finally {
    await restorer.close();
  }
}

export interface RestoredDumps {
  /** Undefined if the run holds no dump. */
  readonly dumps: Finding | undefined;
  /**
   * The finding on portable data, imported into the restored dumps of the same databases; undefined if the run holds
   * none.
   */
  readonly portable: Finding | undefined;
}

/**
 * Checks the dumps. `scratch` is the URL of a server for scratch databases; if it is absent or of another engine, a
 * private server is started.
 */
export async function checkRestoredDumps(
  survey: RunInventory,
  scratch: string | undefined,
  signal: AbortSignal,
): Promise<RestoredDumps> {
  const items = databaseItems(survey);
  const portable = new PortableImports(survey, signal);
  if (items.length === 0) return { dumps: undefined, portable: portable.finding() };
  const sandbox = await Sandbox.create(undefined);
  const deep = new DeepDatabases(survey.directory, { sandbox, portable, scratch, signal });
  try {
    for (const [index, item] of items.entries()) await deep.tryOne(item, index);
    return { dumps: deep.finding(), portable: portable.finding() };
  } finally {
    await deep.close();
    await sandbox.remove();
  }
}

interface DeepWork {
  readonly sandbox: Sandbox;
  readonly portable: PortableImports;
  readonly scratch: string | undefined;
  readonly signal: AbortSignal;
}

class DeepDatabases {
  readonly #run: string;
  readonly #sandbox: Sandbox;
  readonly #portable: PortableImports;
  readonly #scratch: string | undefined;
  readonly #signal: AbortSignal;
  readonly #servers: PrivateServers;
  readonly #problems: Problem[] = [];
  readonly #untried: string[] = [];
  #restored = 0;
  #tables = 0;
  #rows = 0;
  #digests = 0;

  constructor(run: string, { sandbox, portable, scratch, signal }: DeepWork) {
    this.#run = run;
    this.#sandbox = sandbox;
    this.#portable = portable;
    this.#scratch = scratch;
    this.#signal = signal;
    this.#servers = new PrivateServers(sandbox, signal);
  }

  /** Restores one dump and records its problems, or why it could not be tried. Throws only on abort. */
  async tryOne(item: DatabaseItem, index: number): Promise<void> {
    try {
      await this.#restore(item, await this.#serverFor(item), index);
      this.#restored++;
    } catch (error) {
      this.#signal.throwIfAborted();
      const { code, message } = asHoldfastError(error, "E_RESTORE");
      if (code === "E_INTERNAL") throw error;
      if (NOT_THE_DUMP.has(code)) this.#untried.push(`${item.unit}: ${message}`);
      else this.#problems.push({ path: item.artifact, message });
    }
  }

  async #restore(item: DatabaseItem, target: DatabaseTarget, index: number): Promise<void> {
    const dump = path.join(this.#run, item.artifact);
    const restorer = await openRestorer(target, this.#signal);
    try {
      const isPrivate = target.url !== this.#given?.url;
      const spare = spareName("verify", this.#sandbox.id, index);
      const name = await scratchName(restorer, item.record.database, { isPrivate, spare });
      if (!isPrivate) await this.#sandbox.note({ url: target.url, name });
      await loadScratch(restorer, dump, { name, isPrivate, record: item.record });
      try {
        this.#compare(item, await restorer.facts(name, { digests: hasDigests(item.record.tables) }));
        await this.#portable.tryOne(item.unit, databaseAt(target, name));
      } finally {
        await restorer.drop(name);
      }
    } finally {
      await restorer.close();
    }
  }

  #compare({ unit, artifact, record }: DatabaseItem, found: DatabaseFacts): void {
    const { differences, notCompared } = compareTables(record.tables, found.tables);
    this.#problems.push(...differences.map((message) => ({ path: artifact, message })));
    if (notCompared.length > 0) this.#untried.push(`${unit}: ${count(notCompared.length, "table")} only estimated`);
    for (const [name, { digest }] of Object.entries(record.tables).filter(([, table]) => table.digest !== undefined)) {
      const other = Object.hasOwn(found.tables, name) ? found.tables[name] : undefined;
      if (other?.digest === digest) this.#digests++;
      else if (other !== undefined && other.digest === undefined) this.#untried.push(`${unit}: the digest of ${name}`);
    }
    this.#tables += Object.keys(found.tables).length;
    this.#rows += Object.values(found.tables).reduce((sum, { rows }) => sum + rows, 0);
  }

  finding(): Finding {
    const parts = [
      `${count(this.#restored, "dump")} restored`,
      count(this.#tables, "table"),
      count(this.#rows, "row"),
      ...(this.#digests > 0 ? [count(this.#digests, "digest")] : []),
    ];
    return {
      figure: parts.join(", "),
      problems: this.#problems,
      ...(this.#untried.length > 0 ? { notProved: this.#untried.join("; ") } : {}),
    };
  }

  async close(): Promise<void> {
    await this.#servers.close();
  }

  get #given(): DatabaseTarget | undefined {
    return this.#scratch === undefined ? undefined : targetOf(this.#scratch);
  }

  async #serverFor({ record }: DatabaseItem): Promise<DatabaseTarget> {
    const { files, family } = databaseEngine(record.engine);
    if (files !== undefined) return targetOf(files.urlOf(path.join(this.#sandbox.directory, "none.db")));
    const given = this.#given;
    if (given !== undefined && engineOfUrl(given.url).family === family) return given;
    return await this.#servers.serverFor(record.engine, record.server_version);
  }
}

/** Returns the target of a database that was loaded on a server, or beside an SQLite file. */
function databaseAt(server: DatabaseTarget, name: string): DatabaseTarget {
  const { files } = engineOfUrl(server.url);
  if (files !== undefined) return { ...server, url: files.urlOf(path.join(path.dirname(files.pathOf(server)), name)) };
  return { ...server, url: urlWithDatabase(server.url, name) };
}

function targetOf(url: string): DatabaseTarget {
  const clean = splitPassword(url);
  return { ...clean, execPrefix: [], root: "/" };
}
