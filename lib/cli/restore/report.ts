/** Formats the plan and the outcome of a restore. */
import type { RestoreOutcome, RestorePreview } from "../../ops/restore/run.ts";
import { nameOf } from "../../ops/restore/plan/missing-units.ts";
import { colors as pc } from "../../report/colors.ts";
import { formatBytes, plural } from "../../report/format.ts";
import { printableLines } from "../../report/printable.ts";
import { asStarted, withGivenFlags } from "../core/given-flags.ts";

const SHOWN = 8;

export function showPreview(preview: RestorePreview): string {
  const { run, target, in_place, trees, files, bytes, free_bytes, replaced, databases, by_hand, warnings } = preview;
  const { missing, completed, outside } = preview;
  const free = free_bytes === null ? "" : `; ${formatBytes(free_bytes)} free`;
  return printableLines([
    pc.bold(`restore of the run ${run} ${in_place ? "in place, at" : "to"} ${target}`),
    `  ${plural(trees, "archive")}, ${plural(files, "file")}, about ${formatBytes(bytes)}${free}`,
    ...databases.flatMap((one) => [
      `  database ${one.unit}: ${one.rows} rows of ${one.snapshot_at} into ${one.into} (${one.engine})`,
      one.replaces === null
        ? "    does not exist yet"
        : `    replaces ${plural(one.replaces.tables, "table")}, ${formatBytes(one.replaces.bytes)}`,
      `    schema: ${schemaText(one)}`,
      ...one.migrations_to_run.slice(0, SHOWN).map((name) => `      will run ${name}`),
      ...more(one.migrations_to_run),
      ...one.warnings.map((text) => `    ${pc.yellow("warning:")} ${text}`),
    ]),
    ...(outside.length === 0 ? [] : ["  outside the site's root:"]),
    ...outside.map((one) => `    ${one}`),
    ...(replaced.length === 0 ? [] : ["  replaced, and kept:"]),
    ...replaced
      .slice(0, SHOWN)
      .map((one) => `    ${one.path} (${plural(one.files, "file")}, ${formatBytes(one.bytes)})`),
    ...more(replaced),
    ...(completed.length === 0 ? [] : ["  missing in the run, taken from earlier runs:"]),
    ...completed.slice(0, SHOWN).map((one) => `    ${nameOf(one)} from the run ${one.found_in ?? ""} (${one.code})`),
    ...more(completed),
    ...(missing.length === 0 ? [] : [`  ${pc.yellow("missing in the run, and not restored:")}`]),
    ...missing.slice(0, SHOWN).map((one) => `    ${missingText(one)}`),
    ...more(missing),
    ...(by_hand.length === 0 ? [] : ["  manual steps:"]),
    ...by_hand.map((text) => `    ${asStarted(text)}`),
    ...warnings.map((text) => `  ${pc.yellow("warning:")} ${text}`),
  ]);
}

function schemaText({ schema, unknown_migrations }: RestorePreview["databases"][number]): string {
  if (schema === "exact") return "as the code expects";
  if (schema === "older") return "older than the code";
  if (schema === "newer")
    return `newer than the code, which does not know ${unknown_migrations.slice(0, 3).join(", ")}`;
  return "not compared: the migrations that the code expects are unknown";
}

const more = (list: readonly unknown[]): string[] =>
  list.length > SHOWN ? [`    … and ${list.length - SHOWN} more`] : [];

/** Formats a unit that is not restored: its failure, a run that holds it, and whether its path on the site is kept. */
export function missingText({
  accepted,
  code,
  message,
  found_in,
  left,
  ...unit
}: RestorePreview["missing"][number]): string {
  const why = `${code}${accepted ? ", accepted" : ""}: ${message}`;
  const source = found_in === null ? "no earlier run holds it" : `use --complete to take it from the run ${found_in}`;
  return `${pc.yellow("missing:")} ${nameOf(unit)} (${why}); ${source}${left ? "; it stays as it is on the site" : ""}`;
}

export function showOutcome(outcome: RestoreOutcome): string {
  const { restore, run, preview, warnings, by_hand, not_proved, kept, missing, completed } = outcome;
  const from = [...new Set(completed.map(({ found_in }) => found_in ?? ""))].toSorted();
  const mark = missing.some(({ accepted }) => !accepted) ? pc.yellow("!") : pc.green("✓");
  const without = missing.length === 0 ? "" : `, without ${plural(missing.length, "unit")} that it lacks,`;
  const target = preview.in_place ? "in place" : `to ${preview.target}`;
  const done = `npx tsx scripts/restore.ts --confirm ${restore} removes it, --rollback ${restore} puts it back`;
  return printableLines([
    ...missing.map(missingText),
    ...(completed.length === 0
      ? []
      : [`${plural(completed.length, "unit")} missing in the run came from ${from.join(", ")}`]),
    ...warnings.map((text) => `${pc.yellow("warning:")} ${text}`),
    ...by_hand.map((text) => `${pc.yellow("manual:")} ${asStarted(text)}`),
    ...not_proved.map((text) => `${pc.yellow("?")} not proved: ${text}`),
    `${mark} the run ${run} is restored${without} ${target}: ${formatBytes(preview.bytes)}`,
    ...(kept ? [withGivenFlags(`What was replaced is kept: ${done}.`)] : []),
  ]);
}
