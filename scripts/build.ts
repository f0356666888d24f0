/**
 * The second half of `npm run build`: the scripts and workers that the compiler has written to `dist` are replaced by
 * bundles, and the manual page is made. Half of what a script costs is to find, read and compile some hundred small
 * files of packages; docs/adr/0007 has the figures.
 */
import { execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import path from "node:path";
import { build, type BuildOptions, type Plugin } from "esbuild";
import { PACKAGE_ROOT } from "../lib/exec/build-output.ts";
import { manPage } from "./man.ts";

const out = path.resolve(process.argv[2] ?? path.join(PACKAGE_ROOT, "dist"));
const scripts = readdirSync(path.join(PACKAGE_ROOT, "scripts"))
  .filter((file) => !["build.ts", "man.ts", "schema.ts"].includes(file))
  .map((file) => `scripts/${file}`);

const common = {
  absWorkingDir: PACKAGE_ROOT,
  bundle: true,
  platform: "node",
  target: "node20",
  // pino starts threads from files of its own; the others are large, and targets alone load them.
  external: ["pino", "@aws-sdk/client-s3", "hpagent"],
  minifyWhitespace: true,
  minifySyntax: true,
  logLevel: "warning",
} satisfies BuildOptions;

/** The modules that scripts import dynamically: all of a command but its check of Node's version. */
const commands = new Set<string>();

/** Leaves the commands out of a script, which then takes them from the file that all scripts share. */
const shareCommands: Plugin = {
  name: "share-commands",
  setup({ onResolve, onLoad }) {
    onResolve({ filter: /\/lib\/cli\// }, ({ path: file, resolveDir, kind }) => {
      if (kind !== "dynamic-import") return undefined;
      const module = path.relative(PACKAGE_ROOT, path.resolve(resolveDir, file));
      commands.add(module);
      return { path: module, namespace: "command" };
    });
    onLoad({ filter: /.*/, namespace: "command" }, ({ path: module }) => ({
      contents: `module.exports = require("../load-commands.cjs").load(${JSON.stringify(module)});`,
    }));
  },
};

for (const directory of ["chunks", "packages"]) rmSync(path.join(out, directory), { recursive: true, force: true });
if (existsSync(out))
  for (const file of readdirSync(out)) if (file.startsWith("commands-")) rmSync(path.join(out, file));

await build({
  ...common,
  entryPoints: scripts,
  outbase: ".",
  outdir: out,
  format: "esm",
  external: [...common.external, "../load-commands.cjs"],
  banner: { js: 'import { createRequire } from "node:module"; const require = createRequire(import.meta.url);' },
  plugins: [shareCommands],
});

/** Packages that only help and terminals need and that take a while to load, with the export that is called. */
const SELDOM: Readonly<Record<string, string>> = {
  cliui: "default",
  "string-width": "default",
  "log-update": "createLogUpdate",
};

/** Loads those packages at their first call. */
const loadAtFirstCall: Plugin = {
  name: "load-at-first-call",
  setup({ onResolve, onLoad, resolve }) {
    onResolve(
      { filter: new RegExp(`^(${Object.keys(SELDOM).join("|")})$`) },
      async ({ path: name, pluginData, ...of }) => {
        if (pluginData === "resolved") return undefined;
        const { resolveDir, kind, importer } = of;
        const { path: file } = await resolve(name, { resolveDir, kind, importer, pluginData: "resolved" });
        return { path: file, namespace: "first-call", pluginData: SELDOM[name] };
      },
    );
    onLoad({ filter: /.*/, namespace: "first-call" }, ({ path: file, pluginData: name }) => ({
      resolveDir: path.dirname(file),
      contents: `
        const called = (...args) => {
          const module = require(${JSON.stringify(file)});
          return (module.${name} ?? module)(...args);
        };
        export { called as ${name} };`,
    }));
  },
};

/** Packages of which most commands need none; together a third of all code that would be read at every start. */
const APART = ["@secretlint/core", "@secretlint/secretlint-rule-preset-recommend", "mysql2", "nodemailer"];

const fileOf = (name: string): string => `packages/${name.replaceAll("/", "-")}`;

/** Leaves those packages in files of their own, which are read where a command comes to need them. */
const keepApart: Plugin = {
  name: "keep-apart",
  setup({ onResolve, onLoad }) {
    onResolve({ filter: new RegExp(`^(${APART.join("|")})$`) }, ({ path: name }) => ({
      path: name,
      namespace: "apart",
    }));
    onResolve({ filter: /.*/, namespace: "apart" }, ({ path: file }) => ({ path: file, external: true }));
    onLoad({ filter: /.*/, namespace: "apart" }, ({ path: name }) => ({
      contents: `module.exports = require("./${fileOf(name)}.cjs");`,
    }));
  },
};

const cjs = {
  ...common,
  format: "cjs",
  define: { "import.meta.url": "ownUrl" },
  // Only sources resolve modules by themselves: where they are built, they do not come to it.
  logOverride: { "empty-import-meta": "silent" },
} satisfies BuildOptions;

const { outputFiles } = await build({
  ...cjs,
  stdin: {
    resolveDir: PACKAGE_ROOT,
    contents: `module.exports = (module) => {
      switch (module) {
        ${[...commands].map((module) => `case "${module}": return require("./${module}");`).join("\n")}
      }
    };`,
  },
  write: false,
  banner: {
    js: '(function (require, file) { const module = {}; const ownUrl = require("node:url").pathToFileURL(file).href;',
  },
  footer: { js: "return module.exports; })" },
  plugins: [loadAtFirstCall, keepApart],
});

// V8 tells a source by its length alone: code that was kept for another build must have another name.
const source = outputFiles[0]?.contents ?? new Uint8Array();
const name = `commands-${createHash("sha256").update(source).digest("hex").slice(0, 16)}.cjs`;
writeFileSync(path.join(out, name), source);

await build({
  ...cjs,
  entryPoints: ["lib/exec/load-commands.ts"],
  outfile: path.join(out, "load-commands.cjs"),
  define: { ...cjs.define, COMMANDS: JSON.stringify(name) },
  banner: { js: 'const ownUrl = require("node:url").pathToFileURL(__filename).href;' },
});

await build({
  ...cjs,
  entryPoints: Object.fromEntries(APART.map((one) => [fileOf(one), one])),
  outdir: out,
  outExtension: { ".js": ".cjs" },
  banner: { js: 'const ownUrl = require("node:url").pathToFileURL(__filename).href;' },
});

await build({
  ...common,
  entryPoints: [
    "lib/steps/worker.ts",
    "lib/steps/walk-worker.ts",
    "lib/ops/restore/stage/worker.ts",
    "lib/ops/checks/worker.ts",
  ],
  outbase: ".",
  outdir: out,
  splitting: true,
  chunkNames: "chunks/[name]-[hash]",
  format: "esm",
  // Packages that are no modules yet ask for what Node has by `require`.
  banner: { js: 'import { createRequire as bundled } from "node:module"; const require = bundled(import.meta.url);' },
});

// A process of its own: code that has been made for other flags than Node's own is not taken.
const keep = `const { load, writeCache } = require("./load-commands.cjs");
  for (const module of ${JSON.stringify([...commands])}) load(module);
  writeCache();`;
execFileSync(process.execPath, ["-e", keep], { cwd: out, env: {}, stdio: "inherit" });

const day = new Date(Number(process.env["SOURCE_DATE_EPOCH"] ?? Date.now() / 1000) * 1000).toISOString().slice(0, 10);
writeFileSync(path.join(out, "holdfast.1"), await manPage(day));
