/** A restore for people: the plan before it, and what came of it. */
import type { RestoreOutcome, RestorePreview } from "../ops/restore.ts";
import { colors as pc } from "../report/colors.ts";
import { formatBytes, plural } from "../report/format.ts";

const SHOWN = 8;

export function showPreview(preview: RestorePreview): string {
  const { run, target, in_place, trees, files, bytes, free_bytes, replaced, databases, by_hand, warnings } = preview;
  return [
    pc.bold(`restore of the run ${run} ${in_place ? "in place, at" : "to"} ${target}`),
    `  ${plural(trees, "archive")}, ${plural(files, "file")}, about ${formatBytes(bytes)}${free_bytes === null ? "" : `; ${formatBytes(free_bytes)} free`}`,
    ...databases.flatMap((one) => [
      `  database ${one.unit}: ${one.rows} rows of ${one.snapshot_at} into ${one.into} (${one.engine})`,
      one.replaces === null
        ? "    is not there yet"
        : `    replaces ${plural(one.replaces.tables, "table")}, ${formatBytes(one.replaces.bytes)}`,
      `    schema: ${schemaText(one)}`,
      ...one.migrations_to_run.slice(0, SHOWN).map((name) => `      will run ${name}`),
      ...more(one.migrations_to_run),
      ...one.warnings.map((text) => `    ${pc.yellow("warning:")} ${text}`),
    ]),
    ...(replaced.length === 0 ? [] : ["  moved aside, and kept:"]),
    ...replaced
      .slice(0, SHOWN)
      .map((one) => `    ${one.path} (${plural(one.files, "file")}, ${formatBytes(one.bytes)})`),
    ...more(replaced),
    ...(by_hand.length === 0 ? [] : ["  left to be done by hand:"]),
    ...by_hand.map((text) => `    ${text}`),
    ...warnings.map((text) => `  ${pc.yellow("warning:")} ${text}`),
  ].join("\n");
}

function schemaText({ schema, unknown_migrations }: RestorePreview["databases"][number]): string {
  if (schema === "exact") return "as the code wants it";
  if (schema === "older") return "older than the code";
  if (schema === "newer")
    return `newer than the code, which does not know ${unknown_migrations.slice(0, 3).join(", ")}`;
  return "not compared: nothing says which migrations the code wants";
}

const more = (list: readonly unknown[]): string[] =>
  list.length > SHOWN ? [`    … and ${list.length - SHOWN} more`] : [];

export function showOutcome({ restore, run, preview, warnings, by_hand, not_proved, kept }: RestoreOutcome): string {
  return [
    ...warnings.map((text) => `${pc.yellow("warning:")} ${text}`),
    ...by_hand.map((text) => `${pc.yellow("by hand:")} ${text}`),
    ...not_proved.map((text) => `${pc.yellow("?")} not proved: ${text}`),
    `${pc.green("✓")} the run ${run} is restored ${preview.in_place ? "in place" : `to ${preview.target}`}: ${formatBytes(preview.bytes)}`,
    ...(kept
      ? [`What was replaced is kept: restore.ts --confirm ${restore} removes it, --rollback ${restore} brings it back.`]
      : []),
  ].join("\n");
}
