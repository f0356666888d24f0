/** `diff`: compares two runs, or a run with the site as it is now. */
import { diffRuns } from "../../api/diff.ts";
import { EXIT } from "../../errors.ts";
import type { Difference } from "../../ops/diff/difference.ts";
import type { Diff } from "../../ops/diff/run.ts";
import { colors as pc } from "../../report/colors.ts";
import { formatBytes, plural } from "../../report/format.ts";
import { printable } from "../../report/printable.ts";
import { lastValue } from "../core/arguments.ts";
import { defineCommand } from "../core/command.ts";
import { SWITCH } from "../core/options.ts";
import { printJson } from "../core/print-json.ts";
import { requireSiteConfig } from "../core/site-config.ts";
import { storeOf } from "../core/store-path.ts";
import { csvLine } from "./csv.ts";

export const diff = defineCommand({
  forms: ["RUN RUN --dest DIR", "RUN --live --config FILE"],
  description: "Compares two runs, or a run with the site as it is now. Exit status 0 if they are equal, 3 if not.",
  positionals: {
    from: { type: "string", demandOption: true, describe: "the id of a run, latest or last" },
    to: { type: "string", describe: "the id of the other run, latest or last" },
  },
  missing: "list the runs of the store with npx tsx scripts/list.ts",
  options: {
    live: { ...SWITCH, describe: "compare with the site as it is now" },
    files: { ...SWITCH, describe: "read archives that have no list of their files" },
    csv: { ...SWITCH, describe: "print the differences as CSV" },
  },
  rules: { conflicts: [["csv", "json"]] },
  async run(flags, { signal }) {
    const { live, files, csv } = flags;
    const site = { store: storeOf(flags), config: () => requireSiteConfig(lastValue(flags.config)) };
    const found = await diffRuns(site, { from: flags.from, to: flags.to, live, files }, { signal });
    if (flags.json) printJson({ message_type: "summary", ...found });
    else if (csv) printCsv(found);
    else if (!flags.quiet) printText(found);
    return found.equal ? EXIT.ok : EXIT.partial;
  },
});

const COLUMNS = ["kind", "change", "step", "unit", "name", "was", "now", "what"] as const;

function printCsv({ differences, notes }: Diff): void {
  process.stdout.write(csvLine(COLUMNS));
  for (const one of differences) process.stdout.write(csvLine(COLUMNS.map((column) => one[column])));
  for (const note of notes) process.stderr.write(`${pc.yellow("note:")} ${printable(note)}\n`);
}

function printText({ from, to, differences, sizes, notes }: Diff): void {
  for (const { step, units, bytes } of sizes) {
    const figures = `${units.join(" → ").padStart(11)} units  ${bytes.map(formatBytes).join(" → ")}`;
    process.stdout.write(`${step.padEnd(17)} ${figures}\n`);
  }
  for (const one of differences) process.stdout.write(`${printable(line(one))}\n`);
  for (const note of notes) process.stdout.write(`${pc.dim(printable(`note: ${note}`))}\n`);
  const count = differences.length;
  process.stdout.write(
    count === 0
      ? `${pc.green("✓")} ${from} and ${to} are equal\n`
      : `${plural(count, "difference")} between ${from} and ${to}\n`,
  );
}

const MARKS = { added: pc.green("+"), removed: pc.red("-"), changed: pc.yellow("~") } as const;

function line({ kind, change, step, unit, name, was, now, what }: Difference): string {
  const about = what === "" ? "" : `, ${what}`;
  return `${MARKS[change]} ${kind.padEnd(9)} ${step}/${unit}${name === null ? "" : ` ${name}`}${figuresOf(kind, was, now)}${about}`;
}

function figuresOf(kind: Difference["kind"], was: number | null, now: number | null): string {
  const figures = [was, now].filter((one) => one !== null);
  if (figures.length === 0) return "";
  const shown = figures.map((one) => (kind === "table" ? one.toLocaleString("en") : formatBytes(one)));
  return `  ${shown[0] === shown[1] ? shown[0] : shown.join(" → ")}${kind === "table" ? " rows" : ""}`;
}
