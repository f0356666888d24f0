/** Causes of alerts. */
import { createHash } from "node:crypto";

/** Returns a cause of fixed length for a set of findings: the same ones, in any order, are the same cause. */
export const causeOf = (kind: string, findings: readonly string[]): string => {
  const digest = createHash("sha256").update(findings.toSorted().join("\n")).digest("hex");
  return `${kind} ${digest.slice(0, 16)}`;
};
