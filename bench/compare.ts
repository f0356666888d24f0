/**
 * Holdfast against its peers, on the same site, in the same rounds: `npm run bench` or `npm run bench compare`, with `--size small|medium|large`,
 * `--rounds N`, `--only restic,tar` and `--directory DIR` after it. Prints a table and writes it to `bench/results/`.
 */
import { execFileSync } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { cpus, hostname, loadavg, tmpdir, totalmem } from "node:os";
import path from "node:path";
import yargs from "yargs";
import { measure, type Cost } from "./support/measure.ts";
import { programs, WORKS, type Program, type Work } from "./support/programs.ts";
import { changeSome, plantSite, SIZES, type Size } from "./support/site.ts";

const flags = yargs(process.argv.slice(2))
  .option("size", { choices: Object.keys(SIZES), default: "small" })
  .option("rounds", { type: "number", default: 5 })
  .option("only", {
    type: "string",
    default: "",
    describe: "peers to run beside Holdfast, by the beginnings of their names",
  })
  .option("directory", { type: "string", default: tmpdir() })
  .strict()
  .parseSync();

/** What a fingerprint calls too young to be trusted. */
const AT_REST_MS = 2100;

const sizeOf = (name: string): Size => (Object.keys(SIZES) as Size[]).find((size) => size === name) ?? "small";

type Costs = Map<string, Map<Work, Cost[]>>;

async function main(): Promise<void> {
  mkdirSync(flags.directory, { recursive: true });
  const directory = mkdtempSync(path.join(flags.directory, "holdfast-bench-"));
  const costs: Costs = new Map();
  try {
    const site = plantSite(directory, sizeOf(flags.size));
    const wanted = flags.only.split(",").filter((name) => name !== "");
    const running = programs(site, path.join(directory, "state")).filter(
      ({ name }) => name === "holdfast" || wanted.length === 0 || wanted.some((one) => name.startsWith(one)),
    );
    for (let round = 1; round <= flags.rounds; round++) {
      process.stderr.write(`round ${round} of ${flags.rounds}, load ${loadavg()[0]?.toFixed(1)}\n`);
      const stores = path.join(directory, `round-${round}`);
      mkdirSync(stores);
      for (const work of WORKS) {
        if (work === "changed") changeSome(site, round);
        await new Promise((resolve) => setTimeout(resolve, AT_REST_MS));
        // Who goes first changes with the round: the caches of the machine favour whoever follows.
        for (const [index] of running.entries()) {
          const program = running[(index + round) % running.length];
          if (program !== undefined) await once(program, work, stores, costs);
        }
      }
      rmSync(stores, { recursive: true, force: true });
    }
    const table = render(costs, running);
    process.stdout.write(table);
    save(table, running);
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
}

let restored = 0;

async function once(program: Program, work: Work, stores: string, costs: Costs): Promise<void> {
  // What was restored stays until the round is over: ext4 makes files slowly for a while after many were removed.
  const out = path.join(stores, `restored-${restored++}`);
  const line = program.line(work, path.join(stores, program.name.replaceAll(/\W+/g, "-")), out);
  if (line === undefined) return;
  const cost = await measure(line, program.env);
  const own = costs.get(program.name) ?? new Map<Work, Cost[]>();
  own.set(work, [...(own.get(work) ?? []), cost]);
  costs.set(program.name, own);
}

const median = (values: readonly number[]): number =>
  values.toSorted((a, b) => a - b)[values.length >> 1] ?? Number.NaN;

/** Medians, with the least and the most, and the median of the ratios of each round. */
function render(costs: Costs, running: readonly Program[]): string {
  const lines = [
    "| work | program | wall s | CPU s | peak MB | Holdfast / it, wall | CPU |",
    "|---|---|---|---|---|---|---|",
  ];
  for (const work of WORKS)
    for (const { name } of running) {
      const own = costs.get(name)?.get(work);
      const ours = costs.get("holdfast")?.get(work);
      if (own === undefined || ours === undefined) continue;
      const spread = (pick: (cost: Cost) => number, digits: number): string => {
        const values = own.map(pick);
        return `${median(values).toFixed(digits)} (${Math.min(...values).toFixed(digits)}–${Math.max(...values).toFixed(digits)})`;
      };
      const ratio = (pick: (cost: Cost) => number): string =>
        name === "holdfast" ? "" : median(own.map((cost, round) => pick(ours[round] ?? cost) / pick(cost))).toFixed(2);
      lines.push(
        `| ${work} | ${name} | ${spread((cost) => cost.wall, 2)} | ${spread((cost) => cost.cpu, 2)} | ${spread((cost) => cost.rss, 0)} | ${ratio((cost) => cost.wall)} | ${ratio((cost) => cost.cpu)} |`,
      );
    }
  return `${lines.join("\n")}\n`;
}

function save(table: string, running: readonly Program[]): void {
  const results = path.join(import.meta.dirname, "results");
  mkdirSync(results, { recursive: true });
  const at = new Date().toISOString();
  const versions = running.map(({ name, version }) => `${name}: ${firstLine(version)}`);
  const head = [
    `# ${flags.size} site, ${flags.rounds} rounds`,
    "",
    `\`npm run bench -- --size ${flags.size} --rounds ${flags.rounds}\` on ${at} (${hostname()}: ${cpus().length} × ${cpus()[0]?.model ?? "?"}, ${(totalmem() / 2 ** 30).toFixed(0)} GiB, load at the end ${loadavg()[0]?.toFixed(1)})`,
    "",
    ...versions.map((text) => `- ${text}`),
    "",
    table,
  ];
  const file = path.join(results, `${flags.size}-${at.slice(0, 16).replaceAll(":", "")}.md`);
  writeFileSync(file, head.join("\n"));
  process.stderr.write(`${path.relative(process.cwd(), file)}\n`);
}

const firstLine = (command: string): string =>
  execFileSync("bash", ["-c", `${command} | head -2`])
    .toString()
    .trim()
    .split("\n")
    .join(" ");

await main();
