/**
 * A plain copy of a sealed run, or of some of its units, in a private directory outside of the store: what reads it
 * knows nothing of seals. The copy has the run's documents, and the artifacts of the units under their plain names.
 */
import { statfsSync } from "node:fs";
import path from "node:path";
import { privateDirectory } from "../../database/access/private-directory.ts";
import { HoldfastError } from "../../errors.ts";
import type { SealProgram } from "../../model/seal.ts";
import type { UnitMetadata } from "../../model/unit.ts";
import { formatBytes } from "../../report/format.ts";
import { withPlainNames } from "../../store/seal/plain-names.ts";
import { Copier, isSealed } from "./copier.ts";
import { readIdentities, type Identities, type IdentitySource } from "./identity.ts";
import { openerFor, type Opener } from "./opener.ts";

export interface PlainCopy {
  /** The directory of the run in the copy. Other runs that units come from lie beside it. */
  readonly directory: string;
  /** The units, as if they had never been sealed. */
  readonly units: readonly UnitMetadata[];
  remove(): void;
}

interface CopyOptions {
  readonly identities: Identities | undefined;
  readonly signal: AbortSignal;
}

/** Returns these units of the run in `directory` to be read: a plain copy if any is sealed, else as they are. */
export async function openUnits(
  directory: string,
  units: readonly UnitMetadata[],
  source: IdentitySource,
  signal: AbortSignal,
): Promise<PlainCopy> {
  if (!units.some(isSealed)) return { directory, units, remove: () => {} };
  return await copyPlain(directory, units, { identities: await readIdentities(source, signal), signal });
}

/**
 * Copies the run in `directory` with these units opened. Every file is checked against SHA256SUMS before it is opened,
 * and against the recorded digest of its content afterwards. Throws `E_KEY` without an identity that fits, `E_VERIFY`,
 * `E_ARCHIVE`, `E_NO_SPACE`.
 */
export async function copyPlain(
  directory: string,
  units: readonly UnitMetadata[],
  { identities, signal }: CopyOptions,
): Promise<PlainCopy> {
  if (identities === undefined)
    throw new HoldfastError("E_KEY", `the run ${path.basename(directory)} is sealed, and no identity is given`);
  const home = privateDirectory(signal);
  const openers = new Map<SealProgram, Promise<Opener>>();
  try {
    const to = path.join(home.path, "runs");
    assertSpace(home.path, units);
    const copier = new Copier(path.dirname(directory), to, signal, async (program) => {
      const opener = openers.get(program) ?? openerFor(program, identities, signal);
      openers.set(program, opener);
      return await opener;
    });
    await copier.tryKey(path.basename(directory), units);
    await copier.copy(path.basename(directory), units);
    return {
      directory: path.join(to, path.basename(directory)),
      units: units.map((unit) => withPlainNames(copier.whole(path.basename(directory), unit))),
      remove: () => home.remove(),
    };
  } catch (error) {
    home.remove();
    throw error;
  } finally {
    for (const opener of openers.values()) (await opener.catch(() => undefined))?.close();
  }
}

function assertSpace(directory: string, units: readonly UnitMetadata[]): void {
  const needed = units
    .flatMap(({ artifacts }) => artifacts)
    .reduce((sum, { plain }) => sum + (plain?.size_bytes ?? 0), 0);
  const { bavail, bsize } = statfsSync(directory);
  if (bavail * bsize >= needed) return;
  throw new HoldfastError(
    "E_NO_SPACE",
    `${path.dirname(directory)} has ${formatBytes(bavail * bsize)} free, but what is sealed takes ${formatBytes(needed)}`,
    { hint: "set TMPDIR to a directory on a larger disk, on which plain data may lie for that time" },
  );
}
