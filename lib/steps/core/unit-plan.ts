/** A unit before it is built, and what building it gives. */
import * as z from "zod";
import type { BytePath } from "../../archive/entry.ts";
import type { KnownXattrs } from "../../archive/xattrs/known.ts";
import { HoldfastError, isErrorCode } from "../../errors.ts";
import { artifactSchema, inputSchema, type Project } from "../../model/unit.ts";

/** A unit as its step has planned it. */
export interface UnitPlan {
  /** The unit's true name; `unitB64` where that is no UTF-8. */
  readonly unit: string;
  readonly unitB64?: string;
  /** Directory of its metadata, relative to the run. */
  readonly directory: string;
  readonly project?: Project;
  /** Paths of its trees on the site. */
  readonly trees?: readonly UnitPlace[];
  /** The trees that it archives, absolute. */
  readonly roots?: readonly BytePath[];
  /** The extended attributes of those trees, read before they are archived. */
  readonly xattrs?: KnownXattrs;
  /** Further fields of its metadata that are of the site now, whether its artifacts are new or not. */
  readonly fresh?: Readonly<Record<string, unknown>>;
  /** Files that building it may create outside of its directory, relative to the run. */
  readonly outputs?: readonly string[];
  /** Input bytes, for the progress display. */
  readonly bytes: number;
  /** Null: never reused. */
  readonly fingerprint: string | null;
  /** What the step's `build` needs to know, as plain JSON: it may run in another process. */
  readonly request: unknown;
}

/** A tree of a unit: its place on the site (relative to the root where it lies inside) and in the archive. */
export interface UnitPlace {
  readonly path: string;
  readonly path_b64?: string;
  readonly prefix: string;
  readonly prefix_b64?: string;
  /** The name of the archive, where the unit has several. */
  readonly artifact?: string;
  /** The unit has only the loose files at the top of the tree. */
  readonly loose?: boolean;
}

const partFailureSchema = z.object({ unit: z.string(), code: z.string(), message: z.string(), hint: z.string() });
type PartFailure = z.infer<typeof partFailureSchema>;

export const builtUnitSchema = z.object({
  artifacts: z.array(artifactSchema),
  input: inputSchema,
  warnings: z.array(z.string()),
  /** The additional fields of this kind of unit. */
  extra: z.record(z.string(), z.unknown()).optional(),
  /** Parts of the unit that could not be exported; the rest of it is. */
  failures: z.array(partFailureSchema).optional(),
});
export type BuiltUnit = z.infer<typeof builtUnitSchema>;

/** Returns the failure of a part of a unit, in the form in which it can be sent to another process. */
export const partFailure = (unit: string, { code, message, hint }: HoldfastError): PartFailure => ({
  unit,
  code,
  message,
  hint,
});

/** Returns an error that another process has described; a code that is not in the table becomes `E_IO`. */
export const errorFrom = ({ code, message, hint }: Omit<PartFailure, "unit">): HoldfastError =>
  new HoldfastError(isErrorCode(code) ? code : "E_IO", message, hint === "" ? {} : { hint });

/** Returns the failure of an archive: the first reason, and how many more there are. */
export function archiveFailure(failures: readonly { code: string; path: string; message: string }[]): HoldfastError {
  const [first] = failures;
  if (first === undefined) return new HoldfastError("E_IO", "the archive could not be written");
  const more = failures.length > 1 ? ` (and ${failures.length - 1} more)` : "";
  return new HoldfastError(isErrorCode(first.code) ? first.code : "E_IO", `${first.path}: ${first.message}${more}`);
}
