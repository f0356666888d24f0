/** Finds the target of each item of a run: below the site's root, outside of it, or below a new directory. */
import type { BytePath } from "../../../../archive/entry.ts";
import { display, fromString, join } from "../../../../archive/path.ts";
import type { SiteConfig } from "../../../../config/load.ts";
import { HoldfastError } from "../../../../errors.ts";
import { isOutside, placeBytes, type Place } from "../../../../store/run/places.ts";
import { ownName } from "../../../runs/borrowed-units.ts";
import { takesOutside } from "./outside.ts";

/** Directory for what has no path below the site's root, in a restore to a directory. */
const EXTRA = ".holdfast";

/** The target: a directory that receives the site as it was, or the paths that the config names. */
export type RestoreTarget =
  | { readonly kind: "directory"; readonly directory: string }
  | { readonly kind: "in-place"; readonly config: SiteConfig };

type NamedPath = Pick<Place, "path" | "path_b64">;

export class TargetPaths {
  readonly root: BytePath;
  readonly #toDirectory: boolean;
  readonly #isTaken: (place: string) => boolean;

  constructor(target: RestoreTarget) {
    this.#toDirectory = target.kind === "directory";
    this.#isTaken = target.kind === "directory" ? () => true : takesOutside(target.config);
    this.root = fromString(target.kind === "directory" ? target.directory : target.config.root);
  }

  /**
   * Returns the destination of a restored item. Throws `E_TARGET` for one outside the root that the config does not
   * name.
   */
  target(place: NamedPath): BytePath {
    const absolute = this.absolute(place);
    if (!isOutside(place) || this.#isTaken(absolute)) return absolute;
    throw new HoldfastError(
      "E_TARGET",
      `the run names ${display(absolute)}, outside the site's root, and the config does not`,
      { hint: "add it to the config, leave the unit out by --step or --unit, or restore to a directory with --to" },
    );
  }

  /** Returns a recorded path as it is in the target. Throws `E_VERIFY` for one that leads elsewhere. */
  absolute(place: NamedPath): BytePath {
    const bytes = placeBytes(place).toString("latin1");
    if (
      bytes
        .slice(isOutside(place) ? 1 : 0)
        .split("/")
        .some((name) => name === ".." || name === "." || (name === "" && bytes !== ""))
    )
      throw new HoldfastError("E_VERIFY", `the run records ${display(bytes)} as a tree, which is not a valid path`);
    if (!isOutside(place)) return join(this.root, bytes);
    return this.#toDirectory ? join(this.extra("outside"), bytes.slice(1)) : bytes;
  }

  /** Returns the path, in a restore to a directory, of an artifact that is no part of the site's root. */
  extra(name: string): BytePath {
    return join(join(this.root, EXTRA), fromString(ownName(name)));
  }
}
