/**
 * The staging directories of a restore. They are new, private, and held open, so that a user who can rename files
 * beside the site cannot redirect what root writes.
 */
import { closeSync, constants, fstatSync, mkdirSync, openSync } from "node:fs";
import type { BytePath } from "../../../archive/entry.ts";
import { dirname, display, isBelow, toBuffer } from "../../../archive/path.ts";
import { HoldfastError, systemCode } from "../../../errors.ts";
import type { RestorePlan } from "../plan/restore-plan.ts";

const DIRECTORY = constants.O_RDONLY | constants.O_DIRECTORY | constants.O_NOFOLLOW;

/** Holds the staging directories open. */
export class Bases {
  readonly #handles = new Map<BytePath, number>();

  /** Makes the directories, mode 0700. Throws `E_TARGET` if one exists already, or has another owner once made. */
  constructor(bases: readonly BytePath[]) {
    try {
      for (const base of bases) this.#handles.set(base, make(base));
    } catch (error) {
      this.close();
      throw error;
    }
  }

  /** Returns paths of the directories, valid until they are closed. */
  get paths(): BytePath[] {
    return [...this.#handles.values()].map((handle) => pathOf(handle));
  }

  /** Returns the plan with every staging path below those paths. */
  held(plan: RestorePlan): RestorePlan {
    const at = (place: BytePath): BytePath => this.#at(place);
    return {
      ...plan,
      unpacks: plan.unpacks.map((unpack) => ({
        ...unpack,
        targets: unpack.targets.map((target) => ({ ...target, into: at(target.into) })),
      })),
      moves: plan.moves.map(({ from, to }) => ({ from: at(from), to: at(to) })),
      copies: plan.copies.map((copy) => ({ ...copy, to: at(copy.to) })),
      directories: plan.directories.map(at),
      directoryTimes: plan.directoryTimes.map((times) => ({ ...times, root: at(times.root) })),
      attributes: plan.attributes.map((one) => ({ ...one, to: at(one.to) })),
    };
  }

  /** Returns the error with the directories' real names in its message. */
  named(error: unknown): unknown {
    if (!(error instanceof HoldfastError)) return error;
    const message = this.inText(error.message);
    if (message === error.message) return error;
    return new HoldfastError(error.code, message, { hint: error.hint, cause: error.cause });
  }

  /** Returns a text with the directories' real names; programs know a handle under the id of this process. */
  inText(text: string): string {
    let named = text;
    for (const [base, handle] of this.#handles)
      for (const at of [pathOf(handle), pathOf(handle, process.pid)])
        named = named.replaceAll(`${at}/`, `${display(base)}/`);
    return named;
  }

  close(): void {
    for (const handle of this.#handles.values()) closeSync(handle);
    this.#handles.clear();
  }

  #at(place: BytePath): BytePath {
    for (const [base, handle] of this.#handles)
      if (place === base || isBelow(place, base)) return pathOf(handle) + place.slice(base.length);
    throw new HoldfastError("E_INTERNAL", `${display(place)} has no staging directory`);
  }
}

const pathOf = (handle: number, process: number | "self" = "self"): string => `/proc/${process}/fd/${handle}`;

function make(base: BytePath): number {
  mkdirSync(toBuffer(dirname(base)), { recursive: true, mode: 0o700 });
  try {
    mkdirSync(toBuffer(base), { mode: 0o700 });
  } catch (error) {
    if (systemCode(error) !== "EEXIST") throw error;
    throw taken(base);
  }
  const handle = openSync(toBuffer(base), DIRECTORY);
  const { uid, mode } = fstatSync(handle);
  if (uid === process.geteuid?.() && (mode & 0o077) === 0) return handle;
  closeSync(handle);
  throw taken(base);
}

/** Returns the error for a staging directory of another user, or of unknown origin. */
export const taken = (base: BytePath): HoldfastError =>
  new HoldfastError("E_TARGET", `the staging directory ${display(base)} belongs to another user or process`, {
    hint: "check who can write to its parent directory, remove it, and restore again",
  });
