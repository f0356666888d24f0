/** Formats the results of `push` for people. */
import type { ProbeSummary, PushSummary, TargetVerificationSummary } from "../../api/push.ts";
import { colors as pc } from "../../report/colors.ts";
import { formatBytes, plural } from "../../report/format.ts";
import { printable, printableLines } from "../../report/printable.ts";

const SHOWN = 20;

export function showPush({ target, address, runs, dry_run, locks_extended }: PushSummary): string {
  const sent = runs.reduce((sum, { sent_bytes }) => sum + sent_bytes, 0);
  const size = runs.reduce((sum, { size_bytes }) => sum + size_bytes, 0);
  const what = runs.length === 1 ? `the run ${runs[0]?.run ?? ""}` : plural(runs.length, "run");
  const locks = locks_extended === 0 ? "" : `, ${plural(locks_extended, "lock")} extended`;
  const how = dry_run
    ? `would send ${formatBytes(sent)} of ${formatBytes(size)}; nothing was sent`
    : `sent ${formatBytes(sent)} of ${formatBytes(size)}${locks}`;
  return printable(`${what} to ${target} (${address}): ${how}`);
}

/** Each capability, and what it means when it is there. */
const MEANINGS = {
  signed_payload: "refuses content that is not what was signed",
  if_none_match: "refuses to write an object again",
  if_none_match_versioned: "refuses to write an object again, with versions",
  checksum_sha256: "checks a declared sha256, and returns it",
  multipart_list: "lists the parts of an unfinished upload",
  object_lock: "keeps locked objects",
  lock_extend: "extends locks",
  can_read: "these credentials can read",
  can_list: "these credentials can list",
  can_delete: "these credentials can delete",
} as const satisfies Record<Exclude<keyof ProbeSummary["capabilities"], "owner">, string>;

export function showProbe({ target, address, capabilities }: ProbeSummary): string {
  const values = new Map<string, unknown>(Object.entries(capabilities));
  const lines = Object.entries(MEANINGS).map(([name, text]) => {
    const value = values.get(name);
    return `  ${value === true ? "yes" : value === false ? "no " : "–  "}  ${text}`;
  });
  const owner = capabilities.owner === null ? [] : [`  what is written belongs to ${capabilities.owner}`];
  return printableLines([`${target} (${address})`, ...lines, ...owner]);
}

export function showTargetCheck(check: TargetVerificationSummary["runs"][number]): string {
  const { run, problems, documents, declared, read, read_bytes, unread } = check;
  const figure = [
    plural(documents, "document"),
    `${declared + read} of ${plural(declared + read + unread, "artifact")} proved`,
    ...(read > 0 ? [`${formatBytes(read_bytes)} read back`] : []),
  ].join(", ");
  const more = problems.length > SHOWN ? [`    … and ${problems.length - SHOWN} more`] : [];
  return printableLines([
    `${problems.length === 0 ? pc.green("✓") : pc.red("✗")} ${run}: ${figure}`,
    ...problems.slice(0, SHOWN).map(({ path, message }) => `    ${path}: ${message}`),
    ...more,
  ]);
}

export function showVerification({
  target,
  address,
  ok,
  runs,
  missing,
  error_count,
}: TargetVerificationSummary): string {
  const place = `${target} (${address})`;
  const lost = missing.map((run) => `    ${run}: was acknowledged, and is not there any more`);
  const line = ok
    ? `${pc.green("✓")} ${plural(runs.length, "run")} on ${place} as recorded`
    : `${pc.red("✗")} ${plural(error_count, "problem")} on ${place}`;
  return printableLines([line, ...lost]);
}
