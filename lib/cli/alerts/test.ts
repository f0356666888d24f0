/** `alerts test`: sends a test message to each route. */
import { EXIT, HoldfastError } from "../../errors.ts";
import { testRoutes } from "../../ops/alerts/report.ts";
import { colors as pc } from "../../report/colors.ts";
import { printable } from "../../report/printable.ts";
import { lastValue } from "../core/arguments.ts";
import { defineCommand } from "../core/command.ts";
import { printJson } from "../core/print-json.ts";
import { requireSiteConfig } from "../core/site-config.ts";

export const test = defineCommand({
  forms: ["[ROUTE] --config FILE"],
  description: "Sends a test message to each alert route of the config, or to ROUTE, and shows how it answers.",
  positionals: { route: { type: "string", describe: "the name of a route" } },
  options: {},
  async run(flags) {
    const config = requireSiteConfig(lastValue(flags.config));
    const names = config.alerts.routes.map(({ name }) => name);
    if (names.length === 0)
      throw new HoldfastError("E_USAGE", `${config.file} has no alert routes`, {
        hint: "add one to alerts.routes; config/site.example.yaml has one of each kind",
      });
    if (flags.route !== undefined && !names.includes(flags.route))
      throw new HoldfastError("E_USAGE", `unknown route ${flags.route}`, { hint: `use one of ${names.join(", ")}` });
    const answers = await testRoutes(config, flags.route);
    const ok = answers.every((answer) => answer.ok);
    if (flags.json) printJson({ message_type: "summary", ok, routes: answers });
    else if (!flags.quiet || !ok)
      for (const { route, ok: isSent, answer } of answers)
        process.stdout.write(printable(`${isSent ? pc.green("✓") : pc.red("✗")} ${route}: ${answer}`) + "\n");
    return ok ? EXIT.ok : EXIT.failed;
  },
});
