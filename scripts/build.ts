/**
 * The second half of `npm run build`: the manual page is made, and the scripts and workers that the compiler has written to `dist` are replaced by bundles. Half of what a
 * script costs is to find and read some hundred small files of packages; docs/adr/0007 has the figures.
 */
import { readdirSync, rmSync, writeFileSync } from "node:fs";
import path from "node:path";
import { build } from "esbuild";
import { PACKAGE_ROOT } from "../lib/exec/build-output.ts";
import { manPage } from "./man.ts";

const out = process.argv[2] ?? path.join(PACKAGE_ROOT, "dist");
const scripts = readdirSync(path.join(PACKAGE_ROOT, "scripts")).filter(
  (file) => !["build.ts", "man.ts", "schema.ts"].includes(file),
);

rmSync(path.join(out, "chunks"), { recursive: true, force: true });
await build({
  absWorkingDir: PACKAGE_ROOT,
  entryPoints: [
    ...scripts.map((file) => `scripts/${file}`),
    "lib/steps/worker.ts",
    "lib/ops/restore/stage/worker.ts",
    "lib/ops/checks/worker.ts",
  ],
  outbase: ".",
  outdir: out,
  bundle: true,
  splitting: true,
  chunkNames: "chunks/[name]-[hash]",
  platform: "node",
  target: "node20",
  format: "esm",
  // Starts threads from files of its own.
  external: ["pino"],
  // Packages that are no modules yet ask for what Node has by `require`.
  banner: { js: 'import { createRequire as bundled } from "node:module"; const require = bundled(import.meta.url);' },
  minifyWhitespace: true,
  minifySyntax: true,
  logLevel: "warning",
});

const day = new Date(Number(process.env["SOURCE_DATE_EPOCH"] ?? Date.now() / 1000) * 1000).toISOString().slice(0, 10);
writeFileSync(path.join(out, "holdfast.1"), await manPage(day));
