/** `list`: shows the runs of a store as a table. */
import { colors as pc } from "../../report/colors.ts";
import { EXIT } from "../../errors.ts";
import type { Scope } from "../../model/run.ts";
import { listRuns, pathsOf, unitsOf, type PathsSummary, type UnitsSummary } from "../../api/runs.ts";
import type { ListedRun } from "../../ops/runs/list.ts";
import { formatColumns } from "../../report/columns.ts";
import { formatBytes } from "../../report/format.ts";
import { printWarning } from "../../report/warning.ts";
import { printable } from "../../report/printable.ts";
import type { ListedUnit } from "../../ops/runs/list-units.ts";
import { parseList, lastValue } from "../core/arguments.ts";
import { defineCommand } from "../core/command.ts";
import { TEXT } from "../core/options.ts";
import { printJson } from "../core/print-json.ts";
import type { OutputFlags } from "../core/run-command.ts";
import { FROM, withStore } from "../core/from.ts";
import { findRun } from "../../ops/runs/find-run.ts";

export const list = defineCommand({
  forms: ["--dest DIR [--units RUN | --tree RUN]"],
  description: "Lists the runs of a store, the newest first, or the units of one.",
  positionals: {},
  options: {
    units: { ...TEXT, describe: "list the units of this run: an id, latest or last" },
    from: FROM,
    tree: { ...TEXT, describe: "list the site's paths in this run, each with its unit" },
    tag: {
      type: "string",
      array: true,
      default: [] as string[],
      describe: "list only runs with this tag; may be repeated",
    },
  },
  rules: {
    conflicts: [
      ["from", "dest"],
      ["units", "tag"],
      ["tree", "tag"],
      ["units", "tree"],
    ],
  },
  async run(flags, frame) {
    return await withStore(flags, frame, async ({ store: dest, content }) => {
      const named = lastValue(flags.units);
      const shown = named ?? lastValue(flags.tree);
      if (shown !== undefined) await content?.documents(findRun(dest, shown));
      if (named !== undefined) return showUnits(await unitsOf(dest, { run: named }), flags);
      const tree = lastValue(flags.tree);
      if (tree !== undefined) return showTree(await pathsOf(dest, { run: tree }), flags);
      const listing = await listRuns(dest, { tags: parseList("tag", flags.tag) });
      const { store, runs, warnings } = listing;
      if (flags.json) printJson({ message_type: "summary", ...listing });
      else if (!flags.quiet) process.stdout.write(runs.length === 0 ? `no runs in ${store}\n` : showRuns(runs));
      if (!flags.json) warnings.forEach(printWarning);
      return EXIT.ok;
    });
  },
});

function showUnits(summary: UnitsSummary, { json, quiet }: OutputFlags): number {
  if (json) printJson({ message_type: "summary", ...summary });
  else if (!quiet) process.stdout.write(formatColumns(UNIT_HEADS, summary.units.map(unitCells), { right: RIGHT }));
  return EXIT.ok;
}

function showTree(summary: PathsSummary, { json, quiet }: OutputFlags): number {
  if (json) printJson({ message_type: "summary", ...summary });
  else if (!quiet)
    process.stdout.write(
      formatColumns(
        ["path", "step", "unit"],
        summary.paths.map(({ path, step, unit }) => [path, step, unit].map(printable)),
      ),
    );
  return EXIT.ok;
}

const UNIT_HEADS = ["step", "unit", "built in", "files", "size", "artifacts"];

const unitCells = ({ step, unit, built_in, files, size_bytes, artifacts }: ListedUnit): string[] => [
  step,
  printable(unit),
  built_in,
  files?.toLocaleString("en") ?? "",
  formatBytes(size_bytes),
  artifacts.map(printable).join(" "),
];

const HEADS = ["run", "status", "scope", "name", "tags", "units", "failed", "size", "written", "proved"] as const;
const RIGHT = ["units", "failed", "size", "written", "proved", "files"];

const showRuns = (runs: readonly ListedRun[]): string =>
  formatColumns(
    HEADS,
    runs.map((run) => cellsOf(run).map(printable)),
    { right: RIGHT, marks: runs.map(({ latest }) => (latest ? `  ${pc.green("latest")}` : "")) },
  );

function cellsOf(run: ListedRun): string[] {
  const number = (value: number | null): string => value?.toLocaleString("en") ?? "";
  const bytes = (value: number | null): string => (value === null ? "" : formatBytes(value));
  const scope = run.kind === "safety" ? "safety" : scopeText(run.scope);
  return [
    run.run,
    run.status,
    scope,
    run.name ?? "",
    run.tags.join(","),
    number(run.units),
    number(run.failed),
    bytes(run.size_bytes),
    bytes(run.written_bytes),
    percent(run.proof_coverage),
  ];
}

/** Returns a part as per cent, rounded down, so that 100 % is all of it; nothing for none. */
const percent = (part: number | null): string =>
  part === null || part === 0 ? "" : `${Math.floor(part * 1000) / 10} %`;

function scopeText(scope: Scope | null): string {
  if (scope === null || scope === "full") return scope ?? "";
  return Object.entries(scope)
    .map(([key, names]) => `${key.replace("_", "-")} ${(names ?? []).join(",")}`)
    .join("; ");
}
