/** A program that gets each alert on standard input. */
import type { SiteConfig } from "../../../config/load.ts";
import { HoldfastError } from "../../../errors.ts";
import { runCommand } from "../../../exec/command.ts";
import { messageOf } from "../core/alert.ts";
import type { Route } from "../core/route.ts";

/** The time that a program has between SIGTERM and SIGKILL: the notifier waits no longer. */
const KILL_AFTER_MS = 500;

/** Returns the route. What the program prints is not shown: it may quote its own secrets. */
export const commandRoute = (
  { root }: Pick<SiteConfig, "root">,
  argv: readonly string[],
  { name, events }: Pick<Route, "name" | "events">,
): Route => ({
  name,
  events,
  send: async (alert, signal) => {
    const { event, site } = alert;
    const env = { HOLDFAST_EVENT: event, HOLDFAST_SITE: site };
    try {
      const input = `${messageOf(alert)}\n`;
      await runCommand(argv, { signal, cwd: root, env, input, isSecret: true, killAfter: KILL_AFTER_MS });
      return { ok: true, answer: "exit status 0" };
    } catch (error) {
      if (signal.aborted) return { ok: false, answer: "no end in time" };
      if (error instanceof HoldfastError) return { ok: false, answer: error.message };
      throw error;
    }
  },
});
