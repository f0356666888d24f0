/** Checks the targets of the config: probes each again, and compares what it keeps with what it kept before. */
import { asHoldfastError } from "../../errors.ts";
import { findStore } from "../../store/open.ts";
import { count, type Problem } from "../checks/check.ts";
import type { DoctorFinding, Installation } from "./check.ts";

/** Probes every target without recording it: `push --probe` does, when the operator has seen what changed. */
export async function checkTargets({ config, store, signal }: Installation): Promise<DoctorFinding | undefined> {
  const names = Object.keys(config.targets);
  if (names.length === 0 || store === undefined) return undefined;
  const { path: place } = await findStore(store);
  const { openNamed } = await import("../push/open.ts");
  const { weakened } = await import("../push/promises.ts");
  const faults: Problem[] = [];
  const warnings: Problem[] = [];
  for (const name of names) {
    try {
      const { target, known } = await openNamed(name, config, place, { signal, onBytes: () => {}, onNote: () => {} });
      try {
        const found = await target.probe();
        if (known === undefined) warnings.push({ path: name, message: "was never probed: nothing to compare with" });
        else faults.push(...weakened(known.capabilities, found).map((message) => ({ path: name, message })));
      } finally {
        await target.close();
      }
    } catch (error) {
      signal.throwIfAborted();
      faults.push({ path: name, message: asHoldfastError(error).message });
    }
  }
  const hint = "npx tsx scripts/push.ts --probe NAME shows a target and records it";
  return { figure: count(names.length, "target"), faults, warnings, hint };
}
