/** Work after a run is published, or after it has failed: it cannot change the outcome. */
import { asHoldfastError } from "../../errors.ts";
import type { Report } from "../../model/event.ts";

/**
 * Does what decides nothing any more: a failure is reported, and changes nothing of the outcome. Returns false when it
 * failed.
 */
export async function attempt(what: string, report: Report, work: () => Promise<void>): Promise<boolean> {
  try {
    await work();
    return true;
  } catch (error) {
    report({
      type: "note",
      level: "error",
      text: `${what}: ${asHoldfastError(error).message}`,
    });
    return false;
  }
}
