/** Checks that there is a newest full backup, its age and its status. */
import { asHoldfastError } from "../../errors.ts";
import { listRuns, runDirectory } from "../../store/files/layout.ts";
import { readManifestHead } from "../../store/run/manifest.ts";
import { findStore } from "../../store/open.ts";
import { findRun } from "../runs/find-run.ts";
import { describeLoss } from "../runs/losses.ts";
import { count, type Finding, type Problem } from "../checks/check.ts";

const HOUR_MS = 3_600_000;

const hours = (ms: number): string => `${(ms / HOUR_MS).toFixed(1)} h`;

/** Checks the latest run; also returns the bytes that it wrote, 0 if unknown. */
export async function checkLatestRun(
  dest: string | undefined,
  site: string,
  maxAge: number,
): Promise<{ readonly finding: Finding; readonly written: number }> {
  if (dest === undefined)
    return { finding: { figure: "", problems: [], notProved: "no store is configured" }, written: 0 };
  try {
    const store = await findStore(dest);
    if (store.site !== site) {
      const message = `belongs to the site ${store.site}`;
      return { finding: { figure: "another site's", problems: [{ path: dest, message }] }, written: 0 };
    }
    const run = findRun(store.path, "latest");
    const { finished_at, status, totals } = readManifestHead(runDirectory(store.path, run));
    const age = Date.now() - Date.parse(finished_at);
    const problems: Problem[] = [];
    const say = (message: string): void => void problems.push({ path: `runs/${run}`, message });
    if (age > maxAge * HOUR_MS) say(`is ${hours(age)} old, but the maximum is ${count(maxAge, "hour")}`);
    if (status !== "complete") say(`is ${status}: ${count(totals.failed, "unit")} failed`);
    for (const newer of listRuns(store.path).filter((one) => one > run)) {
      const { kind, scope, losses } = readManifestHead(runDirectory(store.path, newer));
      if (kind !== "backup" || scope !== "full") continue;
      problems.push({
        path: `runs/${newer}`,
        message: `is newer, but not latest: ${losses.map(describeLoss).join("; ")}`,
      });
    }
    const figure = `${run}, ${status}, ${hours(Math.max(0, age))} old`;
    return { finding: { figure, problems }, written: totals.written_bytes };
  } catch (error) {
    const { message } = asHoldfastError(error, "E_STORE");
    return { finding: { figure: "none", problems: [{ path: dest, message }] }, written: 0 };
  }
}
