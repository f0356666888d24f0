/**
 * The events of a command at work. The core only emits them; lib/report shows them as bars, lines or JSON. The process
 * of a step sends them to its parent, one JSON document a line.
 */
import * as z from "zod";
import { failureSchema, stepNameSchema } from "./unit.ts";

export const stepCountersSchema = z.object({
  /** Units the step must account for, by a count of its own; null where none is possible. */
  expected: z.number().int().nullable(),
  built: z.number().int(),
  reused: z.number().int(),
  resumed: z.number().int(),
  failed: z.number().int(),
  skipped: z.number().int(),
  accepted: z.number().int(),
  size_bytes: z.number().int(),
  written_bytes: z.number().int(),
  /** Input files opened and their bytes read by archives: none when nothing changed. */
  files_opened: z.number().int(),
  bytes_read: z.number().int(),
  bytes_deflated: z.number().int(),
  /** Bytes of input, and of archives as they were written. */
  bytes_hashed: z.number().int(),
});
export type StepCounters = z.infer<typeof stepCountersSchema>;

export const eventSchema = z.discriminatedUnion("type", [
  z.object({
    type: z.literal("run_started"),
    run: z.string(),
    site: z.string(),
    steps: z.array(stepNameSchema),
    resumed: z.boolean(),
  }),
  z.object({ type: z.literal("step_started"), step: stepNameSchema }),
  z.object({ type: z.literal("step_planned"), step: stepNameSchema, units: z.number().int(), bytes: z.number() }),
  z.object({ type: z.literal("unit_started"), step: stepNameSchema, unit: z.string() }),
  z.object({ type: z.literal("unit_progress"), step: stepNameSchema, unit: z.string(), bytes: z.number() }),
  z.object({
    type: z.literal("unit_ended"),
    step: stepNameSchema,
    unit: z.string(),
    action: z.enum(["built", "reused", "resumed", "failed", "skipped", "selected"]),
    bytes: z.number(),
    duration_ms: z.number(),
  }),
  z.object({ type: z.literal("failure"), failure: failureSchema }),
  z.object({ type: z.literal("projects"), count: z.number().int() }),
  z.object({ type: z.literal("note"), level: z.enum(["info", "warning", "error"]), text: z.string() }),
  z.object({
    type: z.literal("step_ended"),
    step: stepNameSchema,
    counters: stepCountersSchema,
    duration_ms: z.number(),
  }),
  /** Nothing was published. */
  z.object({ type: z.literal("run_failed"), run: z.string() }),
  z.object({
    type: z.literal("run_ended"),
    run: z.string(),
    status: z.string(),
    duration_ms: z.number(),
    summary: z.record(z.string(), z.unknown()),
  }),
]);

export type HoldfastEvent = z.infer<typeof eventSchema>;

/** A line of `run.log`: an event, or the message of an unknown one. */
export const logLineSchema = z.looseObject({ level: z.string(), time: z.string(), type: z.string(), msg: z.string() });
export type LogLine = z.infer<typeof logLineSchema>;

/** Takes every event of a command, in order. Must not throw. */
export type Report = (event: HoldfastEvent) => void;

export const noCounters = (): StepCounters => ({
  expected: null,
  built: 0,
  reused: 0,
  resumed: 0,
  failed: 0,
  skipped: 0,
  accepted: 0,
  size_bytes: 0,
  written_bytes: 0,
  files_opened: 0,
  bytes_read: 0,
  bytes_deflated: 0,
  bytes_hashed: 0,
});
