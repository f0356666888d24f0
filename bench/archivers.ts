/**
 * What packing a tree costs with our writers and with the usual packages: CPU seconds (user and system) of one process each, in paired
 * rounds, and the size of the archive. Run it by `npm run bench archivers`, with the number of rounds after it.
 */
import { createWriteStream, mkdirSync, mkdtempSync, rmSync, statSync, writeFileSync } from "node:fs";
import { cpus, tmpdir } from "node:os";
import path from "node:path";
import { pipeline } from "node:stream/promises";
import { fileURLToPath } from "node:url";
import { TarArchive, ZipArchive } from "archiver";
import * as tar from "tar";
import { buildArchive } from "../lib/archive/build/archive.ts";
import { fromString } from "../lib/archive/path.ts";
import { runCommand } from "../lib/exec/command.ts";

const LEVEL = 4;

type Packer = (tree: string, output: string) => Promise<unknown>;

const own =
  (format: "zip" | "tgz"): Packer =>
  async (tree, output) =>
    await buildArchive({
      format,
      output,
      level: LEVEL,
      recipe: "bench",
      roots: [{ path: fromString(tree), prefix: "" }],
      exclude: [],
      cancelled: () => false,
    });

const PACKERS: Readonly<Record<string, Packer>> = {
  "own zip": own("zip"),
  "archiver zip": async (tree, output) => {
    const archive = new ZipArchive({ zlib: { level: LEVEL } });
    archive.directory(tree, false);
    await Promise.all([archive.finalize(), pipeline(archive, createWriteStream(output))]);
  },
  "own tgz": own("tgz"),
  "archiver tgz": async (tree, output) => {
    const archive = new TarArchive({ gzip: true, gzipOptions: { level: LEVEL } });
    archive.directory(tree, false);
    await Promise.all([archive.finalize(), pipeline(archive, createWriteStream(output))]);
  },
  "tar tgz": async (tree, output) => await tar.create({ cwd: tree, file: output, gzip: { level: LEVEL } }, ["."]),
};

/** 3,000 files in 150 directories, about 52 MB: four fifths of it media that do not shrink, the rest text. */
function plantTree(root: string): void {
  let seed = 1;
  const random = (): number => (seed = (seed * 48_271) % 2_147_483_647);
  for (let directory = 0; directory < 150; directory++) {
    const place = path.join(root, `project_${directory}`);
    mkdirSync(place, { recursive: true });
    for (let file = 0; file < 20; file++) {
      const isMedia = file % 3 === 0;
      const size = isMedia ? 20_000 + (random() % 40_000) : 2000 + (random() % 6000);
      const data = Buffer.alloc(size);
      for (let at = 0; at < size; at++)
        data[at] = isMedia ? random() % 256 : 97 + (((random() >> 8) % 7) * (at % 5)) / 2;
      writeFileSync(path.join(place, isMedia ? `sound_${file}.mp3` : `page_${file}.html`), data);
    }
  }
}

const median = (values: readonly number[]): number =>
  values.toSorted((a, b) => a - b)[values.length >> 1] ?? Number.NaN;

/** The child: packs once, prints what it cost. */
async function packOnce(name: string, tree: string, output: string): Promise<void> {
  const before = process.cpuUsage();
  await PACKERS[name]?.(tree, output);
  const { user, system } = process.cpuUsage(before);
  process.stdout.write(JSON.stringify({ cpu: (user + system) / 1e6, rss: process.resourceUsage().maxRSS / 1024 }));
}

async function main(rounds: number): Promise<void> {
  const directory = mkdtempSync(path.join(tmpdir(), "holdfast-bench-"));
  const measured = new Map(Object.keys(PACKERS).map((name) => [name, { cpu: [] as number[], rss: 0, size: 0 }]));
  try {
    plantTree(path.join(directory, "tree"));
    const output = path.join(directory, "archive");
    const script = [process.execPath, "--import", import.meta.resolve("tsx"), fileURLToPath(import.meta.url)];
    for (let round = 0; round < rounds; round++) {
      for (const [name, { cpu }] of measured) {
        const argv = [...script, "--child", name, path.join(directory, "tree"), output];
        const { stdout } = await runCommand(argv, { signal: AbortSignal.timeout(600_000) });
        const cost = JSON.parse(stdout) as { cpu: number; rss: number };
        cpu.push(cost.cpu);
        Object.assign(measured.get(name) ?? {}, { rss: cost.rss, size: statSync(output).size });
        rmSync(output);
      }
    }
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
  process.stdout.write(`Node ${process.version}, ${cpus().length} processors, level ${LEVEL}, ${rounds} rounds\n\n`);
  process.stdout.write(
    "| packer | CPU s, median (min–max) | ratio | RSS MB | archive MB |\n| --- | --- | --- | --- | --- |\n",
  );
  for (const [name, { cpu, rss, size }] of measured) {
    const base = measured.get(name.endsWith("zip") ? "own zip" : "own tgz")?.cpu ?? [];
    const ratio = median(cpu.map((value, round) => value / (base[round] ?? Number.NaN)));
    const range = `${median(cpu).toFixed(2)} (${Math.min(...cpu).toFixed(2)}–${Math.max(...cpu).toFixed(2)})`;
    process.stdout.write(
      `| ${name} | ${range} | ${ratio.toFixed(1)} | ${rss.toFixed(0)} | ${(size / 1e6).toFixed(1)} |\n`,
    );
  }
}

const [first, name = "", tree = "", output = ""] = process.argv.slice(2);
if (first === "--child") await packOnce(name, tree, output);
else await main(Number(first ?? 5));
