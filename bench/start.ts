/**
 * What the start of a command costs: CPU seconds, in paired rounds. Run it by `npm run bench start`, with the number of rounds and the
 * checkouts to compare with after it, each of them built.
 */
import { cpus } from "node:os";
import path from "node:path";
import { PACKAGE_ROOT } from "../lib/exec/build-output.ts";
import { measure } from "./support/measure.ts";

const COMMANDS: Readonly<Record<string, string>> = {
  "Node itself": "-e 0",
  "backup_all --version": "dist/scripts/backup_all.js --version",
  "list --help": "dist/scripts/list.js --help",
  "push --help": "dist/scripts/push.js --help",
};

const median = (values: readonly number[]): number =>
  values.toSorted((a, b) => a - b)[values.length >> 1] ?? Number.NaN;

const [rounds = "9", ...others] = process.argv.slice(2);
const checkouts = [PACKAGE_ROOT, ...others.map((one) => path.resolve(one))];
const rows = Object.keys(COMMANDS).flatMap((command) =>
  checkouts.map((checkout) => ({ command, checkout, cpu: [] as number[] })),
);
for (let round = 0; round < Number(rounds); round++)
  for (const { command, checkout, cpu } of rows) {
    const env = { CHECKOUT: checkout, NODE: process.execPath };
    cpu.push((await measure(`cd "$CHECKOUT" && "$NODE" ${COMMANDS[command] ?? ""}`, env)).cpu);
  }

process.stdout.write(`Node ${process.version}, ${cpus().length} processors, ${rounds} rounds\n\n`);
process.stdout.write("| command | checkout | CPU s, median (min–max) | to the first |\n| --- | --- | --- | --- |\n");
for (const { command, checkout, cpu } of rows) {
  const first = rows.find((row) => row.command === command)?.cpu ?? [];
  const ratio = median(cpu.map((value, round) => value / (first[round] ?? Number.NaN)));
  const range = `${median(cpu).toFixed(2)} (${Math.min(...cpu).toFixed(2)}–${Math.max(...cpu).toFixed(2)})`;
  process.stdout.write(`| ${command} | ${checkout} | ${range} | ${ratio.toFixed(2)} |\n`);
}
