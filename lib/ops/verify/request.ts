/** What a verification is asked for. */
import type { Signing } from "../../config/settings/signing.ts";
import type { SiteConfig } from "../../config/load.ts";
import type { Sample } from "./inventory/sample.ts";
import type { ContentSource } from "../runs/content-source.ts";

export interface VerifyRequest {
  /** Path of the store. */
  readonly store: string;
  /** A run's id, or `latest`. */
  readonly run: string;
  /** Documents and sizes only; no artifact is read. */
  readonly quick: boolean;
  /** The part of the artifacts to read; all when absent. */
  readonly sample?: Sample;
  /** Restore the dumps into scratch databases as well, and open compiled texts in a browser. */
  readonly deep?: boolean;
  /** URL of a server for scratch databases; a private one when absent. */
  readonly scratch?: string | undefined;
  /** Null where there is no browser; that of this host when absent. */
  readonly chromium?: string | null;
  /** Compare with the current site as well; needs the config. */
  readonly live?: boolean;
  /** A directory for the evidence; the store when absent. */
  readonly evidence?: string | undefined;
  /** Brings artifacts that are not in the store's directory. */
  readonly content?: ContentSource | undefined;
  /** Files of identities that open sealed artifacts; those of the config when empty. */
  readonly identities?: readonly string[] | undefined;
  /** The config of the site; without it the application is not asked. */
  readonly config?: SiteConfig | undefined;
  /** The signers whose signatures count; signs the evidence, if it has a key. */
  readonly signing?: Signing | undefined;
}
