/** The walk of the trees of an archive. */
import { fingerprintTree, type FingerprintRequest, type Plan } from "../../archive/build/fingerprint-tree.ts";
import type { Walk } from "./tree-walker.ts";

export const archiveWalk: Walk<FingerprintRequest, Plan> = { kind: "archive", walk: fingerprintTree, isResult: isPlan };

/** Checks for the plan of an archive. */
export function isPlan(value: unknown): value is Plan {
  return typeof value === "object" && value !== null && "input" in value && "links" in value;
}
