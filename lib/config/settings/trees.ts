/** The config section `trees`. */
import * as z from "zod";
import { flag, patterns, whole } from "./fields.ts";

const treeFields = z.strictObject({
  name: z
    .string()
    .regex(/^\w[\w.-]*$/)
    .optional()
    .describe("The unit's name; its path, with _ for /, when absent."),
  path: z.string().min(1).describe("A directory, a file or . for the whole root; relative to root, or anywhere by /."),
  exclude: patterns.describe("Patterns of what is left out, by the rules of .gitignore, relative to the tree."),
  exclude_caches: flag.default(false).describe("Leave out what lies in directories with a valid CACHEDIR.TAG."),
  exclude_if_present: patterns.describe("Leave out what lies in directories that hold a file of such a name."),
  shard_above_mb: whole(0)
    .default(64)
    .describe("Input size above which the tree is kept in layered shards, so that a new file does not rewrite it."),
  shard_size_mb: whole(1).default(2048).describe("Input bytes of one shard, at most."),
});
/** Returns the settings of a tree of which nothing but the path is given. */
export const treeSettings = (path: string): TreeSettings => treeFields.parse({ path });
export const treeSchema = z.union([z.string().min(1).transform(treeSettings), treeFields]);

export type TreeSettings = z.infer<typeof treeFields>;
