/** The kinds of places that the contract of targets is tested with. */
import type { TargetFixture } from "./fixture.ts";
import { rcloneFixture } from "./rclone.ts";
import { s3Fixture } from "./s3.ts";
import { treeFixture } from "./trees.ts";

/** Makes a place; `directory` is for files of its own. */
export const TARGET_FIXTURES: Readonly<Record<string, (directory: string) => Promise<TargetFixture>>> = {
  "s3 plain": async (directory) => await s3Fixture(directory, "plain"),
  "s3 with versions": async (directory) => await s3Fixture(directory, "versioned"),
  "s3 with object lock": async (directory) => await s3Fixture(directory, "lock"),
  directory: async (directory) => await treeFixture(directory, "directory"),
  "rsync with a shell": async (directory) => await treeFixture(directory, "shell"),
  rclone: rcloneFixture,
};
