/** Places that targets of each kind copy to, each new and empty, and how a client of another make sees them. */
import type { TargetSettings } from "../../../lib/config/settings/targets/target.ts";
import type { Capabilities } from "../../../lib/targets/core/capabilities.ts";
import { rcloneFixture } from "./rclone.ts";
import { s3Fixture } from "./s3.ts";
import { treeFixture } from "./trees.ts";

export interface PlacedFile {
  readonly run: string;
  readonly path: string;
  readonly sha256: string;
  readonly isArtifact: boolean;
}

export interface TargetFixture {
  readonly settings: TargetSettings;
  /** What a probe has to find. */
  readonly promises: Partial<Capabilities>;
  /** Whether what was overwritten can still be read. */
  readonly hasVersions: boolean;
  /** The path of a run's file there. */
  placeOf(file: PlacedFile): string;
  /** The digests of all files there by path, read by another client. */
  digests(): Promise<ReadonlyMap<string, string>>;
  /** Writes and removes a file as somebody else, whose rights are all there are. */
  write(place: string, content: string): Promise<void>;
  remove(place: string): Promise<void>;
  close(): Promise<void>;
}

/** Makes a place; `directory` is for files of its own. */
export const TARGET_FIXTURES: Readonly<Record<string, (directory: string) => Promise<TargetFixture>>> = {
  "s3 plain": async (directory) => await s3Fixture(directory, "plain"),
  "s3 with versions": async (directory) => await s3Fixture(directory, "versioned"),
  "s3 with object lock": async (directory) => await s3Fixture(directory, "lock"),
  directory: async (directory) => await treeFixture(directory, "directory"),
  rclone: rcloneFixture,
  "rsync with a shell": async (directory) => await treeFixture(directory, "shell"),
};
