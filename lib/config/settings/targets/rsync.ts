/** Targets of the kinds `rsync`, a directory on another host, and `directory`, one on a mounted disk. */
import * as z from "zod";
import { whole } from "../fields.ts";
import { commonTargetFields } from "./common.ts";

/** An absolute path that can stand in a line of ssh's config: without quotes, backslashes and controls. */
const absolute = z.string().regex(/^\/[^"\\\p{Cc}]*$/u, "must be an absolute path without quotes and backslashes");

export const rsyncTargetSchema = z.strictObject({
  kind: z.literal("rsync"),
  host: z
    .string()
    .regex(/^(?:[A-Za-z0-9_][A-Za-z0-9._-]*|[0-9A-Fa-f:]*:[0-9A-Fa-f:.]*)$/, "must be a host name or an address")
    .describe("The server, which has sshd and rsync."),
  user: z
    .string()
    .regex(/^[A-Za-z0-9_][\w.@+-]*$/, "must be a user name")
    .optional()
    .describe("The account there; the name of the user here when absent."),
  port: whole(1).pipe(z.number().max(65_535)).default(22).describe("The port of sshd."),
  path: absolute
    .default("/")
    .describe("The directory there, which exists. To an account of rrsync, / is its own directory."),
  key_file: absolute
    .optional()
    .describe("The private key, without a passphrase; those of ssh and its agent when absent."),
  known_hosts: absolute.optional().describe("A file with the server's host key; those of ssh when absent."),
  ...commonTargetFields,
});
export type RsyncTargetSettings = z.infer<typeof rsyncTargetSchema>;

export const directoryTargetSchema = z.strictObject({
  kind: z.literal("directory"),
  path: absolute.describe("The directory, which exists: on a disk of its own, as a store would be."),
  ...commonTargetFields,
});
export type DirectoryTargetSettings = z.infer<typeof directoryTargetSchema>;
