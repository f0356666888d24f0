/** The config section `retention`, and the policy that it and the flags of `prune` make together. */
import * as z from "zod";
import { durationSchema, isZero, type Duration } from "./duration.ts";
import { flag, whole } from "./fields.ts";

/** Rules that keep the newest runs of so many buckets; of `last`, every run is a bucket. */
export const KEEP_COUNTS = ["last", "hourly", "daily", "weekly", "monthly", "yearly"] as const;
export type KeepCount = (typeof KEEP_COUNTS)[number];

type KeepRules = Readonly<Partial<Record<`keep_${KeepCount}`, number | undefined>>> & {
  readonly keep_within?: Duration | undefined;
  readonly keep_tag?: readonly string[] | undefined;
};

const amount = z
  .union([z.literal("unlimited"), whole(0)])
  .transform((value) => (value === "unlimited" ? Number.POSITIVE_INFINITY : value));
const limit = z.union([z.literal("unlimited").transform(() => 0), whole(0)]);
const length = durationSchema.refine((duration) => !isZero(duration), "must be longer than 0");

/** Checks whether `zone` names a time zone. */
function isTimeZone(zone: string): boolean {
  try {
    return new Intl.DateTimeFormat("en", { timeZone: zone }).format(0) !== "";
  } catch {
    return false;
  }
}

export const retentionSchema = z
  .strictObject({
    keep_last: amount.optional().describe("How many of the newest runs are kept; unlimited is all, here and below."),
    keep_hourly: amount.optional().describe("For how many hours that have a run the best of each is kept."),
    keep_daily: amount.optional().describe("The same by days."),
    keep_weekly: amount.optional().describe("The same by weeks, from Monday."),
    keep_monthly: amount.optional().describe("The same by months."),
    keep_yearly: amount.optional().describe("The same by years."),
    keep_within: durationSchema
      .optional()
      .describe("Runs made within this time before the newest one are kept, such as 1y5m7d2h."),
    keep_tag: z
      .array(z.string().min(1))
      .optional()
      .describe("Runs with one of these tags are kept; with all of a, b and c for the item a,b,c."),
    max_runs: limit.optional().describe("Hard cap: how many runs there are at most; 0 is unlimited, the default."),
    max_age: durationSchema.optional().describe("Hard cap: how old a run may become, such as 90d; 0 is unlimited."),
    interval: length
      .optional()
      .describe("The time between two backups (1d). Nothing is deleted if the newest good run is twice as old."),
    proof_max_age: length.optional().describe("How long a drill or deep verification counts as a proof (35d)."),
    time_zone: z
      .string()
      .refine(isTimeZone, "must be a time zone such as Europe/Zurich")
      .optional()
      .describe("Area/City whose hours, days and weeks count; this host's when absent."),
    after_backup: flag.default(false).describe("Whether each backup ends by pruning."),
  })
  .refine((settings) => !hasKeepRules(settings) || keepsAnything(settings), {
    message: "the keep rules keep nothing",
  });

export type RetentionSettings = z.infer<typeof retentionSchema>;

export interface RetentionPolicy {
  readonly keep: Readonly<Record<KeepCount, number>>;
  readonly within: Duration | undefined;
  /** Lists of tags: a run that has all tags of one list is kept. */
  readonly tags: readonly (readonly string[])[];
  /** 0 is unlimited. */
  readonly maxRuns: number;
  readonly maxAge: Duration | undefined;
  readonly interval: Duration;
  readonly proofMaxAge: Duration;
  readonly timeZone: string;
}

const countsIn = (rules: KeepRules): (number | undefined)[] => KEEP_COUNTS.map((count) => rules[`keep_${count}`]);

function hasKeepRules(rules: KeepRules): boolean {
  return [...countsIn(rules), rules.keep_within, rules.keep_tag].some((rule) => rule !== undefined);
}

function keepsAnything(rules: KeepRules): boolean {
  const within = rules.keep_within !== undefined && !isZero(rules.keep_within);
  return within || (rules.keep_tag ?? []).length > 0 || countsIn(rules).some((count) => (count ?? 0) > 0);
}

const DEFAULT_RULES: KeepRules = { keep_last: 2, keep_daily: 7, keep_weekly: 4 };
const DAY = durationSchema.parse("1d");
export const PROOF_MAX_AGE = durationSchema.parse("35d");

/**
 * Returns the policy of settings of which the first that has a key decides. Keep rules count together: the first
 * settings that have any of them give all, as restic's flags do; without any it is 7 daily, 4 weekly, the last 2.
 */
export function retentionPolicy(...layers: readonly (RetentionSettings | undefined)[]): RetentionPolicy {
  const settings = layers.filter((one) => one !== undefined);
  const rules: KeepRules = settings.find(hasKeepRules) ?? DEFAULT_RULES;
  const pick = <K extends keyof RetentionSettings>(key: K): RetentionSettings[K] | undefined =>
    settings.find((one) => one[key] !== undefined)?.[key];
  const duration = (value: Duration | undefined): Duration | undefined =>
    value === undefined || isZero(value) ? undefined : value;
  return {
    keep: {
      last: rules.keep_last ?? 0,
      hourly: rules.keep_hourly ?? 0,
      daily: rules.keep_daily ?? 0,
      weekly: rules.keep_weekly ?? 0,
      monthly: rules.keep_monthly ?? 0,
      yearly: rules.keep_yearly ?? 0,
    },
    within: duration(rules.keep_within),
    tags: (rules.keep_tag ?? []).map((list) => list.split(",")),
    maxRuns: pick("max_runs") ?? 0,
    maxAge: duration(pick("max_age")),
    interval: pick("interval") ?? DAY,
    proofMaxAge: pick("proof_max_age") ?? PROOF_MAX_AGE,
    timeZone: pick("time_zone") ?? Intl.DateTimeFormat().resolvedOptions().timeZone,
  };
}
