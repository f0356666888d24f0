/**
 * The sandbox of a drill: a directory that records its owner, so that the next drill can remove what a killed one left.
 */
import { existsSync, mkdirSync, mkdtempSync, readdirSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { randomUUID } from "node:crypto";
import * as z from "zod";
import { fromString } from "../../archive/path.ts";
import { removeTree } from "../../archive/tree/remove.ts";
import { openRestorer } from "../../database/engines/open.ts";
import { isOurs, privateDirectory } from "../../database/access/private-directory.ts";
import { splitPassword } from "../../database/access/url.ts";
import { HoldfastError, asHoldfastError } from "../../errors.ts";
import { writeFileAtomic } from "../../store/files/atomic.ts";
import { formatJson, tryReadDocument } from "../../store/files/json-documents.ts";
import { livenessOf, ownerOfThisProcess, ownerSchema } from "../../store/lock/process-owner.ts";

const PREFIX = "holdfast-drill-";
const OWNER_FILE = "owner.json";

const scratchSchema = z.object({ url: z.string(), name: z.string() });
const sandboxSchema = z.object({ owner: ownerSchema, databases: z.array(scratchSchema) });

/** A database that a drill creates on a server that is not private; the URL has no password. */
export type ScratchDatabase = z.infer<typeof scratchSchema>;

export class Sandbox {
  readonly directory: string;
  /** The suffix of its scratch databases' names. */
  readonly id: string;
  readonly #owner = ownerOfThisProcess("drill", randomUUID());
  readonly #databases: ScratchDatabase[] = [];

  private constructor(directory: string) {
    this.directory = directory;
    this.id = idOf(directory);
  }

  /** Makes a sandbox in `parent`, mode 0700. Throws `E_TARGET` on failure. */
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
        hint: "use --sandbox with a writable directory",
        cause: error,
      });
    }
  }

  /** Path of the restored site's root. */
  get root(): string {
    return path.join(this.directory, "site");
  }

  /** Records a scratch database before it is created. */
  async note(database: ScratchDatabase): Promise<void> {
    this.#databases.push(database);
    await this.#write();
  }

  /** Removes the directory; databases that could not be dropped stay recorded. */
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

/** Returns the name of a sandbox's scratch database, on a server that others use too. */
export const spareName = (purpose: "drill" | "verify", id: string, suffix: string | number): string =>
  `holdfast_${purpose}_${id}_${suffix}`;

const isSpare = (name: string, id: string): boolean =>
  name.startsWith(spareName("drill", id, "")) || name.startsWith(spareName("verify", id, ""));

/**
 * Removes the sandboxes in `parent` whose drills are dead, and their scratch databases on the server `database`.
 * Returns a line for each database on another server or that could not be dropped; its sandbox stays as a record.
 */
export async function sweepSandboxes(
  parent: string | undefined,
  database: string | undefined,
  signal: AbortSignal,
): Promise<string[]> {
  const directory = parent ?? tmpdir();
  if (existsSync(directory)) privateDirectory(undefined, directory).remove(); // removes what is left of private servers
  const left: string[] = [];
  for (const name of existsSync(directory) ? readdirSync(directory).filter((one) => one.startsWith(PREFIX)) : []) {
    const sandbox = path.join(directory, name);
    // In a shared directory, any user may create a sandbox with any content.
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
      // Ignores files of another user's processes in it.
    }
  }
  return left;
}

/** Checks for a drill that was killed before it wrote its owner file. */
function isDeadByName(name: string): boolean {
  const [pid = ""] = name.slice(PREFIX.length).split("-");
  return /^\d+$/.test(pid) && !existsSync(`/proc/${pid}`);
}

function emptyBut(directory: string): void {
  for (const name of readdirSync(directory))
    if (name !== OWNER_FILE) removeTree(fromString(path.join(directory, name)));
}

/** Drops the databases that are on this server; returns those on others, and those that could not be dropped. */
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
