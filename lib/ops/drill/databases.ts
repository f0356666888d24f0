/**
 * Loads the dumps of a run into scratch databases: on the server of `--database`, else on a private one of the drill.
 */
import path from "node:path";
import { compareTables } from "../../database/compare-facts.ts";
import { hasDigests } from "../../database/facts-digest.ts";
import type { DatabaseFacts, DatabaseTarget, TableCount } from "../../database/snapshot.ts";
import { splitPassword, urlWithDatabase } from "../../database/access/url.ts";
import { databaseEngine, engineOfUrl } from "../../database/engines/registry.ts";
import { openRestorer } from "../../database/engines/open.ts";
import type { DatabaseRestorer } from "../../database/restorer.ts";
import { describeSqlite } from "../../database/sqlite/capture.ts";
import { openSqlite } from "../../database/sqlite/snapshot.ts";
import { asHoldfastError, HoldfastError } from "../../errors.ts";
import { toBuffer } from "../../archive/path.ts";
import type { DatabaseItem, FileItem } from "../runs/unit-items.ts";
import type { RestorePlan } from "../restore/plan/restore-plan.ts";
import { count, type Problem } from "../checks/check.ts";
import { checkOf, notProved, type DrillCheck } from "../checks/drill-check.ts";
import { PrivateServers } from "../scratch/private-servers.ts";
import { loadScratch, scratchName } from "../scratch/load.ts";
import { dropDatabases, type Sandbox, type ScratchDatabase, spareName } from "../scratch/sandbox.ts";
import { livePlace } from "./trees.ts";

/** A loaded database as the drill's own commands connect to it. */
export interface LoadedDatabase {
  readonly unit: string;
  /** The URL without its password. */
  readonly url: string;
  readonly password: string | undefined;
}

interface Scratch extends LoadedDatabase {
  readonly item: DatabaseItem;
  readonly restorer: DatabaseRestorer;
  readonly name: string;
}

export class DrillDatabases {
  readonly #sandbox: Sandbox;
  readonly #given: string | undefined;
  readonly #signal: AbortSignal;
  readonly #servers: PrivateServers;
  readonly #scratch: Scratch[] = [];
  readonly #noted: ScratchDatabase[] = [];
  readonly #versions: Record<string, string> = {};

  constructor(sandbox: Sandbox, given: string | undefined, signal: AbortSignal) {
    this.#sandbox = sandbox;
    this.#given = given;
    this.#signal = signal;
    this.#servers = new PrivateServers(sandbox, signal);
  }

  /** Versions of the servers that were used, by unit. */
  get versions(): Readonly<Record<string, string>> {
    return this.#versions;
  }

  get loaded(): readonly LoadedDatabase[] {
    return this.#scratch.map(({ unit, url, password }) => ({ unit, url, password }));
  }

  /** Loads all dumps that need a server; undefined if there are none. */
  async load(run: string, items: readonly DatabaseItem[]): Promise<DrillCheck | undefined> {
    if (items.length === 0) return undefined;
    const problems: Problem[] = [];
    const untried: string[] = [];
    // A dump may depend on another one of the run: it is tried again after the others are loaded.
    let waiting = items.map((item, index) => ({ item, index, reason: "" }));
    for (let before = Infinity; waiting.length > 0 && waiting.length < before;) {
      before = waiting.length;
      const again: typeof waiting = [];
      for (const one of waiting) {
        const reason = await this.#tryOne(run, one.item, one.index, problems);
        if (reason !== undefined) again.push({ ...one, reason });
      }
      waiting = again;
    }
    untried.push(...waiting.map(({ item, reason }) => `${item.unit}: ${reason}`));
    const figure = [count(this.#scratch.length, "dump"), ...untried].join("; ");
    return checkOf("load", figure, problems, untried.length > 0 ? "not proved" : "ok");
  }

  /** Loads one dump; returns why it could not be tried. Adds the dump's own problems to `problems`. */
  async #tryOne(run: string, item: DatabaseItem, index: number, problems: Problem[]): Promise<string | undefined> {
    let target: DatabaseTarget;
    try {
      target = await this.#serverFor(item);
    } catch (error) {
      this.#signal.throwIfAborted();
      if (this.#given !== undefined) throw error;
      return asHoldfastError(error).message;
    }
    const restorer = await openRestorer(target, this.#signal);
    const spare = spareName("drill", this.#sandbox.id, index);
    // An unavailable server is not a fault of the run.
    const name = await scratchName(restorer, item.record.database, { isPrivate: this.#given === undefined, spare });
    try {
      await this.#loadOne(run, item, { target, restorer, name });
      return undefined;
    } catch (error) {
      this.#signal.throwIfAborted();
      const failure = asHoldfastError(error, "E_RESTORE");
      if (failure.code === "E_NO_SPACE" || failure.code === "E_INTERNAL") throw failure;
      if (failure.code === "E_TARGET") return failure.message;
      problems.push({ path: item.artifact, message: failure.message });
      return undefined;
    }
  }

  async #loadOne(
    run: string,
    item: DatabaseItem,
    { target, restorer, name }: { target: DatabaseTarget; restorer: DatabaseRestorer; name: string },
  ): Promise<void> {
    const dump = path.join(run, item.artifact);
    const { url, password } = splitPassword(target.url);
    try {
      if (this.#given !== undefined) {
        this.#noted.push({ url, name });
        await this.#sandbox.note({ url, name });
      }
      await loadScratch(restorer, dump, { name, isPrivate: this.#given === undefined, record: item.record });
    } catch (error) {
      await restorer.close();
      throw error;
    }
    this.#scratch.push({
      unit: item.unit,
      item,
      restorer,
      name,
      url: urlWithDatabase(url, name),
      password: target.password ?? password,
    });
  }

  async #serverFor(item: DatabaseItem): Promise<DatabaseTarget> {
    if (this.#given !== undefined) {
      const given = engineOfUrl(splitPassword(this.#given).url);
      if (given.family !== databaseEngine(item.record.engine).family)
        throw new HoldfastError(
          "E_USAGE",
          `the dump ${item.unit} is of ${item.record.engine}, but --database is ${given.name}`,
          {
            hint: "omit --database to start a private server",
          },
        );
      return { url: this.#given, execPrefix: [], root: "/" };
    }
    return await this.#servers.serverFor(item.record.engine, item.record.server_version);
  }

  /** Compares the loaded databases with the record of their dumps' snapshots. */
  async compare(): Promise<DrillCheck[]> {
    const rows = new Comparison();
    for (const { item, restorer, name, unit } of this.#scratch) {
      try {
        const facts = await restorer.facts(name, { digests: hasDigests(item.record.tables) });
        this.#versions[unit] = `${restorer.engine} ${facts.server_version}`;
        rows.add(item.artifact, item.record.tables, facts.tables);
      } catch (error) {
        this.#signal.throwIfAborted();
        rows.problems.push({ path: item.artifact, message: asHoldfastError(error, "E_DATABASE").message });
      }
    }
    return this.#scratch.length === 0 ? [] : rows.checks();
  }

  /**
   * Drops the databases, also after an abort, and stops the private servers. Returns the databases that could not be
   * dropped.
   */
  async close(): Promise<ScratchDatabase[]> {
    for (const { restorer } of this.#scratch) await restorer.close().catch(() => {}); // an abort may have closed it
    await this.#servers.close();
    return await dropDatabases(this.#noted, this.#given, new AbortController().signal);
  }
}

class Comparison {
  readonly problems: Problem[] = [];
  readonly #digests: Problem[] = [];
  readonly #notCompared: string[] = [];
  #tables = 0;
  #rows = 0;
  #digested = 0;
  #undigested = 0;

  add(artifact: string, recorded: DatabaseFacts["tables"], found: DatabaseFacts["tables"]): void {
    const { differences, notCompared } = compareTables(recorded, found);
    this.problems.push(...differences.map((message) => ({ path: artifact, message })));
    this.#notCompared.push(...notCompared);
    for (const [name, table] of Object.entries(recorded)) {
      this.#tables++;
      this.#rows += found[name]?.rows ?? 0;
      const digest = digestOf(table);
      if (digest === undefined) continue;
      const other = digestOf(found[name]);
      if (other === undefined) this.#undigested++;
      else {
        this.#digested++;
        if (other !== digest)
          this.#digests.push({ path: artifact, message: `the rows of ${name} differ from the record` });
      }
    }
  }

  checks(): DrillCheck[] {
    const untried = this.#notCompared.length === 0 ? [] : [`${this.#notCompared.length} estimated only`];
    const figure = [count(this.#tables, "table"), count(this.#rows, "row"), ...untried].join(", ");
    const rows = checkOf("rows", figure, this.problems, untried.length > 0 ? "not proved" : "ok");
    if (this.#digested + this.#undigested === 0) return [rows];
    const without = this.#undigested > 0 ? [`${this.#undigested} not compared`] : [];
    const digests = [count(this.#digested, "table"), ...without].join(", ");
    return [rows, checkOf("digests", digests, this.#digests, this.#undigested > 0 ? "not proved" : "ok")];
  }
}

/** Returns the recorded digest of a table, if any. */
const digestOf = (table: unknown): string | undefined =>
  typeof table === "object" && table !== null && "digest" in table && typeof table.digest === "string"
    ? table.digest
    : undefined;

/** Checks the restored SQLite files: SQLite's integrity check, and the rows of the site's databases. */
export async function checkSqliteFiles(
  plan: RestorePlan,
  items: readonly DatabaseItem[],
  files: readonly FileItem[],
  signal: AbortSignal,
): Promise<DrillCheck[]> {
  const wanted = [...items.map((item) => ({ item, artifact: item.artifact })), ...files];
  if (wanted.length === 0) return [];
  const problems: Problem[] = [];
  const untried: string[] = [];
  const rows = new Comparison();
  for (const one of wanted) {
    signal.throwIfAborted();
    try {
      const { integrity, unchecked, tables, uncounted } = await describeSqlite(placeOfCopy(plan, one.artifact));
      if (integrity !== "ok")
        problems.push({ path: one.artifact, message: `SQLite reports it damaged: ${integrity.slice(0, 300)}` });
      untried.push(...unchecked);
      if (!("item" in one)) continue;
      const recorded = one.item.record.tables;
      const digests = hasDigests(recorded) ? await sqliteDigests(placeOfCopy(plan, one.artifact), signal) : {};
      const found = new Map<string, TableCount>();
      for (const [name, number] of Object.entries(tables)) {
        const digest = digests[name];
        found.set(name, { rows: number, exact: true, ...(digest === undefined ? {} : { digest }) });
      }
      for (const name of uncounted) found.set(name, { rows: 0, exact: false });
      rows.add(one.artifact, recorded, Object.fromEntries(found));
    } catch (error) {
      signal.throwIfAborted();
      problems.push({ path: one.artifact, message: asHoldfastError(error, "E_SQLITE").message });
    }
  }
  const figure = [count(wanted.length, "file"), ...untried].join("; ");
  const check = checkOf("sqlite", figure, problems, untried.length > 0 ? "not proved" : "ok");
  return items.length === 0 ? [check] : [check, ...rows.checks()];
}

async function sqliteDigests(file: string, signal: AbortSignal): Promise<Readonly<Record<string, string>>> {
  const snapshot = await openSqlite(file, signal);
  try {
    return (await snapshot.digests()).digests;
  } finally {
    await snapshot.close();
  }
}

/** Returns the path of a file of the run in the sandbox. */
export function placeOfCopy(plan: RestorePlan, artifact: string): string {
  const copy = plan.copies.find((one) => "artifact" in one && one.artifact === artifact);
  if (copy === undefined) throw new HoldfastError("E_INTERNAL", `${artifact} was not restored`);
  return toBuffer(livePlace(plan, copy.to)).toString("utf8");
}

export const noDatabase = (): DrillCheck => notProved("rows", "the run holds no database");
