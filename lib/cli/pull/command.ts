/** `pull`: copies the runs of another host's store into a copy of it here. */
import path from "node:path";
import { exitOfPull, pullRuns, type PullSummary } from "../../api/push.ts";
import { HoldfastError } from "../../errors.ts";
import { colors as pc } from "../../report/colors.ts";
import { formatBytes, plural } from "../../report/format.ts";
import { phaseReport } from "../../report/phases.ts";
import { printableLines } from "../../report/printable.ts";
import { printWarning } from "../../report/warning.ts";
import { lastValue } from "../core/arguments.ts";
import { defineCommand } from "../core/command.ts";
import { BREAK_LOCK, TEXT } from "../core/options.ts";
import { printJson } from "../core/print-json.ts";
import { siteConfigOf } from "../core/site-config.ts";
import { storeOf } from "../core/store-path.ts";

export const pullCommand = defineCommand({
  forms: ["[RUN] --from ADDRESS --dest DIR"],
  description:
    "Copies the runs of another host's store into a copy of it here, which is made where none is. Nothing here is removed " +
    "or overwritten; a run gets its name when what arrived has the digests of its SHA256SUMS.",
  positionals: { run: { type: "string", describe: "the id of a run (default: every run that was never here)" } },
  options: {
    from: { ...TEXT, describe: "ssh://user@host:port/path, an absolute path, or a target of the config" },
    key: { ...TEXT, describe: "private key for ssh (default: those of ssh and its agent)" },
    "known-hosts": { ...TEXT, describe: "file with the host key for ssh (default: those of ssh)" },
    "break-lock": BREAK_LOCK,
  },
  async run(flags, frame) {
    const [from, key, knownHosts] = [flags.from, flags.key, flags["known-hosts"]].map(lastValue);
    if (from === undefined)
      throw new HoldfastError("E_USAGE", "nothing is given to pull from", { hint: "add --from ssh://user@host/" });
    const site = { store: storeOf(flags), config: siteConfigOf(lastValue(flags.config), lastValue(flags.dest)) };
    const progress = phaseReport(flags, "results");
    progress.phase("pulling");
    const hooks = {
      ...frame,
      onRun: (run: string): void => progress.phase(`pulling ${run}`),
      onBytes: (done: number): void => progress.bytes(done, done),
    };
    const options = {
      from,
      run: flags.run,
      key: absolute(key),
      knownHosts: absolute(knownHosts),
      breakLock: flags["break-lock"],
    };
    const pulled = await pullRuns(site, options, hooks).finally(progress.end);
    if (flags.json) printJson({ message_type: "summary", ...pulled });
    else if (!flags.quiet) process.stdout.write(`${showPull(pulled)}\n`);
    if (!flags.json) pulled.refused.forEach(({ run, message }) => printWarning(`${run} was not taken: ${message}`));
    return exitOfPull(pulled);
  },
});

const absolute = (file: string | undefined): string | undefined =>
  file === undefined ? undefined : path.resolve(file);

function showPull({ from, store, runs, evidence, ok }: PullSummary): string {
  const bytes = runs.reduce((sum, { received_bytes }) => sum + received_bytes, 0);
  const what = runs.length === 1 ? `the run ${runs[0]?.run ?? ""}` : plural(runs.length, "run");
  const more = evidence === 0 ? "" : `, ${plural(evidence, "file")} of evidence`;
  return printableLines([
    `${ok ? pc.green("✓") : pc.red("✗")} ${what} from ${from} in ${store}: received ${formatBytes(bytes)}${more}`,
  ]);
}
