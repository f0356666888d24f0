/** What ends a command from outside. */
import { HoldfastError } from "../../errors.ts";

/** An AbortController that the usual signals abort. A second one does not shorten the clean-up. */
export function abortOnSignals(): AbortController {
  const controller = new AbortController();
  for (const name of ["SIGINT", "SIGTERM", "SIGHUP"] as const) {
    process.on(name, () => controller.abort(new HoldfastError("E_INTERRUPTED", `interrupted by ${name}`)));
  }
  return controller;
}
