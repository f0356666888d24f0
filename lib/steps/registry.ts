/** The steps, a row each. A new step is its folder, its row here and its section of the config. */
import { STEP_NAMES, type StepName, type UnitMetadata } from "../model/unit.ts";
import { audioCommands } from "./audio/restore-commands.ts";
import { compiledCommands } from "./compiled/restore-commands.ts";
import type { Step } from "./core/step.ts";
import { databaseCommands } from "./db/restore-commands.ts";
import { portableCommands } from "./portable/restore-commands.ts";
import { unpackCommands } from "./restore/unpack.ts";
import { snapshotCommands } from "./snapshots/restore-commands.ts";
import { treeCommands } from "./trees/restore-commands.ts";

export interface StepEntry {
  /** Loads the step alone: the process of a step needs no other. */
  readonly load: () => Promise<Step>;
  /** The script that runs the step. */
  readonly script: string;
  /** The heading of its section in RESTORE.md. */
  readonly title: string;
  /** A paragraph under that heading. */
  readonly note?: string;
  /** The title of the check that reads its archives. */
  readonly archives: string;
  /** Restored first, the lowest number before the others: its trees may hold those of other steps. */
  readonly outer?: number;
  /** Large trees are kept in shards, whose number says nothing about their content. */
  readonly sharded?: boolean;
  /** Its units are made and deleted by users of the site, not named by the config. */
  readonly byUsers?: boolean;
  /** Returns the lines of RESTORE.md for a unit. */
  readonly restoreCommands: (metadata: UnitMetadata) => string[];
}

const SHARDS =
  "Unpack the parts in the order of their numbers: a later one replaces files of an earlier one. Then remove what the site had deleted, and give the directories their times.";

/** The table of steps, in the order in which they run beside the dump. */
export const STEPS: Readonly<Record<StepName, StepEntry>> = {
  db: {
    load: async () => (await import("./db/step.ts")).dbStep,
    script: "backup_db",
    title: "Database",
    note: "A dump goes into a new database of the same name; `PGHOST`, `PGUSER` and the like, or `~/.my.cnf`, say on which server and as whom.",
    archives: "database archives",
    restoreCommands: databaseCommands,
  },
  source_exports: {
    load: async () => (await import("./source-exports.ts")).sourceStep,
    script: "backup_source_exports",
    title: "Project sources",
    archives: "source archives",
    byUsers: true,
    restoreCommands: unpackCommands,
  },
  compiled_exports: {
    load: async () => (await import("./compiled/step.ts")).compiledStep,
    script: "backup_compiled_exports",
    title: "Compiled projects",
    note: "A bundle opens from disk as it is. To restore the site's own files, the originals in it replace the rewritten pages and what the bundle added goes.",
    archives: "compiled archives",
    byUsers: true,
    restoreCommands: compiledCommands,
  },
  legacy_zips: {
    load: async () => (await import("./legacy-zips.ts")).legacyStep,
    script: "backup_legacy",
    title: "Legacy content",
    archives: "legacy archives",
    byUsers: true,
    restoreCommands: unpackCommands,
  },
  audio_cache: {
    load: async () => (await import("./audio/step.ts")).audioStep,
    script: "backup_audio_cache",
    title: "Audio cache",
    note: SHARDS,
    archives: "audio shards",
    outer: 3,
    sharded: true,
    restoreCommands: audioCommands,
  },
  portable: {
    load: async () => (await import("./portable/step.ts")).portableStep,
    script: "backup_portable",
    title: "Portable data",
    note: "The databases once more, as lines of JSON with natural keys: not needed where the dumps are restored. Each line of a file under `data/` is a row.",
    archives: "portable archives",
    restoreCommands: portableCommands,
  },
  snapshots: {
    load: async () => (await import("./snapshots/step.ts")).snapshotsStep,
    script: "backup_snapshots",
    title: "Snapshots of whole trees",
    archives: "snapshots",
    outer: 2,
    restoreCommands: snapshotCommands,
  },
  trees: {
    load: async () => (await import("./trees/step.ts")).treesStep,
    script: "backup_trees",
    title: "Trees",
    note: `A large tree is kept in parts. ${SHARDS}`,
    archives: "trees",
    outer: 1,
    sharded: true,
    restoreCommands: treeCommands,
  },
  infra: {
    load: async () => (await import("./infra/step.ts")).infraStep,
    script: "backup_infra",
    title: "Configuration of the host",
    note: "Secrets were left out of these files. Merge them manually with the host's own; no command here overwrites them.",
    archives: "infra archives",
    restoreCommands: () => [],
  },
};

/** Returns all steps, in the order in which they run. */
export const loadSteps = async (): Promise<Step[]> =>
  await Promise.all(Object.values(STEPS).map(async ({ load }) => await load()));

/** Returns the names of the steps in the order in which a restore takes them. */
export function restoreOrder(): StepName[] {
  const rankOf = (name: StepName): number => STEPS[name].outer ?? STEP_NAMES.length;
  return STEP_NAMES.toSorted((a, b) => rankOf(a) - rankOf(b));
}
