/** `install_systemd`: has systemd back up, verify, drill, prune and watch a site. */
import path from "node:path";
import { EXIT, HoldfastError } from "../../errors.ts";
import { installUnits, uninstallUnits, type ServiceOutcome } from "../../ops/service/install.ts";
import type { ServedSite } from "../../ops/service/units.ts";
import { colors as pc } from "../../report/colors.ts";
import { plural } from "../../report/format.ts";
import { printable } from "../../report/printable.ts";
import { lastValue } from "../core/arguments.ts";
import { defineCommand } from "../core/command.ts";
import { SWITCH, TEXT } from "../core/options.ts";
import { printJson } from "../core/print-json.ts";
import { requireSiteConfig } from "../core/site-config.ts";

export const installSystemd = defineCommand({
  forms: ["[--config FILE | --site NAME]"],
  description:
    "Writes systemd units for a site, checks them and starts its timers: backup, verify, drill, prune and watch.",
  positionals: {},
  options: {
    site: { ...TEXT, describe: "the site whose config is /etc/holdfast/NAME.yaml" },
    root: { ...TEXT, describe: "install into the system below this directory; start nothing" },
    uninstall: { ...SWITCH, describe: "stop the timers and remove the units of the site" },
    "dry-run": { ...SWITCH, describe: "check and print the units; change nothing" },
  },
  async run(flags, { signal }) {
    const name = lastValue(flags.site);
    if (name !== undefined && lastValue(flags.config) !== undefined)
      throw new HoldfastError("E_USAGE", "--site and --config exclude each other");
    const request = { root: lastValue(flags.root), dryRun: flags["dry-run"] };
    const served = (): ServedSite =>
      servedSite(name === undefined ? lastValue(flags.config) : `/etc/holdfast/${name}.yaml`, flags.dest);
    const outcome = flags.uninstall
      ? await uninstallUnits(name ?? served().site, request, signal)
      : await installUnits(served(), request, signal);
    if (flags.json) printJson({ message_type: "summary", dry_run: request.dryRun, ...outcome });
    else if (!flags.quiet) process.stdout.write(textOf(outcome, { ...request, uninstall: flags.uninstall }));
    return EXIT.ok;
  },
});

function servedSite(config: string | undefined, given: string | string[] | undefined): ServedSite {
  const { site, root, file, dest, metrics } = requireSiteConfig(config);
  const store = lastValue(given) ?? dest;
  if (store === undefined)
    throw new HoldfastError("E_CONFIG", `${file} does not name the store`, { hint: "set dest in it" });
  return {
    site,
    config: path.resolve(file),
    store: path.resolve(store),
    metrics: metrics === undefined ? undefined : path.resolve(root, metrics.textfile),
  };
}

function textOf(
  { files, timers }: ServiceOutcome,
  { dryRun, uninstall, root }: { dryRun: boolean; uninstall: boolean; root: string | undefined },
): string {
  if (dryRun && !uninstall)
    return files.map(({ name, text }) => `${pc.bold(`# ${printable(name)}`)}\n${text}\n`).join("");
  if (dryRun) return files.map(({ name }) => `would remove ${printable(name)}\n`).join("");
  if (uninstall) return `${pc.green("✓")} removed ${plural(files.length, "file")}\n`;
  const then = root === undefined ? "; systemctl list-timers 'holdfast-*' shows when they run next" : "";
  return `${pc.green("✓")} ${plural(timers.length, "timer")} enabled${then}\n`;
}
