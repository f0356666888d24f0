/** Describes the proof of a run. */
import type { Proof } from "../../ops/retention/proof.ts";
import { formatDuration } from "../../report/format.ts";

/** `drilled 2026-11-23, 41 s` */
export const describeProof = ({ kind, at, duration_ms }: Proof): string =>
  `${kind === "drill" ? "drilled" : "verified"} ${at.slice(0, 10)}, ${durationOf(duration_ms)}`;

const durationOf = (ms: number): string =>
  ms < 60_000 ? `${Math.max(1, Math.round(ms / 1000))} s` : formatDuration(ms);
