/** The end of a demo: verify what was backed up, and show the tree. */
import { readdirSync, statSync, type Dirent } from "node:fs";
import path from "node:path";
import { colors as pc } from "../../report/colors.ts";
import { EXIT } from "../../errors.ts";
import type { BackupOutcome } from "../../ops/backup/request.ts";
import { verify } from "../../ops/verify/run.ts";
import { formatBytes } from "../../report/format.ts";
import { showVerification } from "../core/check-report.ts";
import { exitOf, type CommandFrame } from "../core/run-command.ts";

const ENTRIES_SHOWN = 4;

/** Gives the exit status; prints what it found where it is `shown`. */
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
        `${path.join(run, "RESTORE.md")} says how to restore with unzip, tar and sqlite3 alone.\n`,
    );
  }
  return verification.ok ? exitOf(outcome.status) : EXIT.verification;
}

/** What every step has, and what only a restore needs: shown last. */
const LAST = /^(?:index|failures|metadata)\.json$|\.list$/;

/** A directory as a tree, `depth` levels deep: long lists cut, a directory of files alone in one line. */
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
    return `${indent}${entry.name}/${inner.includes("\n") || inner === "" ? `\n${inner}` : `  ${inner.trim()}`}`.trimEnd();
  });
  return (depth === 2 ? lines : cut(lines, indent)).join("\n");
}

/** The first few, and how many more there are. */
const cut = (items: readonly string[], indent = ""): string[] =>
  items.length <= ENTRIES_SHOWN + 1
    ? [...items]
    : [...items.slice(0, ENTRIES_SHOWN), pc.dim(`${indent}… ${items.length - ENTRIES_SHOWN} more`)];
