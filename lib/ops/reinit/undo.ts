/** The way back from a reinit that is committed already: the database out of the safety run, by a restore in place. */
import type { SiteConfig } from "../../config/load.ts";
import { restore } from "../restore.ts";
import { endRestore } from "../restore/recover.ts";
import type { Report } from "../../model/event.ts";

export interface UndoWork {
  readonly store: string;
  readonly config: SiteConfig;
  readonly unit: string;
  readonly safetyRun: string;
  readonly signal: AbortSignal;
  readonly report: Report;
}

/** The store's lock must be free: the restore takes it. Throws what a restore throws. */
export async function undoDatabase({ store, config, unit, safetyRun, signal, report }: UndoWork): Promise<void> {
  const done = await restore(
    {
      store,
      run: safetyRun,
      target: { kind: "in-place", config },
      steps: ["db"],
      units: [unit],
      rebuild: false,
      media: true,
      migrate: false,
      allowNewerSchema: true,
      // What is there now is what a reinit left that did not succeed.
      withoutSafety: "a reinit that failed is taken back",
      owners: { by: "name" },
      restoreFlags: [],
      dryRun: false,
      workers: 1,
      breakLock: false,
    },
    { signal, report, confirm: async () => {}, onPhase: () => {} },
  );
  if (done.restore === null || !done.kept) return;
  await endRestore({ store, config, how: "confirm", restore: done.restore, breakLock: false }, { signal, report });
}
