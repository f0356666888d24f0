/** Names of sealed files, and what tells to whom they are sealed. */
import { createHash } from "node:crypto";
import type { Seal, SealProgram } from "../../model/seal.ts";
import type { Artifact, UnitMetadata } from "../../model/unit.ts";

const SUFFIXES: Readonly<Record<SealProgram, string>> = { age: ".age", gpg: ".gpg" };

/** Returns the name under which a file is stored. */
export const sealedName = (name: string, seal: Pick<Seal, "program"> | undefined): string =>
  seal === undefined ? name : name + SUFFIXES[seal.program];

/** Returns the program that sealed a file of a sealed unit, by its name; undefined for a plain file. */
export const sealOf = (name: string): SealProgram | undefined =>
  name.endsWith(SUFFIXES.age) ? "age" : name.endsWith(SUFFIXES.gpg) ? "gpg" : undefined;

/** Returns the name of a file without that of its seal. */
export const withoutSeal = (name: string): string => name.replace(/\.(?:age|gpg)$/, "");

/** Returns the path that an artifact would have without its seal: what its name says of its content. */
export const plainPath = ({ path, plain }: Pick<Artifact, "path" | "plain">): string =>
  plain === undefined ? path : withoutSeal(path);

/** Returns the smallest sealed artifact of units: the one to try an identity on. */
export const smallestSealed = (units: readonly UnitMetadata[]): Artifact | undefined =>
  units
    .flatMap(({ artifacts }) => artifacts)
    .filter(({ plain }) => plain !== undefined)
    .toSorted((a, b) => a.size_bytes - b.size_bytes)[0];

/** Returns the digest of a seal, its recipients in any order: what is sealed in another way is built again. */
export const sealDigest = ({ program, recipients, names }: Seal): string =>
  createHash("sha256")
    .update([program, ...recipients.map(withoutComment).toSorted(), ...(names ? ["names"] : [])].join("\n"))
    .digest("hex");

/** Returns an SSH public key without its comment, which is no part of the key. */
const withoutComment = (recipient: string): string => recipient.trim().split(/\s+/).slice(0, 2).join(" ");

/** Checks whether a unit is stored as it would be now: sealed to the same recipients, or plain. */
export const isSealedFor = (seal: Seal | undefined, { sealed_to }: Pick<UnitMetadata, "sealed_to">): boolean =>
  sealed_to === (seal === undefined ? undefined : sealDigest(seal));
