/** The library's entry: `createHoldfast`, and the types of its options and results. */
export { createHoldfast } from "./api/holdfast.ts";
export type { Holdfast } from "./api/holdfast.ts";
export type { CallOptions } from "./api/call.ts";
export type { HoldfastOptions } from "./api/site.ts";
export type { AcceptOptions, AcceptSummary, AnomaliesOptions } from "./api/anomalies.ts";
export type { BackupOptions, BackupSummary } from "./api/backup.ts";
export type { DiffOptions, DiffSummary } from "./api/diff.ts";
export type { DrillHooks, DrillOptions, DrillSummary, SandboxOptions } from "./api/drill.ts";
export type { HealthHooks, HealthOptions, HealthSummary, WatchSummary } from "./api/health.ts";
export type { PolicyOptions, PruneOptions, PruneSummary, PruneTargetOptions, PruneTargetSummary } from "./api/prune.ts";
export type {
  ProbeSummary,
  PullHooks,
  PullOptions,
  PullSummary,
  PushHooks,
  PushOptions,
  PushSummary,
  TargetOptions,
  TargetVerificationSummary,
  VerifyTargetHooks,
  VerifyTargetOptions,
} from "./api/push.ts";
export type { RecoveryKitOptions, RecoveryKitSummary } from "./api/restore.ts";
export type { RecoverReinitSummary, ReinitHooks, ReinitOptions, ReinitSummary } from "./api/reinit.ts";
export type { EndRestoreOptions, RestoreHooks, RestoreOptions } from "./api/restore.ts";
export type {
  DeleteOptions,
  DeleteSummary,
  FindOptions,
  ListOptions,
  ListSummary,
  LogOptions,
  PathsSummary,
  PinOptions,
  PinSummary,
  RunOptions,
  UnitsSummary,
} from "./api/runs.ts";
export type { VerifyHooks, VerifyOptions, VerifySummary } from "./api/verify.ts";
export type { HoldfastEvent, LogLine, Report } from "./model/event.ts";
export type { AnomalyListing } from "./ops/anomalies/review/list.ts";
export type { ReinitDrill } from "./ops/drill/reinit.ts";
export type { EndOutcome } from "./ops/restore/end.ts";
export type { RestoreOutcome, RestorePreview } from "./ops/restore/run.ts";
export type { FindOutcome, FoundFile } from "./ops/find/run.ts";
