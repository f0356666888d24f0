/** The end of a demo: verify what was backed up, and show the tree. */
import { readdirSync, statSync } from "node:fs";
import path from "node:path";
import pc from "picocolors";
import { EXIT } from "../errors.ts";
import type { BackupOutcome } from "../ops/backup-request.ts";
import { verify } from "../ops/verify.ts";
import { formatBytes } from "../report/format.ts";
import { showVerification } from "./verify-report.ts";
import { exitOf, type CommandFrame } from "./run-command.ts";

const ENTRIES_SHOWN = 4;

export async function finishDemo(outcome: BackupOutcome, run: string, frame: CommandFrame): Promise<number> {
  const verification = await verify({ store: path.resolve(run, "../.."), run: outcome.run, quick: false }, frame);
  process.stdout.write(
    `\n${pc.bold("verify")}\n${showVerification(verification)}\n\n${pc.bold(run)}\n${treeOf(run, "", 2)}\n`,
  );
  process.stdout.write(
    `Look around, then read ${path.join(run, "RESTORE.md")}: it says how to restore with unzip, tar and sqlite3 alone.\n`,
  );
  return verification.ok ? exitOf(outcome.status) : EXIT.verification;
}

/** A directory as a tree, `depth` levels deep, long ones cut. */
function treeOf(directory: string, indent: string, depth: number): string {
  const names = readdirSync(directory).toSorted((a, b) => a.localeCompare(b, "en", { numeric: true }));
  const shown = indent === "" ? names : names.slice(0, ENTRIES_SHOWN);
  const lines = shown.map((name) => {
    const inner = path.join(directory, name);
    const stat = statSync(inner);
    if (!stat.isDirectory()) return `${indent}  ${name}  ${pc.dim(formatBytes(stat.size))}`;
    return `${indent}  ${name}/${depth > 0 ? `\n${treeOf(inner, `${indent}  `, depth - 1)}` : ""}`;
  });
  if (shown.length < names.length) lines.push(pc.dim(`${indent}  … ${names.length - shown.length} more`));
  return lines.join("\n");
}
