/** The config section `projects`: how they are listed, exported and compiled. */
import * as z from "zod";
import { command, paths } from "./fields.ts";

const exportSchema = z.union([
  z.strictObject({
    path: z.string().min(1).describe("Where the project's tree is, with {fields} of its row, relative to root."),
  }),
  z.strictObject({
    command: command.describe(
      "Writes the export into the directory {out}; {fields} of the project's row are filled in.",
    ),
    inputs: paths.describe(
      "What the command reads; with it an unchanged export is reused, without it the command runs every time.",
    ),
  }),
]);

const compiledSchema = z.strictObject({
  bundle: z.enum(["per_text_type", "single"]).default("per_text_type"),
  text_types: z
    .record(z.string().regex(/^[\w.-]+$/), z.strictObject({ path: z.string().min(1) }))
    .describe("Each kind of compiled text and where its pages are. The first is the default one."),
  media: z
    .array(z.strictObject({ url: z.string().min(1), path: z.string().min(1) }))
    .default([])
    .describe("URLs under which pages refer to media, and the files behind them."),
  pages: z
    .strictObject({ url: z.string().min(1) })
    .optional()
    .describe("The URL of a compiled page, for links between text types."),
  rebuild: command.optional().describe("Compiles one project again from its source."),
});

export const projectsSchema = z
  .strictObject({
    query: z
      .string()
      .min(1)
      .optional()
      .describe("A SELECT on the first database; one row a project, with a column id."),
    glob: z.string().min(1).optional().describe("Directories relative to root; the last name of each is the id."),
    command: command.optional().describe("Prints a JSON array of objects, each with an id."),
    source: exportSchema.optional(),
    compiled: compiledSchema.optional(),
  })
  .refine((value) => [value.query, value.glob, value.command].filter((one) => one !== undefined).length === 1, {
    message: "needs exactly one of query, glob and command",
  });

export type ExportSettings = z.infer<typeof exportSchema>;
export type CompiledSettings = z.infer<typeof compiledSchema>;
