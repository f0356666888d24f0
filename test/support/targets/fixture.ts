/** A place that targets copy to, new and empty, and how a client of another make sees it. */
import type { TargetSettings } from "../../../lib/config/settings/targets/target.ts";
import type { Capabilities } from "../../../lib/targets/core/capabilities.ts";

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
