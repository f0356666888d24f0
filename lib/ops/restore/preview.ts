/** The plan of a restore as it is shown: its units, their run, their target, and what it would replace. */
import { statfsSync } from "node:fs";
import { dirname, display, isBelow, toBuffer } from "../../archive/path.ts";
import { describeUrl } from "../../database/engines/registry.ts";
import type { PlannedDatabase } from "./swap/databases.ts";
import { labelOf } from "../runs/unit-items.ts";
import type { Lack, MissingUnit } from "./plan/missing-units.ts";
import type { RestorePlan } from "./plan/restore-plan.ts";
import { measureReplaced } from "./plan/space.ts";
import type { RestoreRequest } from "./plan/request.ts";
import { pathExists } from "../../archive/tree/path-exists.ts";

export interface RestorePreview {
  readonly run: string;
  readonly target: string;
  readonly in_place: boolean;
  readonly trees: number;
  readonly files: number;
  readonly bytes: number;
  readonly free_bytes: number | null;
  /** Real paths outside the site's root that the restore writes to. */
  readonly outside: readonly string[];
  /** The existing files and directories that the restore would replace. */
  readonly replaced: readonly { readonly path: string; readonly files: number; readonly bytes: number }[];
  readonly databases: readonly {
    readonly unit: string;
    readonly engine: string;
    readonly into: string;
    readonly bytes: number;
    readonly rows: number;
    readonly snapshot_at: string;
    readonly replaces: { readonly tables: number; readonly bytes: number } | null;
    readonly schema: string;
    readonly migrations_to_run: readonly string[];
    readonly unknown_migrations: readonly string[];
    readonly warnings: readonly string[];
  }[];
  readonly by_hand: readonly string[];
  /** Units that the run lacks and that are not restored. */
  readonly missing: readonly (MissingUnit & {
    /** True if the unit's path on the site stays as it is; false if that path is unknown. */
    readonly left: boolean;
  })[];
  /** Units that the run lacks and that come from an earlier run. */
  readonly completed: readonly MissingUnit[];
  readonly warnings: readonly string[];
}

export function previewOf(
  run: string,
  request: RestoreRequest,
  plan: RestorePlan,
  databases: readonly PlannedDatabase[],
  lacks: readonly Lack[],
): RestorePreview {
  const isCompleted = ({ copies }: Lack): boolean => request.complete === true && copies.length > 0;
  const { target } = request;
  const names = plan.owners.unknown;
  return {
    run,
    target: target.kind === "directory" ? target.directory : target.config.root,
    in_place: target.kind === "in-place",
    trees: plan.unpacks.length,
    files: plan.copies.length,
    bytes: plan.bytes,
    free_bytes: freeBytes(plan),
    outside: target.kind === "directory" ? [] : outsideOf(plan),
    replaced: measureReplaced(plan),
    databases: databases.map(({ item, present, schema, target: to, restorer, warnings }) => ({
      unit: item.unit,
      engine: restorer.engine,
      into: describeUrl(to.url).database,
      bytes: item.record.database_size,
      rows: Object.values(item.record.tables).reduce((sum, { rows }) => sum + rows, 0),
      snapshot_at: item.record.snapshot_at,
      replaces: present === undefined ? null : { tables: present.tables, bytes: present.size_bytes },
      schema: schema.state,
      migrations_to_run: request.migrate ? schema.toRun : [],
      unknown_migrations: schema.unknownToCode,
      warnings,
    })),
    by_hand: plan.byHand,
    missing: lacks
      .filter((lack) => !isCompleted(lack))
      .map(({ missing, copies }) => ({
        ...missing,
        left: copies.length > 0 && copies.every((unit) => plan.left.includes(labelOf(unit))),
      })),
    completed: lacks.filter(isCompleted).map(({ missing }) => missing),
    warnings: names.length === 0 || process.getuid?.() !== 0 ? [] : [unknownUsers(names)],
  };
}

function unknownUsers(names: readonly string[]): string {
  const shown = names.slice(0, 5).join(", ") + (names.length > 5 ? " …" : "");
  return `some users of the backup do not exist on this host, so their files keep the numeric id: ${shown}`;
}

function outsideOf({ targets, root }: RestorePlan): string[] {
  const home = targets.real(root);
  return targets.swaps
    .map(({ live }) => live)
    .filter((live) => live !== home && !isBelow(live, home))
    .map(display);
}

function freeBytes({ targets }: RestorePlan): number | null {
  const base = targets.bases[0];
  if (base === undefined) return null;
  const parent = dirname(base);
  if (!pathExists(parent)) return null;
  const { bavail, bsize } = statfsSync(toBuffer(parent));
  return bavail * bsize;
}
