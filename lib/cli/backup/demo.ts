/** Ends a demo: verifies the backup and shows its tree. */
import { readdirSync, statSync, type Dirent } from "node:fs";
import path from "node:path";
import { colors as pc } from "../../report/colors.ts";
import { exitOfBackup } from "../../api/backup.ts";
import { EXIT } from "../../errors.ts";
import type { BackupOutcome } from "../../ops/backup/request.ts";
import { verify } from "../../ops/verify/run.ts";
import { formatBytes } from "../../report/format.ts";
import { showVerification } from "../core/check-report.ts";
import type { CommandFrame } from "../core/run-command.ts";

const ENTRIES_SHOWN = 4;

/** Returns the exit status; prints the result if `shown` is set. */
export async function finishDemo(
  outcome: BackupOutcome,
  run: string,
  frame: CommandFrame,
  shown: boolean,
): Promise<number> {
  const store = path.resolve(run, "../..");
  const verification = await verify({ store, run: outcome.run, quick: false }, frame);
  if (shown) {
    process.stdout.write(`\n${pc.bold("verify")}\n${showVerification(verification)}\n\n${pc.bold(run)}\n`);
    process.stdout.write(`${treeOf(run, "  ", 2)}\n\n`);
    process.stdout.write(
      `The demo site is ${store}.site/clara, its config ${store}.site/site.yaml.\n` +
        `${path.join(run, "RESTORE.md")} explains how to restore with only unzip, tar and sqlite3.\n`,
    );
  }
  return verification.ok ? exitOfBackup(outcome) : EXIT.verification;
}

/** Files that every step has, or that only a restore needs, which are shown last. */
const LAST = /^(?:index|failures|metadata)\.json$|\.list$/;

/** Shows a directory as a tree, `depth` levels deep; shortens long lists, and puts a directory of files on one line. */
function treeOf(directory: string, indent: string, depth: number): string {
  const last = (entry: Dirent): number => Number(depth === 2 ? !entry.isDirectory() : LAST.test(entry.name));
  const entries = readdirSync(directory, { withFileTypes: true }).toSorted(
    (a, b) => last(a) - last(b) || a.name.localeCompare(b.name, "en", { numeric: true }),
  );
  const file = ({ name }: Dirent): string =>
    `${name} ${pc.dim(formatBytes(statSync(path.join(directory, name)).size))}`;
  if (depth < 2 && entries.every((entry) => entry.isFile())) return `${indent}${cut(entries.map(file)).join("  ")}`;
  const lines = entries.map((entry) => {
    if (!entry.isDirectory()) return `${indent}${file(entry)}`;
    const inner = depth === 0 ? "" : treeOf(path.join(directory, entry.name), `${indent}  `, depth - 1);
    const shown = inner.includes("\n") || inner === "" ? `\n${inner}` : `  ${inner.trim()}`;
    return `${indent}${entry.name}/${shown}`.trimEnd();
  });
  return (depth === 2 ? lines : cut(lines, indent)).join("\n");
}

/** Returns the first items, and the number of the others. */
const cut = (items: readonly string[], indent = ""): string[] =>
  items.length <= ENTRIES_SHOWN + 1
    ? [...items]
    : [...items.slice(0, ENTRIES_SHOWN), pc.dim(`${indent}… ${items.length - ENTRIES_SHOWN} more`)];
