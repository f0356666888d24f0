/** The settings of portable data beyond keys, groups and tables: columns and their replacements. */
import * as z from "zod";

const plain = z.union([z.string(), z.number(), z.boolean(), z.null()]);
const byTable = <T extends z.ZodType>(what: T) => z.record(z.string(), what).default({});

/**
 * The content of a replaced column: the same value in every row, or an unusable password, another one in each row.
 */
const replacementSchema = z.union([plain, z.strictObject({ unusable_password: z.literal(true) })]);
export type ReplacementSetting = z.infer<typeof replacementSchema>;
export type PlainValue = z.infer<typeof plain>;

const genericSchema = z.strictObject({
  table: z.string().min(1),
  type: z
    .string()
    .min(1)
    .describe("The column that tells the table: a name, or a link to a table of app_label and model."),
  id: z.string().min(1).describe("The column with the number of the row."),
  types: z.record(z.string(), z.string()).default({}).describe("Tables by type, where the name does not tell."),
});
export type GenericSetting = z.infer<typeof genericSchema>;

const foreignKeysSchema = byTable(z.record(z.string(), z.union([z.string().min(1), z.literal(false)])));
export type ForeignKeySettings = z.infer<typeof foreignKeysSchema>;

const bound = z.union([z.string(), z.number(), z.boolean()]);
const rangeSchema = z
  .strictObject({
    from: bound.optional().describe("This value or a greater one."),
    to: bound.optional().describe("A smaller value."),
    in: z.array(bound).min(1).optional(),
  })
  .refine((range) => Object.values(range).some((value) => value !== undefined), { message: "says from, to or in" });
export type RangeSetting = z.infer<typeof rangeSchema>;

const setSchema = z.strictObject({
  tables: z.array(z.string().min(1)).min(1),
  where: byTable(z.record(z.string(), rangeSchema)).describe("By table and column: the rows that an export takes."),
  rename: z.record(z.string(), z.string()).default({}).describe("At an import: into which table each goes."),
});
export type SetSetting = z.infer<typeof setSchema>;

const mapSchema = z.union([
  z.record(z.string(), z.union([z.string(), z.number()])),
  z.array(z.strictObject({ from: z.array(plain).min(1), to: z.array(plain).min(1) })),
]);
export type KeyMapSetting = z.infer<typeof mapSchema>;

/** Fields of `portable`. */
export const portableRefinement = {
  exclude_columns: byTable(z.array(z.string().min(1))).describe("Columns that an export leaves out, by table."),
  replace: byTable(z.record(z.string(), replacementSchema)).describe(
    "By table and column: what an export has in place of the value. {unusable_password: true}: Django's, random in each row.",
  ),
  defaults: byTable(z.record(z.string(), plain)).describe(
    "By table and column: the value that an import gives to new rows where the export does not know the column.",
  ),
  generic: z
    .array(genericSchema)
    .default([])
    .describe("Relations without a foreign key: a type and a number. They are exported as the key of the row."),
  foreign_keys: foreignKeysSchema.describe(
    "By table and column: the table whose primary key the column holds, where the database declares no foreign key; false where it holds none.",
  ),
  users: z
    .strictObject({
      table: z.string().min(1),
      create_missing: z.boolean().default(false),
      disabled: z.record(z.string(), replacementSchema).default({}).describe("What such a row has beside its key."),
    })
    .optional()
    .describe(
      "Users whom rows name, and who are neither in the export nor in the database: an import can make them, disabled.",
    ),
  map: byTable(mapSchema).describe(
    "By table, at an import: rows that are called otherwise here, {old: new} by their keys; keys of several columns as a list of {from, to}.",
  ),
  sets: byTable(setSchema).describe("Tables that are exported together, by a name for --set."),
};
