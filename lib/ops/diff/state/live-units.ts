/** The units of the site as a backup would plan them now. */
import { crc32 } from "node:zlib";
import type { BytePath } from "../../../archive/entry.ts";
import { selectEntries } from "../../../archive/build/select-entries.ts";
import type { ExcludeRules } from "../../../archive/tree/exclude-rules.ts";
import { asHoldfastError } from "../../../errors.ts";
import { layersName } from "../../../store/run/layers.ts";
import { placeBytes } from "../../../store/run/places.ts";
import type { StepContext } from "../../../steps/core/context.ts";
import { StepRecord } from "../../../steps/core/record.ts";
import { addEachWith, type Step } from "../../../steps/core/step.ts";
import type { TreeWalker } from "../../../steps/core/tree-walker.ts";
import type { UnitPlace, UnitPlan } from "../../../steps/core/unit-plan.ts";
import type { Entries, FileEntry } from "./entries.ts";
import { onSite } from "../../site/on-site.ts";
import { rulesIn } from "../../runs/unit-items.ts";
import { keyOf, type SideUnit } from "./side.ts";

/** Plans a step; a failure of it, or of a unit, goes to `notes`. */
export async function planUnits(
  given: StepContext,
  step: Step,
  walker: TreeWalker,
  notes: string[],
): Promise<UnitPlan[]> {
  const context: StepContext = {
    ...given,
    report: (event) => {
      if (event.type !== "failure") return;
      const { unit, message, code } = event.failure;
      if (code !== "nothing_compiled") notes.push(`${step.name}${unit === null ? "" : `/${unit}`}: ${message}`);
    },
  };
  const plans: UnitPlan[] = [];
  const add = async (plan: UnitPlan): Promise<void> => void plans.push(plan);
  const addEach = addEachWith(walker, context, add);
  const record = new StepRecord(context, step.name);
  try {
    await step.plan(context, { record, walker, add, addEach });
  } catch (error) {
    context.signal.throwIfAborted();
    notes.push(`${step.name}: ${asHoldfastError(error).message}`);
  }
  return plans;
}

/** Returns the units of a step, the shards of a tree as one. `known` are those of the run that they are compared with. */
export function liveUnits(
  context: StepContext,
  step: Step,
  plans: readonly UnitPlan[],
  { known, files, notes }: LiveComparison,
): Map<string, SideUnit> {
  const units = new Map<string, SideUnit>();
  for (const plan of plans) {
    const layers = plan.fresh?.["layers"];
    const unit = typeof layers === "string" ? layersName(layers) : plan.unit;
    const key = keyOf({ step: step.name, unit });
    const before = units.get(key);
    const places = before === undefined ? (plan.trees ?? []) : [];
    const was = known.get(key);
    const canList = places.length > 0 && was !== undefined && (was.hasList || files) && was.isArchive;
    if (was !== undefined && !canList && plan.fingerprint === null && step.name !== "db")
      notes.push(`${key}: not compared, since it has no fingerprint`);
    units.set(
      key,
      before === undefined
        ? {
            step: step.name,
            unit,
            bytes: plan.bytes,
            digest: digestOf(plan, was, canList),
            hasList: canList,
            isArchive: canList,
            fingerprint: plan.fingerprint,
            entries: async () => (canList ? await walkPlaces(context, places, rulesIn(plan.fresh).rules) : undefined),
          }
        : { ...before, bytes: before.bytes + plan.bytes },
    );
  }
  return units;
}

export interface LiveComparison {
  readonly known: ReadonlyMap<string, SideUnit>;
  /** True if archives may be read. */
  readonly files: boolean;
  readonly notes: string[];
}

/** Returns the recorded digest where the input has the recorded fingerprint, or where nothing tells; null to compare files. */
function digestOf({ fingerprint }: UnitPlan, was: SideUnit | undefined, canList: boolean): string | null {
  if (was === undefined) return null;
  if (fingerprint !== null && fingerprint === was.fingerprint) return was.digest;
  if (canList) return null;
  return fingerprint === null || was.fingerprint === null ? was.digest : `fingerprint ${fingerprint}`;
}

/** Returns the digest of a link's target, as a zip records it. */
const targetDigest = (target: BytePath): string =>
  `crc32:${crc32(Buffer.from(target, "latin1")).toString(16).padStart(8, "0")}`;

/** Walks the trees of a unit by `lstat`, without what belongs to other units. */
async function walkPlaces(
  context: StepContext,
  places: readonly UnitPlace[],
  rules: ExcludeRules | undefined,
): Promise<Entries> {
  const entries = new Map<string, FileEntry>();
  for (const place of places) {
    const at = placeBytes(place).toString("latin1");
    const absolute = onSite(context.config, place);
    const onlyFiles = place.loose ?? false;
    const exclude = [...context.exclude, ...(await context.claims.within(absolute, onlyFiles))];
    const root = { path: absolute, prefix: at, ...(rules === undefined ? {} : { rules }) };
    const nothing = { failed: () => {}, vanished: () => {}, moved: () => {}, sharedMemory: () => {} };
    for (const { entry } of selectEntries({ roots: [root], exclude, onlyFiles }, nothing)) {
      const { path, type, size, mtimeNs, target } = entry;
      if (path === at && place.prefix === "" && type === "directory") continue;
      if (type !== "file" && type !== "directory" && type !== "symlink") continue;
      const mtime = new Date(Number(mtimeNs / 1_000_000n)).toISOString();
      entries.set(path, {
        type,
        size: type === "file" ? size : 0,
        mtime,
        content: type === "symlink" ? targetDigest(target) : null,
      });
    }
  }
  return entries;
}
