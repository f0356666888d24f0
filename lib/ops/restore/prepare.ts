/** Plans a restore against the present target, and opens its databases. */
import { isBelow } from "../../archive/path.ts";
import type { UnitMetadata } from "../../model/unit.ts";
import { newRestoreId, type Journal } from "../journals/restore-journal.ts";
import { isOnServer } from "../runs/unit-items.ts";
import { planRestore } from "./plan/planner.ts";
import type { RestorePlan } from "./plan/restore-plan.ts";
import { previewOf, type RestorePreview } from "./preview.ts";
import { verifyFiles } from "./stage/verify-artifacts.ts";
import { closeDatabases, databasePlaces, fileOf, openDatabases, type PlannedDatabase } from "./swap/databases.ts";
import { describe } from "./swap/fail.ts";
import type { Work } from "./work.ts";

export interface Prepared {
  readonly plan: RestorePlan;
  readonly databases: readonly PlannedDatabase[];
  readonly units: readonly UnitMetadata[];
}

/** Computes the current plan. The databases are open; the caller closes them. */
async function prepare(work: Work, id: string): Promise<Prepared> {
  const { request, options, directory, units, items, pathLocation, lacks, owned } = work;
  const absent = request.complete === true ? [] : lacks.flatMap(({ copies }) => copies);
  let places = await databasePlaces(request, items.databases, options.signal);
  const planWith = (): RestorePlan =>
    planRestore(directory, request, {
      id,
      items,
      units: pathLocation === undefined ? units : [],
      loaded: new Set(places.map(({ item }) => item.unit)),
      absent,
      owned,
      ...(pathLocation === undefined ? {} : { pathLocation }),
    });
  let plan = planWith();
  // A database file inside a replaced tree is restored with that tree; a separate exchange would happen in the old
  // tree.
  for (let rest = outsideOf(plan, places); rest.length < places.length; rest = outsideOf(plan, places)) {
    places = rest;
    plan = planWith();
  }
  // Verifies the dumps first: the error of a server on a damaged dump would look like a fault of the server.
  const dumps = places.map(({ item }) => item.artifact);
  await verifyFiles(directory, dumps, new Map(), options.signal);
  const databases = await openDatabases(request, directory, places, options.signal);
  return { plan, databases, units };
}

const outsideOf = <T extends Pick<PlannedDatabase, "item" | "target">>(plan: RestorePlan, places: readonly T[]): T[] =>
  places.filter(({ item, target }) => {
    if (isOnServer(item)) return true;
    const file = plan.targets.real(fileOf(target));
    return !plan.targets.swaps.some(({ live }) => isBelow(file, live));
  });

/** Returns the plan for people, and changes nothing. */
export async function previewRestore(work: Work): Promise<RestorePreview> {
  const prepared = await prepare(work, newRestoreId(work.store.path));
  try {
    return previewOf(work.run, work.request, prepared.plan, prepared.databases, work.lacks);
  } finally {
    await closeDatabases(prepared.databases);
  }
}

/** Plans again for a journal, which notes a failure. The caller closes the databases. */
export async function prepareFor(journal: Journal, work: Work): Promise<Prepared> {
  try {
    return await prepare(work, journal.document.restore);
  } catch (error) {
    await journal.enter("failed", { error: describe(error) });
    throw error;
  }
}
