/** `watch`: finds missing runs, commands that hang and old proofs, and sends alerts of them. */
import { EXIT } from "../../errors.ts";
import { watchSite } from "../../api/health.ts";
import type { Watch } from "../../ops/watch/run.ts";
import { colors as pc } from "../../report/colors.ts";
import { plural } from "../../report/format.ts";
import { lastValue } from "../core/arguments.ts";
import { showCheck } from "../core/check-report.ts";
import { defineCommand } from "../core/command.ts";
import { printJson, printProblems } from "../core/print-json.ts";
import { printWarning } from "../../report/warning.ts";
import { requireSiteConfig } from "../core/site-config.ts";
import { storeOf } from "../core/store-path.ts";

export const watch = defineCommand({
  forms: ["--config FILE"],
  description:
    "Checks that a recent run and a recent proof exist and that no command hangs, and sends alerts of what is wrong. Run it by a timer of its own.",
  positionals: {},
  options: {},
  async run(flags, { signal }) {
    const config = requireSiteConfig(lastValue(flags.config));
    const found = await watchSite({ config, store: storeOf(flags) }, { signal });
    const { ok, checks, warnings } = found;
    warnings.forEach(printWarning);
    if (flags.json) {
      printProblems("watch", checks);
      printJson({ message_type: "summary", ...found });
    } else if (!flags.quiet || !ok) {
      for (const check of checks) process.stdout.write(`${showCheck(check)}\n`);
      process.stdout.write(`${conclusion(found)}\n`);
    }
    return ok ? EXIT.ok : EXIT.partial;
  },
});

function conclusion({ site, ok, checks }: Watch): string {
  if (ok) return `${pc.green("✓")} ${site}: nothing is missing or stale`;
  const failed = checks.filter(({ state }) => state === "failed");
  return `${pc.red("✗")} ${site}: ${plural(failed.length, "check")} of ${checks.length} failed`;
}
