/**
 * The messages between the orchestrator and the process of a step, a line of JSON each. Orders go down on the standard
 * input of the process; events and results come up on its standard output.
 */
import * as z from "zod";
import { eventSchema } from "./event.ts";

const xattrsSchema = z.object({
  trees: z.array(z.object({ root: z.string(), file: z.string(), dropped: z.array(z.string()).readonly() })).readonly(),
  readMs: z.number(),
});

export const orderSchema = z.discriminatedUnion("type", [
  /** Build a unit. */
  z.object({ type: z.literal("build"), id: z.number().int(), request: z.unknown(), xattrs: xattrsSchema.optional() }),
  /** No further unit will come. The end of the input without it means that the orchestrator is gone. */
  z.object({ type: z.literal("end") }),
]);
export type Order = z.infer<typeof orderSchema>;

const workSchema = z.object({
  files_opened: z.number().int(),
  bytes_read: z.number().int(),
  bytes_deflated: z.number().int(),
  bytes_hashed: z.number().int(),
});

const errorSchema = z.object({ code: z.string(), message: z.string(), hint: z.string() });

export const stepMessageSchema = z.discriminatedUnion("type", [
  eventSchema,
  z.object({ type: z.literal("progress"), id: z.number().int(), bytes: z.number() }),
  /** A unit is built, in so many milliseconds; `work` is that of the process since it began. */
  z.object({ type: z.literal("built"), id: z.number().int(), unit: z.unknown(), ms: z.number(), work: workSchema }),
  z.object({ type: z.literal("not_built"), id: z.number().int(), error: errorSchema, work: workSchema }),
  /** The process cannot go on: what the orchestrator should throw. */
  z.object({ type: z.literal("fatal"), error: errorSchema }),
]);
export type StepMessage = z.infer<typeof stepMessageSchema>;
