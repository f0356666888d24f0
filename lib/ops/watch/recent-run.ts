/** Checks that a full backup was published lately. */
import { listIncomplete } from "../../store/files/layout.ts";
import { fullBackups } from "../runs/full-backups.ts";
import { formatAge, HOUR_MS } from "../../report/format.ts";
import type { WatchCheck } from "./check.ts";

/** Checks the newest full backup, whatever its status: a partial one was reported when it ended. */
export function checkRecentRun(store: string, maxAge: number, now: Date): WatchCheck {
  const title = "recent run";
  const [newest] = fullBackups(store);
  const interrupted = listIncomplete(store).at(-1);
  const also = interrupted === undefined ? "" : `; the run ${interrupted} was begun and not published`;
  const failed = (figure: string, message: string): WatchCheck => ({
    id: "recent_run",
    title,
    state: "failed",
    figure,
    problems: [{ path: store, message: `${message}${also}` }],
  });
  if (newest === undefined) return failed("none", "no full backup has been published");
  const { run, finished_at, status } = newest;
  const age = now.getTime() - Date.parse(finished_at);
  const figure = `${run}, ${status}, ${formatAge(age)} old`;
  if (age <= maxAge * HOUR_MS) return { id: "recent_run", title, state: "ok", figure, problems: [] };
  return failed(figure, `no full backup for ${formatAge(age)}, expected every ${maxAge} h; the newest is ${run}`);
}
