/** Formats a verification: a line for each check, with its problems below. */
import { colors as pc } from "../../report/colors.ts";
import { printableLines } from "../../report/printable.ts";
import { display, fromString } from "../../archive/path.ts";
import type { Check, Verification } from "../../ops/verify/run.ts";

/** The number of problems shown for one check. */
const SHOWN = 20;
const TITLE_WIDTH = 18;

const MARKS = {
  ok: pc.green("✓"),
  failed: pc.red("✗"),
  "not proved": pc.yellow("?"),
  warn: pc.yellow("!"),
  fail: pc.red("✗"),
} as const;

/** What is shown of a check, of whichever command. */
interface ShownCheck extends Pick<Check, "title" | "figure" | "problems" | "notes"> {
  readonly state: keyof typeof MARKS;
}

/** Formats all checks, a line each: `✓ checksums  1,204 files, 3.1 GiB read`. */
export const showVerification = (verification: Verification): string => verification.checks.map(showCheck).join("\n");

/** Formats one check, with the first twenty of its problems and of its notes. */
export function showCheck({ state, title, figure, problems, notes = [] }: ShownCheck): string {
  const lines = [
    `${MARKS[state]} ${title.padEnd(TITLE_WIDTH)} ${figure}`,
    ...problems.slice(0, SHOWN).map(({ path, message }) => `    ${display(fromString(path))}: ${message}`),
  ];
  if (problems.length > SHOWN) lines.push(`    … and ${problems.length - SHOWN} more`);
  lines.push(
    ...notes.slice(0, SHOWN).map(({ path, message }) => pc.dim(`    ${display(fromString(path))}: ${message}`)),
  );
  if (notes.length > SHOWN) lines.push(pc.dim(`    … and ${notes.length - SHOWN} more that are not failures`));
  return printableLines(lines);
}
