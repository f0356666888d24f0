/** What a unit of the step `db` records of its database. */
import * as z from "zod";
import { named } from "../model/named.ts";
import { ENGINE_NAMES, type DatabaseFacts } from "./snapshot.ts";

/** The record of a database in its dump's own snapshot. */
export const databaseRecordSchema = z.looseObject({
  database: z.string(),
  engine: z.enum(ENGINE_NAMES),
  server_version: z.string(),
  database_size: z.number(),
  tables: named(z.object({ rows: z.number(), exact: z.boolean(), digest: z.string().optional() })),
  migrations: z.object({ tool: z.string(), applied: z.array(z.string()) }).nullable(),
  extensions: named(z.string()),
  snapshot_at: z.string(),
  encoding: z.string().optional(),
  search_path: z.array(z.string()).optional(),
}) satisfies z.ZodType<DatabaseFacts>;
export type DatabaseRecord = z.infer<typeof databaseRecordSchema>;
