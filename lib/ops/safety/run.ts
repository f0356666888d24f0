/** Makes and verifies a safety run before anything is cleared or imported. */
import type { SiteConfig } from "../../config/load.ts";
import { asHoldfastError, HoldfastError } from "../../errors.ts";
import type { StoreLocks } from "../../store/lock/store-locks.ts";
import { dumpFirst } from "./dump.ts";
import { verify } from "../verify/run.ts";

export interface SafetyRequest {
  readonly config: SiteConfig;
  readonly store: string;
  readonly unit: string;
  readonly command: "reinit" | "restore";
  /** Id of that command's restore or reinit. */
  readonly id: string;
  readonly locks: StoreLocks;
  readonly signal: AbortSignal;
}

/** Dumps the database into a run of its own, verifies it, and returns its id. Throws `E_SAFETY` if either fails. */
export async function makeSafetyRun(request: SafetyRequest): Promise<string> {
  const { config, store, unit, command, id, locks, signal } = request;
  try {
    const saved = await dumpFirst({ config, store, units: [unit], command, id, locks, signal });
    const proved = await verify({ store, run: saved.run, quick: false, config, signing: config.signing }, { signal });
    const wrong = proved.checks.find(({ ok }) => !ok);
    if (wrong !== undefined)
      throw new HoldfastError(
        "E_SAFETY",
        `the safety backup ${saved.run} is damaged: ${wrong.title}: ${wrong.problems[0]?.message ?? wrong.figure}`,
      );
    return saved.run;
  } catch (error) {
    signal.throwIfAborted();
    const cause = asHoldfastError(error);
    if (["E_NO_SPACE", "E_LOCKED", "E_PENDING", "E_STORE"].includes(cause.code)) throw cause;
    throw new HoldfastError("E_SAFETY", `the safety dump of ${unit} failed: ${cause.message}`, {
      hint: "nothing was changed; correct the cause and start again",
      cause: error,
    });
  }
}
