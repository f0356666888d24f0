/** A finding of a rule, before it is known of which series it is. */
import type { Anomaly } from "../../../model/anomaly.ts";

export const ANOMALY_CODES = [
  "empty",
  "cold",
  "shrank",
  "grew",
  "never",
  "vanished",
  "gone",
  "nothing",
  "rewrite",
  "deleted",
  "entropy",
  "renamed",
] as const;
export type AnomalyCode = (typeof ANOMALY_CODES)[number];

export type Finding = Pick<Anomaly, "level" | "was" | "now" | "rule"> & { readonly code: AnomalyCode };
