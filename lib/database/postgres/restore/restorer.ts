/** Restoring PostgreSQL: a dump into a new database by pg_restore, which then takes the place of live. */
import { statfs } from "node:fs/promises";
import { HoldfastError, asHoldfastError } from "../../../errors.ts";
import { postgresCredentials, type Credentials } from "../../access/credentials.ts";
import { factsOf } from "../../facts-digest.ts";
import type { DatabaseFacts, DatabaseTarget } from "../../snapshot.ts";
import { PostgresAdmin, literal, quote } from "../admin.ts";
import { readArchive, type Archive, type RestorePrograms } from "../archive-list.ts";
import { createLike, lacksLocale, otherEncoding } from "./create.ts";
import { exchange, exchangeBack } from "./exchange.ts";
import { createRoles } from "./prepare-server.ts";
import { checkFlags, planLoad, type LoadPlan } from "./plan.ts";
import { openPostgres } from "../snapshot.ts";
import { isJobs, runRestore, runScript, type LoadCommand } from "./load.ts";
import type { DatabaseRestorer, LoadOptions, PresentDatabase } from "../../restorer.ts";

/** The time for the clean-up after an abort. */
const CLEAN_UP_MS = 30_000;

/** Connects to the server's maintenance database. Throws `E_DATABASE`. */
export async function openPostgresRestorer(target: DatabaseTarget, signal: AbortSignal): Promise<DatabaseRestorer> {
  const credentials = postgresCredentials(target, signal);
  try {
    return new PostgresRestorer(target, credentials, await PostgresAdmin.open(target, credentials, signal), signal);
  } catch (error) {
    credentials.remove();
    throw error;
  }
}

class PostgresRestorer implements DatabaseRestorer {
  readonly engine = "postgresql";
  readonly exchanges = true;
  readonly #target: DatabaseTarget;
  readonly #credentials: Credentials;
  readonly #admin: PostgresAdmin;
  readonly #signal: AbortSignal;

  constructor(target: DatabaseTarget, credentials: Credentials, admin: PostgresAdmin, signal: AbortSignal) {
    this.#target = target;
    this.#credentials = credentials;
    this.#admin = admin;
    this.#signal = signal;
  }

  get live(): string {
    return this.#admin.live;
  }

  async present(): Promise<PresentDatabase | undefined> {
    if (!(await this.exists(this.live))) return undefined;
    const { tables, database_size, migrations } = await this.#facts(this.live, 0);
    return { tables: Object.keys(tables).length, size_bytes: database_size, migrations };
  }

  async exists(name: string): Promise<boolean> {
    return await this.#admin.exists(name);
  }

  async freeBytes(): Promise<number | undefined> {
    if (!this.#admin.server.local || this.#target.execPrefix.length > 0) return undefined;
    const [row] = await this.#admin.query("select setting from pg_catalog.pg_settings where name = 'data_directory'");
    if (row === undefined) return undefined; // no right to know
    try {
      const { bavail, bsize } = await statfs(String(row.setting));
      return bavail * bsize;
    } catch {
      return undefined; // in a container, or closed to us
    }
  }

  async check(dump: string, options: Pick<LoadOptions, "restoreFlags">): Promise<readonly string[]> {
    const { archive, plan } = await this.#plan(dump, options.restoreFlags);
    const warnings = [...plan.warnings];
    const locale = await lacksLocale(this.#admin, archive.entries);
    if (locale !== undefined)
      warnings.push(
        `the server lacks the locale ${locale}: the database gets the server's own, and may sort otherwise`,
      );
    const encodings = await otherEncoding(this.#admin, archive.entries);
    if (encodings !== undefined)
      warnings.push(
        `the database ${this.live} has the encoding ${encodings.live}, the dump ${encodings.dump}: the restored database has the dump's`,
      );
    return warnings;
  }

  async furnish(dump: string): Promise<void> {
    await createRoles(this.#admin, await this.#read(dump));
  }

  async load(dump: string, scratch: string, options: LoadOptions): Promise<void> {
    this.#assertNotLive(scratch);
    const { archive, plan } = await this.#plan(dump, options.restoreFlags, options.searchPath);
    await this.drop(scratch);
    try {
      await createLike(this.#admin, scratch, plan);
      await this.#fill(dump, scratch, archive.programs, plan, options.onBytes);
      if (plan.grants.length > 0) await this.#admin.run(plan.grants.join("\n"), scratch);
      await this.#admin.run(plan.properties(scratch).join("\n"));
    } catch (error) {
      await this.#dropAfterFailure(scratch);
      const failure = asHoldfastError(error, "E_RESTORE");
      if (failure.code !== "E_DATABASE") throw failure;
      throw new HoldfastError("E_RESTORE", failure.message, { cause: error });
    }
  }

  async facts(name: string, options = { digests: false }): Promise<DatabaseFacts> {
    return await this.#facts(name, Number.POSITIVE_INFINITY, options);
  }

  async exchange(scratch: string, aside: string): Promise<void> {
    await exchange(this.#admin, scratch, aside, this.#signal);
  }

  async exchangeBack(scratch: string, aside: string): Promise<void> {
    await exchangeBack(this.#admin, scratch, aside, this.#signal);
  }

  async reload(): Promise<void> {
    throw new HoldfastError("E_INTERNAL", "PostgreSQL databases are exchanged, not emptied");
  }

  async save(): Promise<never> {
    throw new HoldfastError("E_INTERNAL", "PostgreSQL databases are moved aside, not saved");
  }

  async drop(name: string): Promise<void> {
    this.#assertNotLive(name);
    await dropDatabase(this.#admin, name);
  }

  async close(): Promise<void> {
    this.#credentials.remove();
  }

  #assertNotLive(name: string): void {
    if (name === this.live) throw new HoldfastError("E_INTERNAL", `${name} is the live database`);
  }

  async #facts(name: string, exactRows: number, options = { digests: false }): Promise<DatabaseFacts> {
    const snapshot = await openPostgres({ ...this.#target, url: this.#admin.urlOf(name) }, this.#signal);
    try {
      return await factsOf(snapshot, exactRows, options);
    } finally {
      await snapshot.close();
    }
  }

  get #options(): LoadCommand {
    const { env, secrets } = this.#credentials;
    return { signal: this.#signal, env, secrets, code: "E_RESTORE" };
  }

  async #read(dump: string): Promise<Archive> {
    return await readArchive(dump, this.#admin.server.major, this.#target.execPrefix, this.#options);
  }

  async #plan(
    dump: string,
    flags: readonly string[],
    searchPath?: readonly string[],
  ): Promise<{ archive: Archive; plan: LoadPlan }> {
    checkFlags(flags);
    if (this.#target.execPrefix.length > 0 && flags.some(isJobs)) {
      throw new HoldfastError(
        "E_USAGE",
        "several jobs at a time need the dump as a file, and exec_prefix hands it over by a pipe",
        {
          hint: "leave --jobs out",
        },
      );
    }
    const archive = await this.#read(dump);
    return { archive, plan: await planLoad(this.#admin, archive, flags, searchPath) };
  }

  /**
   * Loads by standard input, to measure how far it has got, unless `--jobs` is among the flags. pg_restore searches no
   * schema, so that a function or a query in a text that names tables without a schema breaks the index, the constraint
   * or the materialised view that uses it. Where it fails, it is tried once more from an empty database with the
   * schemas of the site's sessions.
   */
  async #fill(
    dump: string,
    scratch: string,
    programs: RestorePrograms,
    plan: LoadPlan,
    onBytes: (bytes: number) => void,
  ) {
    const unknown = programs.major > this.#admin.server.major ? await this.#unknownSettings() : undefined;
    const load = { dump, flags: plan.flags, url: this.#admin.urlOf(scratch), programs, onBytes };
    try {
      if (unknown === undefined) await runRestore(load, this.#options);
      else await runScript(load, unknown, undefined, this.#options);
    } catch (error) {
      if (this.#signal.aborted || asHoldfastError(error).code === "E_NO_SPACE") throw error;
      await this.drop(scratch);
      await createLike(this.#admin, scratch, plan);
      await runScript(load, unknown ?? (() => false), plan.searchPath, this.#options).catch(() => {
        throw error;
      });
    }
  }

  async #unknownSettings(): Promise<(name: string) => boolean> {
    const rows = await this.#admin.query("select name from pg_catalog.pg_settings");
    const known = new Set(rows.map(({ name }) => String(name).toLowerCase()));
    return (name) => !known.has(name.toLowerCase());
  }

  /** Drops the scratch database under a signal of its own, so that an abort does not prevent it. */
  async #dropAfterFailure(scratch: string): Promise<void> {
    const signal = AbortSignal.timeout(CLEAN_UP_MS);
    const credentials = postgresCredentials(this.#target, signal);
    try {
      await dropDatabase(await PostgresAdmin.open(this.#target, credentials, signal), scratch);
    } catch {
      // The name is written down: the next attempt, or a recovery, drops it. What failed first tells more.
    } finally {
      credentials.remove();
    }
  }
}

/** Drops a database whatever holds it: connections, subscriptions, the mark of a template. */
async function dropDatabase(admin: PostgresAdmin, name: string): Promise<void> {
  if (!(await admin.exists(name))) return;
  const database = quote(name);
  const subscriptions = await admin.query(
    `select subname as name from pg_catalog.pg_subscription s join pg_catalog.pg_database d on d.oid = s.subdbid where datname = ${literal(name)}`,
  );
  if (subscriptions.length > 0) {
    const statements = subscriptions.map(({ name: subscription }) => {
      const object = `subscription ${quote(String(subscription))}`;
      // Without its slot: that one is on the publisher, and may be in use by the database that it was taken from.
      return `alter ${object} disable; alter ${object} set (slot_name = none); drop ${object};`;
    });
    await admin.run(`alter database ${database} with allow_connections true;`);
    await admin.run(statements.join("\n"), name);
  }
  await admin.run(`alter database ${database} with is_template false allow_connections false;`);
  const own = `datname = ${literal(name)} and usesysid is not null`;
  const end = `select count(pg_terminate_backend(pid)) from pg_catalog.pg_stat_activity where ${own};`;
  if (admin.server.major < 13) return await admin.run(`${end}\ndrop database if exists ${database};`);
  try {
    await admin.run(`drop database if exists ${database} with (force);`);
  } catch (error) {
    if (!(error instanceof HoldfastError) || error.code !== "E_DATABASE") throw error;
    // Force asks for a right to end autovacuum, which is the superuser's; without it the server ends that by itself.
    await admin.run(`drop database if exists ${database};`);
  }
}
