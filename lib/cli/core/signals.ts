/** Signals that end a command. */
import { HoldfastError } from "../../errors.ts";

/** Returns an AbortController that the usual signals abort. A second signal does not shorten the cleanup. */
export function abortOnSignals(): AbortController {
  const controller = new AbortController();
  for (const name of ["SIGINT", "SIGTERM", "SIGHUP"] as const) {
    process.on(name, () => controller.abort(new HoldfastError("E_INTERRUPTED", `interrupted by ${name}`)));
  }
  return controller;
}
