/** Writes a recovery kit: what brings a site back on a fresh host, without Holdfast. */
import { chmodSync, copyFileSync, lstatSync, mkdirSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import path from "node:path";
import { isWithin, placesOfSite, realPath } from "../../config/claims.ts";
import type { SiteConfig } from "../../config/load.ts";
import { asHoldfastError, HoldfastError } from "../../errors.ts";
import type { Report } from "../../model/event.ts";
import { openSigning } from "../../store/signing/open.ts";
import { addressesOf } from "./addresses.ts";
import { keepPlain, keepSealed, tryIdentity, type KeptIdentity } from "./identity.ts";
import { recordKit } from "./last-kit.ts";
import { kitReadme } from "./readme.ts";
import { RESTORE_SCRIPT } from "./restore-script.ts";

export interface KitRequest {
  readonly config: SiteConfig;
  /** Path of the store, which need not be there. */
  readonly store: string;
  /** Path of the kit: a new or an empty directory. */
  readonly directory: string;
  /** File with what opens sealed runs. */
  readonly identity: string | undefined;
  /** Leaves the identity unsealed, in place of asking for a passphrase on the terminal. */
  readonly plainIdentity: boolean;
}

export interface Kit {
  readonly directory: string;
  readonly site: string;
  readonly made_at: string;
  readonly identity: KeptIdentity;
  readonly files: readonly string[];
}

interface Frame {
  readonly signal: AbortSignal;
  readonly report: Report;
}

/**
 * Writes the kit, with directory 0700 and files 0600 or 0700, and records when. A kit that fails is removed. Throws
 * `E_TARGET` for a directory that is not empty or another user's, or that lies in the site or the store; `E_KEY`.
 */
export async function makeKit(request: KitRequest, frame: Frame): Promise<Kit> {
  const { config, store, identity } = request;
  const directory = realPath(path.resolve(request.directory));
  assertOutside(directory, config, store);
  const signing = openSigning(config.signing, realPath(store));
  if (identity !== undefined) await tryIdentity(store, identity, frame);
  const isNew = takeDirectory(directory);
  try {
    const kept = await keepIdentity(directory, request, frame);
    const made_at = new Date().toISOString();
    const write = (name: string, text: string, mode = 0o600): void =>
      writeFileSync(path.join(directory, name), text, { mode, flag: "wx" });
    if (signing !== undefined) {
      copyFileSync(signing.allowed_signers, path.join(directory, "allowed_signers"));
      chmodSync(path.join(directory, "allowed_signers"), 0o600);
      if (signing.principal !== undefined) write("principal", `${signing.principal}\n`);
    }
    write("restore.sh", RESTORE_SCRIPT, 0o700);
    write("README.md", kitReadme({ config, store, addresses: addressesOf(config, store), identity: kept, made_at }));
    await remember(config.site, { made_at, directory }, frame);
    return { directory, site: config.site, made_at, identity: kept, files: readdirSync(directory).toSorted() };
  } catch (error) {
    for (const name of readdirSync(directory)) rmSync(path.join(directory, name), { force: true });
    if (isNew) rmSync(directory, { recursive: true, force: true });
    throw error;
  }
}

function assertOutside(directory: string, config: SiteConfig, store: string): void {
  const outer = placesOfSite(config, store).find(({ place }) => isWithin(directory, place));
  if (outer === undefined) return;
  throw new HoldfastError("E_TARGET", `${directory} lies inside ${outer.place} (${outer.key})`, {
    hint: "name a directory outside of the site and of the store, best on a disk that leaves this host",
  });
}

/** Makes the directory, or takes an empty one of this user; returns whether it was made. */
function takeDirectory(directory: string): boolean {
  const found = lstatSync(directory, { throwIfNoEntry: false });
  if (found === undefined) {
    mkdirSync(path.dirname(directory), { recursive: true });
    mkdirSync(directory, { mode: 0o700 });
    return true;
  }
  const hint = "name a new directory";
  if (!found.isDirectory()) throw new HoldfastError("E_TARGET", `${directory} is not a directory`, { hint });
  if (found.uid !== process.geteuid?.())
    throw new HoldfastError("E_TARGET", `${directory} belongs to the user ${found.uid}`, { hint });
  if (readdirSync(directory).length > 0) throw new HoldfastError("E_TARGET", `${directory} is not empty`, { hint });
  chmodSync(directory, 0o700);
  return false;
}

async function keepIdentity(directory: string, request: KitRequest, frame: Frame): Promise<KeptIdentity> {
  const { config, identity, plainIdentity } = request;
  if (identity === undefined) {
    if (config.encryption !== undefined) {
      const text = "the kit has no identity, without which no sealed run can be read: add it, as its README.md says";
      frame.report({ type: "note", level: "warning", text });
    }
    return "none";
  }
  if (plainIdentity) keepPlain(directory, identity, frame);
  else await keepSealed(directory, identity, frame);
  return plainIdentity ? "plain" : "sealed";
}

/** The kit is whole without the record, by which `doctor` knows of it. */
async function remember(site: string, made: { made_at: string; directory: string }, { report }: Frame): Promise<void> {
  try {
    await recordKit(site, made);
  } catch (error) {
    const text = `doctor will not know of this kit: ${asHoldfastError(error).message}`;
    report({ type: "note", level: "warning", text });
  }
}
