/** The plan of a restore's file operations. */
import type { BytePath } from "../../../archive/entry.ts";
import type { UnitMetadata } from "../../../model/unit.ts";
import type { PlaceAttributes } from "../../../store/run/places.ts";
import type { Replace } from "../../journals/operations.ts";
import type { ArchivePart, RestoreItems } from "../../runs/unit-items.ts";
import type { PathLocation } from "./paths/locate.ts";
import type { OwnerMap } from "./owner-map.ts";
import type { SwapPlan } from "./swap-plan.ts";

export type Copy = { readonly to: BytePath } & (
  | { readonly artifact: string }
  | {
      readonly text: string;
      readonly like: { readonly uid: number; readonly gid: number; readonly mode: number } | undefined;
    }
);

export interface RestorePlan {
  /** The directory of the run. */
  readonly directory: string;
  /** The target path of the site's root. */
  readonly root: BytePath;
  readonly items: RestoreItems;
  readonly targets: SwapPlan;
  readonly owners: OwnerMap;
  readonly unpacks: readonly {
    readonly part: ArchivePart;
    readonly label: string;
    readonly bytes: number;
    readonly targets: readonly { readonly prefix: BytePath; readonly into: BytePath }[];
  }[];
  /** Single files out of archives: the path they are unpacked to, and the path they are staged at. */
  readonly moves: readonly { readonly from: BytePath; readonly to: BytePath }[];
  readonly copies: readonly Copy[];
  /** Directories that contain units but are in no archive. */
  readonly directories: readonly BytePath[];
  readonly directoryTimes: readonly { readonly list: string; readonly root: BytePath }[];
  /** Attributes of directories and files that no archive describes, the deepest first. */
  readonly attributes: readonly { readonly to: BytePath; readonly attributes: PlaceAttributes }[];
  readonly operations: readonly Replace[];
  readonly bytes: number;
  readonly byHand: readonly string[];
  /** Labels of the units that the run lacks; their paths stay as they are. */
  readonly left: readonly string[];
  /** SQLite databases that come as files: the unit of the dump, and its staging path. */
  readonly sqlite: readonly {
    readonly unit: string;
    readonly artifact: string;
    readonly staged: BytePath;
    readonly live: BytePath;
  }[];
}

export interface PlanOptions {
  readonly id: string;
  /** The items to restore; empty if a path is requested. */
  readonly items: RestoreItems;
  /** The units of the items; empty if a path is requested. */
  readonly units: readonly UnitMetadata[];
  /** The path of `--path`, and the archives that hold it. */
  readonly pathLocation?: PathLocation;
  /** Units of databases that are loaded into a server, or exchanged: this plan has no files for them. */
  readonly loaded: ReadonlySet<string>;
  /** Units that the run lacks, as an earlier run has them: their paths on the site are kept. */
  readonly absent?: readonly UnitMetadata[];
  /** Paths that the units of the config have now: those that are not restored are kept. */
  readonly owned?: readonly BytePath[];
}
