/** `list`: the runs of a store as a table. */
import { colors as pc } from "../report/colors.ts";
import { EXIT } from "../errors.ts";
import type { Scope } from "../model/run.ts";
import { listStore, type ListedRun } from "../ops/list.ts";
import { formatBytes } from "../report/format.ts";
import { commandLine, listOf } from "./arguments.ts";
import { storeCommand } from "./store-command.ts";

export async function listCommand(): Promise<void> {
  await storeCommand(
    (argv) =>
      commandLine("list", "$0 --dest DIR\n\nLists the runs of a store, the newest first.")
        .option("tag", {
          type: "string",
          array: true,
          default: [] as string[],
          describe: "only runs with this tag; may be repeated",
        })
        .parseSync([...argv]),
    async (flags, dest) => {
      const { store, runs } = await listStore(dest, listOf("tag", flags.tag));
      if (flags.json)
        process.stdout.write(
          `${JSON.stringify({ message_type: "summary", store: store.path, site: store.site, runs })}\n`,
        );
      else if (!flags.quiet) process.stdout.write(runs.length === 0 ? `no runs in ${store.path}\n` : showRuns(runs));
      return EXIT.ok;
    },
  );
}

const HEADS = ["run", "status", "scope", "name", "tags", "units", "failed", "size", "written"] as const;
/** Numbers stand to the right. */
const RIGHT = new Set<string>(["units", "failed", "size", "written"]);

function showRuns(runs: readonly ListedRun[]): string {
  const rows = runs.map(cellsOf);
  const widths = HEADS.map((head, column) => Math.max(head.length, ...rows.map((row) => row[column]?.length ?? 0)));
  const line = (cells: readonly string[]): string =>
    cells
      .map((cell, column) =>
        RIGHT.has(HEADS[column] ?? "") ? cell.padStart(widths[column] ?? 0) : cell.padEnd(widths[column] ?? 0),
      )
      .join("  ")
      .trimEnd();
  const marked = rows.map(
    (row, index) => `${line(row)}${runs[index]?.latest === true ? `  ${pc.green("latest")}` : ""}`,
  );
  return [pc.bold(line(HEADS)), ...marked].map((text) => `${text}\n`).join("");
}

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
  ];
}

function scopeText(scope: Scope | null): string {
  if (scope === null || scope === "full") return scope ?? "";
  return Object.entries(scope)
    .map(([key, names]) => `${key.replace("_", "-")} ${(names ?? []).join(",")}`)
    .join("; ");
}
