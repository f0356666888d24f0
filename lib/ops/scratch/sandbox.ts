/** Where a drill restores to: a directory of its own that says whose it is, so that the next drill can take away what a killed one left. */
import { existsSync, mkdirSync, mkdtempSync, readdirSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { randomUUID } from "node:crypto";
import * as z from "zod";
import { fromString } from "../../archive/path.ts";
import { removeTree } from "../../archive/tree/remove.ts";
import { openRestorer } from "../../database/open/restorer.ts";
import { isOurs, privateDirectory } from "../../database/access/private-directory.ts";
import { splitPassword } from "../../database/open/snapshot.ts";
import { HoldfastError, asHoldfastError } from "../../errors.ts";
import { writeFileAtomic } from "../../store/files/atomic.ts";
import { formatJson, tryReadDocument } from "../../store/files/json-documents.ts";
import { livenessOf, ownerOfThisProcess, ownerSchema } from "../../store/lock/process-owner.ts";

const PREFIX = "holdfast-drill-";
const OWNER_FILE = "owner.json";

const scratchSchema = z.object({ url: z.string(), name: z.string() });
const sandboxSchema = z.object({ owner: ownerSchema, databases: z.array(scratchSchema) });

/** A database that a drill makes on a server that is not its own; the URL has no password. */
export type ScratchDatabase = z.infer<typeof scratchSchema>;

export class Sandbox {
  readonly directory: string;
  /** What follows it in the names of scratch databases. */
  readonly id: string;
  readonly #owner = ownerOfThisProcess("drill", randomUUID());
  readonly #databases: ScratchDatabase[] = [];

  private constructor(directory: string) {
    this.directory = directory;
    this.id = idOf(directory);
  }

  /** Makes one in `parent`, 0700. Throws `E_TARGET` when it cannot. */
  static async create(parent: string | undefined): Promise<Sandbox> {
    try {
      if (parent !== undefined) mkdirSync(parent, { recursive: true, mode: 0o700 });
      const sandbox = new Sandbox(mkdtempSync(path.join(parent ?? tmpdir(), `${PREFIX}${process.pid}-`)));
      await sandbox.#write();
      return sandbox;
    } catch (error) {
      const known = asHoldfastError(error);
      if (known.code === "E_NO_SPACE") throw known;
      throw new HoldfastError("E_TARGET", `no sandbox can be made: ${known.message}`, {
        hint: "name a directory that can be written to with --sandbox",
        cause: error,
      });
    }
  }

  /** Where the site's root will be. */
  get root(): string {
    return path.join(this.directory, "site");
  }

  /** Writes down a scratch database before it is made. */
  async note(database: ScratchDatabase): Promise<void> {
    this.#databases.push(database);
    await this.#write();
  }

  /** Removes the directory; databases that could not be dropped stay written down. */
  async remove(left: readonly ScratchDatabase[] = []): Promise<void> {
    if (left.length > 0) return emptyBut(this.directory);
    removeTree(fromString(this.directory));
  }

  async #write(): Promise<void> {
    const text = formatJson({ owner: this.#owner, databases: this.#databases });
    await writeFileAtomic(path.join(this.directory, OWNER_FILE), text, { mode: 0o600 });
  }
}

const idOf = (sandbox: string): string =>
  path.basename(sandbox).slice(PREFIX.length).toLowerCase().replaceAll("-", "_");

/** Returns the name of a scratch database, on a server where others are, of the sandbox with an id. */
export const spareName = (purpose: "drill" | "verify", id: string, suffix: string | number): string =>
  `holdfast_${purpose}_${id}_${suffix}`;

const isSpare = (name: string, id: string): boolean =>
  name.startsWith(spareName("drill", id, "")) || name.startsWith(spareName("verify", id, ""));

/**
 * Takes away the sandboxes in `parent` whose drills are dead, and their scratch databases on the server `database`. Gives a line for each database
 * that is on another server or could not be dropped: its sandbox stays as a note of it.
 */
export async function sweepSandboxes(
  parent: string | undefined,
  database: string | undefined,
  signal: AbortSignal,
): Promise<string[]> {
  const directory = parent ?? tmpdir();
  if (existsSync(directory)) privateDirectory(undefined, directory).remove(); // sweeps what is left of private servers
  const left: string[] = [];
  for (const name of existsSync(directory) ? readdirSync(directory).filter((one) => one.startsWith(PREFIX)) : []) {
    const sandbox = path.join(directory, name);
    // In a shared directory anybody may make one that says anything.
    if (!isOurs(sandbox)) continue;
    const found = tryReadDocument(path.join(sandbox, OWNER_FILE), sandboxSchema);
    if (found === undefined ? !isDeadByName(name) : livenessOf(found.owner) !== "dead") continue;
    const spares = (found?.databases ?? []).filter((one) => isSpare(one.name, idOf(sandbox)));
    const kept = await dropDatabases(spares, database, signal);
    left.push(
      ...kept.map(({ url, name: spare }) => `the scratch database ${spare} of a killed drill is left at ${url}`),
    );
    try {
      if (kept.length > 0) emptyBut(sandbox);
      else removeTree(fromString(sandbox));
    } catch {
      // what another user's processes have put into it
    }
  }
  return left;
}

/** Killed before it could write its owner file. */
function isDeadByName(name: string): boolean {
  const [pid = ""] = name.slice(PREFIX.length).split("-");
  return /^\d+$/.test(pid) && !existsSync(`/proc/${pid}`);
}

function emptyBut(directory: string): void {
  for (const name of readdirSync(directory))
    if (name !== OWNER_FILE) removeTree(fromString(path.join(directory, name)));
}

/** Drops those that are on this server; gives the others, and those that would not go. */
export async function dropDatabases(
  databases: readonly ScratchDatabase[],
  server: string | undefined,
  signal: AbortSignal,
): Promise<ScratchDatabase[]> {
  const here = server === undefined ? undefined : splitPassword(server).url;
  const left = databases.filter(({ url }) => url !== here);
  const ours = databases.filter(({ url }) => url === here);
  if (server === undefined || ours.length === 0) return left;
  try {
    const restorer = await openRestorer({ url: server, execPrefix: [], root: "/" }, signal);
    try {
      for (const { name } of ours) await restorer.drop(name);
    } finally {
      await restorer.close();
    }
    return left;
  } catch {
    return [...databases];
  }
}
