/** Prunes a store. */
import type * as z from "zod";
import type { SiteConfig } from "../config/load.ts";
import { retentionPolicy, retentionSchema, type RetentionSettings } from "../config/settings/retention.ts";
import { requiredTargets } from "../config/settings/targets/target.ts";
import { HoldfastError } from "../errors.ts";
import type { Decision } from "../ops/retention/history-run.ts";
import { pruneTarget, type TargetPruneOutcome } from "../ops/push/prune.ts";
import { prune, type PruneOutcome } from "../ops/retention/run.ts";
import { findStore } from "../store/open.ts";
import type { Frame } from "./call.ts";

/** The keys of `retention` in the config, but for `after_backup`. */
export type PolicyOptions = Omit<z.input<typeof retentionSchema>, "after_backup">;

export interface PruneOptions {
  /** Rules that count before those of the config; without any, 7 daily, 4 weekly and the last 2 are kept. */
  readonly policy?: PolicyOptions | undefined;
  readonly dryRun?: boolean | undefined;
  /** Takes over a lock held from another host. */
  readonly breakLock?: boolean | undefined;
}

export interface PruneSummary extends Pick<PruneOutcome, "interrupted" | "blocked" | "cap" | "freed_bytes"> {
  readonly dry_run: boolean;
  readonly runs: readonly (Pick<Decision, "run" | "standing" | "fault" | "proof" | "reasons"> & {
    readonly action: "keep" | "remove";
    readonly protections: readonly Pick<Decision["protections"][number], "kind" | "text">[];
  })[];
}

/** Removes the runs that the rules, or else those of the config, do not keep. Throws what `prune` throws. */
export async function pruneStore(
  { store, config }: { readonly store: string; readonly config: SiteConfig | undefined },
  { rules, dryRun = false, breakLock = false }: Omit<PruneOptions, "policy"> & { readonly rules: RetentionSettings },
  frame: Frame,
): Promise<PruneOutcome> {
  const { site } = await findStore(store);
  if (config !== undefined && config.site !== site)
    throw new HoldfastError("E_CONFIG", `the store belongs to the site ${site}, but the config to ${config.site}`);
  const lockFile = config?.lock_file;
  const policy = retentionPolicy(rules, config?.retention);
  const required = requiredTargets(config?.targets ?? {});
  return await prune({ store, policy, dryRun, breakLock, lockFile, required }, frame);
}

export interface PruneTargetOptions {
  /** The name of the target in the config. */
  readonly target: string;
  /** Rules that count before those of the target and of the config. */
  readonly policy?: PolicyOptions | undefined;
  /** Removes the runs; by default they are only shown. */
  readonly remove?: boolean | undefined;
}

export interface PruneTargetSummary extends Pick<
  TargetPruneOutcome,
  "target" | "address" | "dry_run" | "blocked" | "cap" | "objects" | "bytes" | "kept"
> {
  readonly runs: PruneSummary["runs"];
}

/** Prunes a target. Throws what `pruneTarget` throws. */
export async function pruneOnTarget(
  { store, config }: { readonly store: string | undefined; readonly config: SiteConfig },
  { target, rules, remove = false }: Omit<PruneTargetOptions, "policy"> & { readonly rules: RetentionSettings },
  hooks: Pick<Frame, "signal"> & { readonly onWarning: (text: string) => void },
): Promise<TargetPruneOutcome> {
  return await pruneTarget({ store, config, target, rules, remove }, hooks);
}

export const pruneTargetSummary = ({ decisions, ...outcome }: TargetPruneOutcome): PruneTargetSummary => ({
  ...outcome,
  runs: decisions.map(decided),
});

/** Parses the rules of a policy. Throws `E_USAGE`; `named` returns a key as the caller knows it. */
export function parsePolicy(policy: object, named: (key: string) => string = (key) => key): RetentionSettings {
  const result = retentionSchema.safeParse(policy);
  if (result.success) return result.data;
  const [issue] = result.error.issues;
  const [key] = issue?.path ?? [];
  const message = issue?.code === "invalid_union" ? "must be a whole number or unlimited" : (issue?.message ?? "");
  throw new HoldfastError(
    "E_USAGE",
    key === undefined ? message : `${named(String(key))}: ${message}`,
    key === undefined ? { hint: "give a keep rule a number of at least 1" } : {},
  );
}

export const pruneSummary = (
  { decisions, blocked, cap, interrupted, freed_bytes }: PruneOutcome,
  { dryRun = false }: Pick<PruneOptions, "dryRun">,
): PruneSummary => ({
  dry_run: dryRun,
  runs: decisions.map(decided),
  interrupted,
  blocked,
  cap,
  freed_bytes,
});

const decided = ({
  run,
  keep,
  standing,
  fault,
  proof,
  reasons,
  protections,
}: Decision): PruneSummary["runs"][number] => ({
  run,
  action: keep ? "keep" : "remove",
  standing,
  fault,
  proof,
  reasons,
  protections: protections.map(({ kind, text }) => ({ kind, text })),
});
